package io.aegis.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.zip.CRC32;
import java.util.zip.Deflater;
import java.util.zip.ZipException;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every bad picture gives one sentence that names it. */
class BadInputTest {
    private static void refused(ThrowingCallable reading, String... parts) {
        assertThatThrownBy(reading)
                .isInstanceOf(ImageException.class)
                .hasMessageContainingAll(parts)
                .message()
                .doesNotContain("\n");
    }

    @Test
    void missing(@TempDir Path folder) {
        refused(() -> Images.read(folder.resolve("none.png")), "none.png", "no such file");
    }

    @Test
    void directory(@TempDir Path folder) {
        refused(() -> Images.read(folder), folder.toString(), "is a directory");
    }

    @Test
    void empty(@TempDir Path folder) throws IOException {
        Path file = Files.createFile(folder.resolve("empty.jpg"));
        refused(() -> Images.read(file), "empty.jpg", "is empty");
    }

    @Test
    void unknownFormat() {
        refused(
                () -> Images.read("GIF89a and more".getBytes(StandardCharsets.US_ASCII), "a.gif"),
                "a.gif",
                "not a PNG");
    }

    @Test
    void tooManyBytes(@TempDir Path folder) throws IOException {
        Path file = Files.write(folder.resolve("big.png"), new byte[1001]);
        refused(() -> Images.read(file, ReadOptions.DEFAULT.withMaxBytes(1000)), "big.png", "1001", "1000");
    }

    /** A PNG whose header says 30000 x 30000: 900 million pixels in a hundred bytes. */
    @Test
    void thirtyThousandSquarePng() {
        refused(
                () -> Images.read(png(30000, 30000, new byte[100]), "bomb.png"),
                "bomb.png",
                "30000x30000",
                "900000000",
                "89478485");
    }

    @Test
    void hugeHeadersOfEveryFormat() {
        byte[] jpeg = TestPictures.resource("rgb.jpg");
        int frame = indexOf(jpeg, new byte[] {(byte) 0xff, (byte) 0xc0});
        jpeg[frame + 5] = (byte) 0xff;
        jpeg[frame + 7] = (byte) 0xff;
        refused(() -> Images.read(jpeg, "bomb.jpg"), "bomb.jpg", "65317x65306", "limit");

        byte[] webp = TestPictures.resource("lossless.webp");
        ByteBuffer.wrap(webp).order(ByteOrder.LITTLE_ENDIAN).putInt(21, 0x0fffffff);
        refused(() -> Images.read(webp, "bomb.webp"), "bomb.webp", "16384x16384", "limit");

        byte[] bmp = bmp(4, 3);
        ByteBuffer.wrap(bmp).order(ByteOrder.LITTLE_ENDIAN).putInt(18, 30000).putInt(22, 30000);
        refused(() -> Images.read(bmp, "bomb.bmp"), "bomb.bmp", "30000x30000", "limit");

        refused(() -> Images.read(png(-1, 2, new byte[9]), "bomb.png"), "bomb.png", "limit");
    }

    @Test
    void lowerLimits() {
        byte[] file = Png.encode(TestPictures.flat(20, 10, 1, 7));
        assertThat(Images.read(file, "a.png", ReadOptions.DEFAULT.withMaxPixels(200))
                        .width())
                .isEqualTo(20);
        refused(() -> Images.read(file, "a.png", ReadOptions.DEFAULT.withMaxPixels(199)), "20x10", "200", "199");
    }

    @Test
    void zeroSizes() {
        refused(() -> Images.read(png(0, 5, new byte[9]), "a.png"), "a.png", "0x5");
        byte[] bmp = bmp(4, 3);
        ByteBuffer.wrap(bmp).order(ByteOrder.LITTLE_ENDIAN).putInt(18, -4);
        refused(() -> Images.read(bmp, "a.bmp"), "a.bmp", "-4x3");
    }

    /** ImageIO wraps errors of its readers in exceptions. */
    @Test
    void tooLittleMemoryIsNotDamage() {
        IOException wrapped =
                new IOException("Caught exception during read: ", new OutOfMemoryError("Java heap space"));
        assertThat(Images.failed("a.png", "PNG", 9000, 8000, wrapped))
                .hasMessage("a.png: decoding 9000x8000 pixels needs more memory than the JVM has left");
        assertThat(Images.failed("a.png", "PNG", 9000, 8000, new IOException("bad row", new ZipException("no end"))))
                .hasMessage("a.png: the PNG data are damaged or truncated (no end)");
    }

    /** Right header and checksums, but rows end early. */
    @Test
    void pngWithTooFewRows() {
        refused(() -> Images.read(png(50, 50, new byte[51 * 20]), "short.png"), "short.png", "PNG");
    }

