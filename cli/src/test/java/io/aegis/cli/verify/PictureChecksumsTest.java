package io.aegis.cli.verify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.weights.WeightsException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Checksums that NumPy, Pillow and scikit-image gave, and what happens to wrong ones. */
class PictureChecksumsTest {
    private static final String RIGHT = """
            {
             "src60x48_rgb_crc": "de1797ce",
             "padded60_crc": "48830d64",
             "resized384_crc": "487d7b17",
             "resized384_sum": 56379215,
             "gray_crc": "1cfd8a2b",
             "lbp_zero_crc": "80d26add",
             "lbp_wrapneg_sum": 22952986,
             "hogvis_max": 47.486241817474365,
             "hog_u8_trunc_crc": "15a6c7fd",
             "hog_u8_minmax_crc": "0b6ea779",
             "px_rgb_first3": [0.3333333432674408, 0.5607843399047852, 1.0]
            }
            """;

    @TempDir
    Path directory;

    private Path file(String json) throws IOException {
        return Files.writeString(directory.resolve("preprocess-crc.json"), json);
    }

    private Rows verify(Path path) throws IOException {
        return Verification.of(path, new Verification.Computing(Backends.scalar(), DType.F32));
    }

    private int exitCode(String from, String to) throws IOException {
        assertThat(RIGHT).contains(from);
        return verify(file(RIGHT.replace(from, to))).exitCode();
    }

    @Test
    void byFileAndByDirectory() throws IOException {
        Path file = file(RIGHT);
        assertThat(verify(file).exitCode()).isZero();
        assertThat(verify(file).all()).hasSize(11);
        assertThat(verify(directory).all()).isEqualTo(verify(file).all());
    }

    @Test
    void directoriesBelow() throws IOException {
        StringWriter said = new StringWriter();
        Files.createDirectories(directory.resolve("a/empty"));
        Files.writeString(directory.resolve("a/preprocess-crc.json"), RIGHT);
        assertThat(run(said)).isZero();
        Files.createDirectories(directory.resolve("b"));
        Files.writeString(directory.resolve("b/preprocess-crc.json"), RIGHT.replace("lbp_zero", "lbp_mirror"));
        assertThat(run(said)).isEqualTo(2);
        Files.createDirectories(directory.resolve("c/d"));
        Files.writeString(directory.resolve("c/d/preprocess-crc.json"), RIGHT.replace("48830d64", "48830d65"));
        assertThat(run(said)).isEqualTo(1);
        assertThat(said.toString())
                .contains(directory.resolve("a") + ":", directory.resolve("c/d") + ":")
                .doesNotContain("empty");
        Files.delete(directory.resolve("a/preprocess-crc.json"));
        Files.delete(directory.resolve("b/preprocess-crc.json"));
        Files.delete(directory.resolve("c/d/preprocess-crc.json"));
        assertThatThrownBy(() -> run(said))
                .isInstanceOf(WeightsException.class)
                .hasMessageContaining("nothing to compare");
    }

    private int run(StringWriter said) throws IOException {
        Verification.Computing computing = new Verification.Computing(Backends.scalar(), DType.F32);
        return Verification.run(directory, computing, new PrintWriter(said, true), true);
    }

    @Test
    void wrongValuesFail() throws IOException {
        assertThat(exitCode("48830d64", "48830d65")).isEqualTo(1);
        assertThat(exitCode("56379215", "56379216")).isEqualTo(1);
        assertThat(exitCode("47.486241817474365", "47.4862418")).isEqualTo(1);
        assertThat(exitCode("0.5607843399047852", "0.560785")).isEqualTo(1);
    }

    @Test
    void valuesOfAnotherKindFail() throws IOException {
        assertThat(exitCode("\"48830d64\"", "null")).isEqualTo(1);
        assertThat(exitCode("56379215", "\"many\"")).isEqualTo(1);
        assertThat(exitCode("[0.3333333432674408, 0.5607843399047852, 1.0]", "1.0"))
                .isEqualTo(1);
    }

    @Test
    void unknownKeysAreNotCompared() throws IOException {
        assertThat(exitCode("lbp_zero_crc", "lbp_mirror_crc")).isEqualTo(2);
        assertThat(exitCode("padded60_crc", "padded61_crc")).isEqualTo(2);
    }

    @Test
    void otherJson() throws IOException {
        assertThatThrownBy(() -> verify(file("{\"a\": 1}")))
                .isInstanceOf(WeightsException.class)
                .hasMessageContaining("preprocess-crc.json: holds no checksums of pictures");
        assertThatThrownBy(() -> verify(file("[]")))
                .isInstanceOf(WeightsException.class)
                .hasMessageContaining("holds no JSON object");
        assertThatThrownBy(() -> verify(file("{\n\"a\": }")))
                .isInstanceOf(WeightsException.class)
                .hasMessageContaining("line 2 is not JSON");
    }
}
