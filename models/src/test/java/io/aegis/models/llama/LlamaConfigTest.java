package io.aegis.models.llama;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.weights.ConfigJson;
import io.aegis.weights.WeightsException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LlamaConfigTest {
    @TempDir
    Path folder;

    private LlamaConfig read(String json) {
        try {
            Files.writeString(folder.resolve("config.json"), json.replace('\'', '"'));
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
        return LlamaConfig.of(ConfigJson.read(folder), 100);
    }

    @Test
    void absentKeysAreThoseOfLlama2() {
        LlamaConfig c = read("{'rms_norm_eps': 1e-5, 'max_position_embeddings': 4096, 'vocab_size': 7}");
        assertThat(c)
                .isEqualTo(
                        new LlamaConfig(100, 4096, 11008, 32, 32, 32, 128, 1e-5, 10000, RopeScaling.NONE, false, 4096));
    }

    @Test
    void headsNeedNotFillTheWidth() {
        LlamaConfig c = read("{'hidden_size': 50, 'num_attention_heads': 4, 'num_key_value_heads': 2, 'head_dim': 6}");
        assertThat(c.headSize()).isEqualTo(6);
        assertThat(c.keyHeads()).isEqualTo(2);
    }

    @Test
    void scalingIsReadInEitherSpelling() {
        String llama3 = "'factor': 8.0, 'low_freq_factor': 1.0, 'high_freq_factor': 4.0,"
                + " 'original_max_position_embeddings': 64}";
        RopeScaling expected = new RopeScaling.Llama3(8, 1, 4, 64);
        assertThat(read("{'rope_scaling': {'rope_type': 'llama3', " + llama3 + "}")
                        .scaling())
                .isEqualTo(expected);
        LlamaConfig newer = read("{'rope_parameters': {'rope_type': 'llama3', 'rope_theta': 500000.0, " + llama3 + "}");
        assertThat(newer.scaling()).isEqualTo(expected);
        assertThat(newer.theta()).isEqualTo(500000);
        assertThat(read("{'rope_scaling': {'type': 'linear', 'factor': 4}}").scaling())
                .isEqualTo(new RopeScaling.Linear(4));
        assertThat(read("{'rope_scaling': null}").scaling()).isEqualTo(RopeScaling.NONE);
        assertThat(read("{'rope_parameters': {'rope_type': 'default', 'rope_theta': 7.5}}")
                        .theta())
                .isEqualTo(7.5);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "'hidden_size': 770, 'num_attention_heads': 12 | num_attention_heads 12 does not divide hidden_size 770",
                "'num_attention_heads': 32, 'num_key_value_heads': 5 | num_key_value_heads 5 does not divide num_attention_heads 32",
                "'hidden_size': 12, 'num_attention_heads': 4 | heads of 3 channels cannot be turned in pairs",
                "'attention_bias': true | attention_bias true is not supported",
                "'mlp_bias': true | mlp_bias true is not supported",
                "'hidden_act': 'gelu' | hidden_act \"gelu\" is not supported",
                "'hidden_size': 'big' | hidden_size is \"big\", expected a whole number above 0",
                "'num_hidden_layers': 100000000 | num_hidden_layers 100000000 is not between 1 and 1000",
                "'rms_norm_eps': 0 | rms_norm_eps 0.0 is not above 0",
                "'rope_theta': -1 | rope_theta -1.0 is not above 1",
                "'rope_theta': 5, 'rope_parameters': {'rope_theta': 6} | contradicts rope_parameters.rope_theta 6.0",
                "'rope_scaling': {'type': 'yarn', 'factor': 4} | rope_scaling.type \"yarn\" is not supported",
                "'rope_scaling': {'type': 'dynamic', 'factor': 4} | rope_scaling.type \"dynamic\" is not supported",
                "'rope_scaling': {'type': 'linear'} | rope_scaling.factor is missing",
                "'rope_scaling': {'type': 'linear', 'factor': 0.5} | rope_scaling.factor 0.5 is below 1",
                "'rope_scaling': {'rope_type': 'llama3', 'factor': 8, 'low_freq_factor': 4, 'high_freq_factor': 4,"
                        + " 'original_max_position_embeddings': 64} | high_freq_factor 4 is not above low_freq_factor",
                "'rope_scaling': {'type': 'linear', 'factor': 2}, 'rope_parameters': {'rope_type': 'default'} |"
                        + " contradicts rope_scaling",
                "'rope_parameters': {'partial_rotary_factor': 0.5} | partial_rotary_factor 0.5 is not supported",
            })
    void contradictionsAreNamed(String keys, String message) {
        assertThatThrownBy(() -> read("{" + keys.replace('"', '\'') + "}"))
                .isInstanceOf(WeightsException.class)
                .hasMessageStartingWith(folder.resolve("config.json") + ": ")
                .hasMessageContaining(message);
    }
}