    @Test
    void pngWithAWrongByte() {
        byte[] file = Png.encode(TestPictures.formula(20, 10, 3));
        file[60] ^= 4;
        refused(() -> Images.read(file, "a.png"), "a.png", "checksum");
    }

    /** Wherever a file is cut, it is refused; never half a picture and never another kind of exception. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "gray.jpg",
                "ycbcr420.jpg",
                "progressive.jpg",
                "cmyk.jpg",
                "lossy.webp",
                "lossless.webp",
                "alpha.webp",
                "gray.png",
                "alpha.png"
            })
    void truncated(String name) {
        byte[] file = TestPictures.resource(name);
        for (int length = 0; length < file.length - 1; length += length < 64 ? 1 : 7) {
            byte[] cut = Arrays.copyOf(file, length);
            assertThatThrownBy(() -> Images.read(cut, name))
                    .as("%s cut after %d bytes", name, length)
                    .isInstanceOf(ImageException.class)
                    .hasMessageStartingWith(name + ": ");
        }
    }

    @Test
    void truncatedBmp() {
        byte[] file = bmp(15, 8);
        assertThat(Images.read(file, "a.bmp").width()).isEqualTo(15);
        for (int length = 0; length < file.length - 3; length++) {
            byte[] cut = Arrays.copyOf(file, length);
            refused(() -> Images.read(cut, "a.bmp"), "a.bmp");
        }
    }

    /** Damage inside a file either goes unseen or is refused with the file's name. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "ycbcr420.jpg",
                "progressive.jpg",
                "ycck.jpg",
                "lossy.webp",
                "lossless.webp",
                "alpha.webp",
                "cmyk.png"
            })
    void damaged(String name) {
        SplittableRandom random = new SplittableRandom(11);
        byte[] file = TestPictures.resource(name);
        int whole = 0;
        int refused = 0;
        for (int i = 0; i < 150; i++) {
            byte[] damaged = file.clone();
            for (int k = 0; k <= i % 3; k++) {
                damaged[random.nextInt(damaged.length)] = (byte) random.nextInt();
            }
            try {
                whole += Images.read(damaged, name, ReadOptions.DEFAULT.withMaxPixels(1 << 20))
                                        .width()
                                > 0
                        ? 1
                        : 0;
            } catch (ImageException e) {
                assertThat(e).hasMessageStartingWith(name + ": ");
                refused++;
            }
        }
        assertThat(whole + refused).isEqualTo(150);
        assertThat(refused).isPositive();
    }

    private static int indexOf(byte[] all, byte[] part) {
        for (int i = 0; i + part.length <= all.length; i++) {
            if (Arrays.equals(all, i, i + part.length, part, 0, part.length)) {
                return i;
            }
        }
        throw new AssertionError("not there");
    }

    /** A gray PNG of 8 bits with this header and these rows, whatever they are. */
    private static byte[] png(int width, int height, byte[] rows) {
        Deflater deflater = new Deflater();
        deflater.setInput(rows);
        deflater.finish();
        byte[] zip = new byte[rows.length + 64];
        int length = deflater.deflate(zip);
        deflater.end();
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(new byte[] {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'});
        byte[] header = ByteBuffer.allocate(13)
                .putInt(width)
                .putInt(height)
                .put(new byte[] {8, 0, 0, 0, 0})
                .array();
        chunk(out, "IHDR", header);
        chunk(out, "IDAT", Arrays.copyOf(zip, length));
        chunk(out, "IEND", new byte[0]);
        return out.toByteArray();
    }

    private static void chunk(ByteArrayOutputStream out, String name, byte[] body) {
        ByteBuffer chunk = ByteBuffer.allocate(12 + body.length)
                .putInt(body.length)
                .put(name.getBytes(StandardCharsets.US_ASCII))
                .put(body);
        CRC32 crc = new CRC32();
        crc.update(chunk.array(), 4, 4 + body.length);
        out.writeBytes(chunk.putInt((int) crc.getValue()).array());
    }

    /** A black bitmap of 24 bits. */
    private static byte[] bmp(int width, int height) {
        int row = (3 * width + 3) / 4 * 4;
        ByteBuffer out = ByteBuffer.allocate(54 + row * height).order(ByteOrder.LITTLE_ENDIAN);
        out.put((byte) 'B').put((byte) 'M').putInt(54 + row * height).putInt(0).putInt(54);
        out.putInt(40).putInt(width).putInt(height).putShort((short) 1).putShort((short) 24);
        return out.array();
    }
}
