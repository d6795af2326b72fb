package io.aegis.image;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.random.RandomGenerator;
import java.util.zip.CRC32;

/** Pictures and checksums that tests share. */
final class TestPictures {
    private TestPictures() {}

    /** Channel c at (y, x) is (7x + 13y + 29c + 3 (xy mod 17)) mod 256: the formula of the checked-in references. */
    static Image formula(int width, int height, int channels) {
        byte[] p = new byte[width * height * channels];
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                for (int c = 0; c < channels; c++) {
                    p[(y * width + x) * channels + c] = (byte) (7 * x + 13 * y + 29 * c + 3 * (x * y % 17));
                }
            }
        }
        return Image.of(width, height, channels, p);
    }

    static Image noise(int width, int height, int channels, RandomGenerator random) {
        byte[] p = new byte[width * height * channels];
        random.nextBytes(p);
        return Image.of(width, height, channels, p);
    }

    static Image flat(int width, int height, int channels, int value) {
        byte[] p = new byte[width * height * channels];
        java.util.Arrays.fill(p, (byte) value);
        return Image.of(width, height, channels, p);
    }

    static String crc(byte[] bytes) {
        CRC32 crc = new CRC32();
        crc.update(bytes);
        return "%08x".formatted(crc.getValue());
    }

    static String crc(Image image) {
        return crc(image.bytes());
    }

    static byte[] resource(String name) {
        try (InputStream in = TestPictures.class.getResourceAsStream(name)) {
            return in.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A file of the reference data, or a skip that says which is absent. */
    static Path golden(String relative) {
        Path file = Path.of(System.getProperty("aegis.golden", "golden")).resolve(relative);
        assumeTrue(Files.exists(file), () -> "skipped: no reference data at " + file);
        return file;
    }
}
