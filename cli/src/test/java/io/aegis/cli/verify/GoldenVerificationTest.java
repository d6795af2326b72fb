package io.aegis.cli.verify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.weights.Safetensors;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The reference data that the papers' own code made, where it is at hand. */
class GoldenVerificationTest {
    private static final Verification.Computing COMPUTING = new Verification.Computing(Backends.best(), DType.F32);

    private static Path golden(String relative) {
        Path file = Path.of(System.getProperty("aegis.golden", "golden")).resolve(relative);
        assumeTrue(Files.exists(file), () -> "skipped: no reference data at " + file);
        return file;
    }

    private static String table(Rows rows) {
        StringWriter out = new StringWriter();
        rows.print(new PrintWriter(out), false);
        return out.toString();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "dadm",
                "hf/preprocess",
                "preprocess-crc.json",
                ".",
                "hf/siglip-hd16",
                "hf/siglip-hd72",
                "hf/clip",
                "hf/llava-siglip",
                "hf/llava-clip",
                "hf",
                "hf/llama-gqa",
                "hf/llama-rope3",
                "hf/llama-mha",
                "hf/llama-tied",
                "hf/lora",
                "faceshield"
            })
    void everythingAgrees(String relative) throws IOException {
        Rows rows = Verification.of(golden(relative), COMPUTING);
        assertThat(rows.exitCode()).as(table(rows)).isZero();
        assertThat(rows.all()).hasSizeGreaterThan(20);
    }

    /** Every tensor of the pictures' files is compared itself: none is only an input of others. */
    @Test
    void everyPictureHasARow() throws IOException {
        Path directory = golden("hf/preprocess");
        Rows rows = Verification.of(directory, COMPUTING);
        try (Golden files = new Golden(directory)) {
            String[] keys = files.files().stream()
                    .flatMap(f -> files.keys(f).stream().map(k -> f + ":" + k))
                    .toArray(String[]::new);
            assertThat(rows.all().stream().map(Row::name)).containsExactlyInAnyOrder(keys);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "decoded, rgba_61x40.rgb",
        "gray_lbp_hog, noise_97x131.45x83.lbp_dadm",
        "gray_lbp_hog, noise_97x131.45x83.hog_image",
        "pixel_values, palette_64x48.llava_pad_clip_56",
        "pil_resize_noise, lanczos.37x40",
        "resized_clip336, lut"
    })
    void oneChangedValueFails(String file, String key, @TempDir Path copy) throws IOException {
        copy(golden("hf/preprocess"), copy, file);
        Path changed = copy.resolve(file + ".safetensors");
        long at;
        try (Safetensors s = Safetensors.open(changed)) {
            // The last byte of a float is its sign and exponent; of a picture it is one sample.
            at = Files.size(changed) - rest(s, key) - 1;
        }
        byte[] bytes = Files.readAllBytes(changed);
        bytes[(int) at] ^= 0x40;
        Files.write(changed, bytes);
        Rows rows = Verification.of(copy, COMPUTING);
        assertThat(rows.exitCode()).as(table(rows)).isEqualTo(1);
        assertThat(rows.all().stream()
                        .filter(r -> r.verdict() == Row.Verdict.FAILED)
                        .map(Row::name))
                .containsExactly(file + ":" + key);
    }

    /** Bytes of the file behind a tensor: where its segment ends within the mapping. */
    private static long rest(Safetensors s, String key) {
        long end = s.bytes(key).address() + s.bytes(key).byteSize();
        long last = s.names().stream()
                .mapToLong(n -> s.bytes(n).address() + s.bytes(n).byteSize())
                .max()
                .orElseThrow();
        return last - end;
    }

    private static void copy(Path from, Path to, String file) throws IOException {
        try (var list = Files.list(from)) {
            for (Path p : list.filter(Files::isRegularFile).toList()) {
                String name = p.getFileName().toString();
                if (name.endsWith(".png") || name.equals(file + ".safetensors")) {
                    Files.write(to.resolve(name), Files.readAllBytes(p));
                }
            }
        }
    }
}
