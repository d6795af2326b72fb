package io.aegis.cli.verify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.image.Image;
import io.aegis.image.Png;
import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.weights.SafetensorsWriter;
import io.aegis.weights.StoredTensor;
import io.aegis.weights.StoredType;
import io.aegis.weights.WeightsException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A picture of 3x2 pixels whose values anybody can work out. */
class PictureVerificationTest {
    private static final byte[] PIXELS = {
        10,
        20,
        30,
        40,
        50,
        60,
        70,
        80,
        90, //
        (byte) 255,
        0,
        0,
        0,
        (byte) 255,
        0,
        0,
        0,
        (byte) 255
    };

    @TempDir
    Path directory;

    @BeforeEach
    void draw() {
        Png.write(directory.resolve("small.png"), Image.of(3, 2, 3, PIXELS));
    }

    private static StoredTensor bytes(String key, byte[] values, long... shape) {
        return StoredTensor.of(key, StoredType.U8, shape, MemorySegment.ofArray(values));
    }

    private void store(String file, StoredTensor... tensors) {
        SafetensorsWriter.write(directory.resolve(file + ".safetensors"), Map.of(), List.of(tensors));
    }

    private Rows verify() throws IOException {
        return verify(directory);
    }

    private static Rows verify(Path path) throws IOException {
        return Verification.of(path, new Verification.Computing(Backends.scalar(), DType.F32));
    }

    private static Row.Verdict verdict(Rows rows, String name) {
        List<Row> found = rows.all().stream().filter(r -> r.name().equals(name)).toList();
        assertThat(found).as(name).hasSize(1);
        return found.get(0).verdict();
    }

    @Test
    void equalPictures() throws IOException {
        store("decoded", bytes("small.rgb", PIXELS, 2, 3, 3));
        store(
                "gray_lbp_hog",
                bytes("small.2x3.rgb", PIXELS, 2, 3, 3),
                bytes("small.2x3.gray_L", new byte[] {18, 48, 78, 76, (byte) 150, 29}, 2, 3));
        Rows rows = verify();
        assertThat(rows.exitCode()).isZero();
        assertThat(rows.all()).hasSize(3);
    }

    @Test
    void normalisedPicture() throws IOException {
        ByteBuffer values = ByteBuffer.allocate(4 * 18).order(ByteOrder.LITTLE_ENDIAN);
        for (int c = 0; c < 3; c++) {
            for (int i = 0; i < 6; i++) {
                values.putFloat(((float) ((PIXELS[3 * i + c] & 0xff) * (1.0 / 255)) - 0.5f) / 0.5f);
            }
        }
        MemorySegment bytes = MemorySegment.ofArray(values.array());
        store(
                "pixel_values",
                StoredTensor.of("small.siglip_2x3", StoredType.F32, new long[] {3, 2, 3}, bytes),
                StoredTensor.of("small.clip_2x3", StoredType.F32, new long[] {3, 2, 3}, bytes));
        Rows rows = verify();
        assertThat(verdict(rows, "pixel_values:small.siglip_2x3")).isEqualTo(Row.Verdict.OK);
        // CLIP's processor cuts squares only.
        assertThat(verdict(rows, "pixel_values:small.clip_2x3")).isEqualTo(Row.Verdict.FAILED);
    }

    @Test
    void oneLevelOffFails() throws IOException {
        byte[] off = PIXELS.clone();
        off[4]++;
        store("decoded", bytes("small.rgb", off, 2, 3, 3));
        Rows rows = verify();
        assertThat(rows.exitCode()).isEqualTo(1);
        assertThat(rows.all().get(0).error()).isEqualTo(1);
    }

    @Test
    void sameNumberOfElementsInAnotherShapeFails() throws IOException {
        store("decoded", bytes("small.rgb", PIXELS, 3, 2, 3));
        Rows rows = verify();
        assertThat(rows.exitCode()).isEqualTo(1);
        assertThat(rows.all().get(0).note()).contains("[2, 3, 3]", "[3, 2, 3]");
    }

    @Test
    void unknownKeysAndFilesAreNotCompared() throws IOException {
        store(
                "decoded",
                bytes("small.rgb", PIXELS, 2, 3, 3),
                bytes("small.hsv", PIXELS, 2, 3, 3),
                bytes("absent.rgb", PIXELS, 2, 3, 3));
        store("other", bytes("x", new byte[2], 2));
        Rows rows = verify();
        assertThat(rows.exitCode()).isEqualTo(2);
        assertThat(verdict(rows, "decoded:small.rgb")).isEqualTo(Row.Verdict.OK);
        for (String name : new String[] {"decoded:small.hsv", "decoded:absent.rgb", "other:x"}) {
            assertThat(verdict(rows, name)).isEqualTo(Row.Verdict.NOT_COMPARED);
        }
    }

    @Test
    void aPictureThatCannotBeReadFails() throws IOException {
        store("decoded", bytes("small.rgb", PIXELS, 2, 3, 3));
        byte[] png = Files.readAllBytes(directory.resolve("small.png"));
        Files.write(directory.resolve("small.png"), Arrays.copyOf(png, 40));
        Rows rows = verify();
        assertThat(rows.exitCode()).isEqualTo(1);
        assertThat(rows.all().get(0).note()).contains("small.png");
    }

    @Test
    void nothingKnownIsAnError() {
        store("other", bytes("x", new byte[2], 2));
        assertThatThrownBy(this::verify)
                .isInstanceOf(WeightsException.class)
                .hasMessageContaining(directory + ": neither config.json, nor an adapter, nor references of pictures,");
    }
}
