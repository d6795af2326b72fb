package io.aegis.models.faceshield;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.image.Savp;
import io.aegis.weights.ConfigJson;
import io.aegis.weights.WeightsException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FaceShieldOptionsJsonTest {
    @TempDir
    Path folder;

    private FaceShieldOptions read(String block) throws IOException {
        Path file = Files.writeString(folder.resolve("config.json"), "{\"faceshield\": " + block + "}");
        return FaceShieldOptionsJson.read(ConfigJson.read(file));
    }

    @Test
    void nothingSaidMeansTheDefaults() throws IOException {
        assertThat(read("null")).isEqualTo(FaceShieldOptions.DEFAULT);
        assertThat(read("{\"pvtm\": {}}")).isEqualTo(FaceShieldOptions.DEFAULT);
        assertThat(read(FaceShieldOptionsJson.write(FaceShieldOptions.DEFAULT).toString()))
                .isEqualTo(FaceShieldOptions.DEFAULT);
    }

    @Test
    void whatIsWrittenIsRead() throws IOException {
        FaceShieldOptions other = new FaceShieldOptions(
                new SavpOptions(
                        SavpOptions.Stage.ORIGINAL,
                        new Savp(Savp.Patterns.CIRCULAR_UNIFORM_SCALED, Savp.Gradients.ENERGY)),
                new Streams(Streams.Joined.TOKENS, Streams.Projectors.OWN, 2),
                new PvtmOptions(
                        PromptVector.MAX,
                        SimilaritySpace.TOWER,
                        TokenRanking.PER_STREAM,
                        12.5,
                        0,
                        TokenMasking.MASK_TOKEN,
                        MaskingMode.TOPK_ONLY,
                        MaskingMode.STOCHASTIC,
                        OptionalDouble.empty()),
                BoxCodec.NORM1000,
                Scoring.FIRST_DIFFERENCE,
                new PromptSet(
                        Map.of(
                                FaceTask.COARSE, "a ?",
                                FaceTask.FINE, "b ?",
                                FaceTask.REASON, "c ?",
                                FaceTask.LOCATE, "d ?"),
                        " yes",
                        " no"));
        assertThat(read(FaceShieldOptionsJson.write(other).toString())).isEqualTo(other);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{'savp': {'lbp': 'round'}} | faceshield.savp.lbp \"round\" is not known, expected one of square-zero,",
                "{'savp': {'stage': 3}} | faceshield.savp.stage is 3, expected text",
                "{'pvtm': {'similarity': 'siglip-text'}} | faceshield.pvtm.similarity \"siglip-text\" is not known, expected",
                "{'pvtm': {'keep_precent': 50}} | faceshield.pvtm.keep_precent 50 is no setting here, expected one of",
                "{'pvtm': {'keep_percent': 0}} | keep_percent 0.0 is not above 0 and at most 100",
                "{'pvtm': {'mask_probability': 101}} | mask_probability 101.0 is not a percentage",
                "{'pvtm': {'temperature': 'learned'}} | temperature \"learned\" needs a similarity that is learned",
                "{'streams': {'joined': 'channels', 'slots': 2}} | streams \"channels\" have one projector and one slot",
                "{'boxes': 'relative'} | faceshield.boxes \"relative\" is not known, expected one of absolute, norm1000",
                "{'prompts': {'fine': ' '}} | there is no question for the task fine",
                "{'prompts': {'answer_real': 'x', 'answer_spoof': 'x'}} | the answers 'x' and 'x' do not tell faces apart",
                "{'pvmt': {}} | faceshield.pvmt {} is no setting here, expected one of savp, streams, pvtm,"
            })
    void whatIsNotKnownIsRefusedByName(String block, String message) {
        assertThatThrownBy(() -> read(block.replace('\'', '"')))
                .isInstanceOf(WeightsException.class)
                .hasMessageStartingWith(folder.resolve("config.json") + ": ")
                .hasMessageContaining(message);
    }
}
