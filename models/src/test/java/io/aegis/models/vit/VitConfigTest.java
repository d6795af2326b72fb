package io.aegis.models.vit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.kernels.Activation;
import io.aegis.weights.ConfigJson;
import io.aegis.weights.WeightsException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class VitConfigTest {
    @TempDir
    Path folder;

    private VitConfig read(String text) throws IOException {
        return VitConfig.read(
                ConfigJson.read(Files.writeString(folder.resolve("config.json"), text.replace('\'', '"'))));
    }

    @Test
    void publishedTowersHaveTheirSizes() {
        VitConfig siglip =
                VitConfig.published("google/siglip-so400m-patch14-384").orElseThrow();
        assertThat(siglip.patches()).isEqualTo(729);
        assertThat(siglip.tokens()).isEqualTo(729);
        assertThat(siglip.width() / siglip.heads()).isEqualTo(72);
        assertThat(siglip.blocks(-2)).isEqualTo(26);
        VitConfig clip =
                VitConfig.published("D:\\models\\CLIP-ViT-Large-patch14-336\\").orElseThrow();
        assertThat(clip.patches()).isEqualTo(576);
        assertThat(clip.tokens()).isEqualTo(577);
        assertThat(VitConfig.published("siglip")).isEmpty();
    }

    @Test
    void whatIsLeftOutIsTheKindsDefault() throws IOException {
        VitConfig siglip = read("{'model_type': 'siglip_vision_model', 'hidden_size': 48, 'num_attention_heads': 3}");
        assertThat(siglip)
                .isEqualTo(new VitConfig(
                        VitConfig.Kind.SIGLIP, 48, 3072, 12, 3, 224, 16, Activation.GELU_TANH, 1e-6, true));
        VitConfig clip = read("{'model_type': 'clip_vision_model', 'num_hidden_layers': 2}");
        assertThat(clip)
                .isEqualTo(new VitConfig(
                        VitConfig.Kind.CLIP, 768, 3072, 2, 12, 224, 32, Activation.QUICK_GELU, 1e-5, false));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '\0', textBlock = """
            {'model_type': 'vit'}                                               | model_type "vit" is no vision tower
            {'model_type': 'siglip_vision_model', 'num_attention_heads': 7}     | num_attention_heads 7 does not divide hidden_size 768
            {'model_type': 'siglip_vision_model', 'hidden_act': 'swish'}        | hidden_act "swish" is not known
            {'model_type': 'clip_vision_model', 'image_size': 8}                | image_size 8 holds no patch of 32
            {'model_type': 'clip_vision_model', 'num_channels': 4}              | num_channels 4 is not 3
            {'model_type': 'clip_vision_model', 'num_hidden_layers': 100000}    | num_hidden_layers 100000 is more than 1000
            {'model_type': 'clip_vision_model', 'layer_norm_eps': 0}            | layer_norm_eps 0.0 is not above 0
            """)
    void whatCannotBeIsRefused(String text, String message) {
        assertThatThrownBy(() -> read(text))
                .isInstanceOf(WeightsException.class)
                .hasMessageStartingWith(folder.resolve("config.json") + ": ")
                .hasMessageContaining(message);
    }

    @Test
    void hiddenStatesCountFromEitherEnd() {
        VitConfig c = VitConfig.SIGLIP_SO400M_384;
        assertThat(c.blocks(0)).isZero();
        assertThat(c.blocks(-1)).isEqualTo(27);
        assertThat(c.blocks(-28)).isZero();
        assertThatThrownBy(() -> c.blocks(28)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> c.blocks(-29)).isInstanceOf(IllegalArgumentException.class);
    }
}
