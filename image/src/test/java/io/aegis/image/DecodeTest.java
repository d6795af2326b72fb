package io.aegis.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.awt.image.BufferedImage;
import java.awt.image.IndexColorModel;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import javax.imageio.stream.ImageOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DecodeTest {
    private static byte[] written(BufferedImage image, String format) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        assertThat(ImageIO.write(image, format, out)).isTrue();
        return out.toByteArray();
    }

    private static byte[] written(BufferedImage image, ImageWriter writer, ImageWriteParam how) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (ImageOutputStream to = ImageIO.createImageOutputStream(out)) {
            writer.setOutput(to);
            writer.write(null, new IIOImage(image, null, null), how);
        } finally {
            writer.dispose();
        }
        return out.toByteArray();
    }

    private static BufferedImage buffered(int w, int h, int type) {
        BufferedImage image = new BufferedImage(w, h, type);
        for (int y = 0; y < h; y++) {
            for (int x = 0; x < w; x++) {
                image.setRGB(x, y, 40 * x << 24 | 9 * x << 16 | 11 * y << 8 | 5 * (x + y));
            }
        }
        return image;
    }

    private static void sameColours(Image image, BufferedImage expected) {
        for (int y = 0; y < expected.getHeight(); y++) {
            for (int x = 0; x < expected.getWidth(); x++) {
                for (int c = 0; c < 3; c++) {
                    assertThat(image.at(y, x, c))
                            .as("(%d, %d) channel %d", y, x, c)
                            .isEqualTo(expected.getRGB(x, y) >> 16 - 8 * c & 0xff);
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"png", "bmp"})
    void colour(String format) throws IOException {
        BufferedImage source = buffered(13, 7, BufferedImage.TYPE_INT_RGB);
        Image image = Images.read(written(source, format), "a." + format);
        assertThat(image.toString()).isEqualTo("13x7, 3 channels of 8 bits");
        sameColours(image, source);
    }

    @Test
    void interlacedPng() throws IOException {
        BufferedImage source = buffered(13, 7, BufferedImage.TYPE_INT_RGB);
        ImageWriter writer = ImageIO.getImageWritersByFormatName("png").next();
        ImageWriteParam how = writer.getDefaultWriteParam();
        how.setProgressiveMode(ImageWriteParam.MODE_DEFAULT);
        sameColours(Images.read(written(source, writer, how), "a.png"), source);
    }

    @Test
    void grayBitmapIsNotBent() throws IOException {
        BufferedImage source = new BufferedImage(16, 16, BufferedImage.TYPE_BYTE_GRAY);
        for (int i = 0; i < 256; i++) {
            source.getRaster().setSample(i % 16, i / 16, 0, i);
        }
        Image image = Images.read(written(source, "bmp"), "a.bmp");
        for (int i = 0; i < 256; i++) {
            assertThat(image.at(i / 16, i % 16, 0)).isEqualTo(i);
        }
    }

    @Test
    void runLengthBitmapWholeAndCut() throws IOException {
        BufferedImage source = new BufferedImage(40, 30, BufferedImage.TYPE_BYTE_INDEXED);
        source.setRGB(5, 6, 0xff0000);
        ImageWriter writer = ImageIO.getImageWritersByFormatName("bmp").next();
        ImageWriteParam how = writer.getDefaultWriteParam();
        how.setCompressionMode(ImageWriteParam.MODE_EXPLICIT);
        how.setCompressionType("BI_RLE8");
        byte[] file = written(source, writer, how);
        sameColours(Images.read(file, "a.bmp").rgb(), source);
        assertThatThrownBy(() -> Images.read(Arrays.copyOf(file, file.length - 20), "a.bmp"))
                .isInstanceOf(ImageException.class)
                .hasMessageContaining("truncated");
    }

    @Test
    void opacityIsKeptAndDroppedWithoutBlending() throws IOException {
        BufferedImage source = buffered(6, 5, BufferedImage.TYPE_INT_ARGB);
        Image image = Images.read(written(source, "png"), "a.png");
        assertThat(image.channels()).isEqualTo(4);
        assertThat(image.at(0, 3, 3)).isEqualTo(120);
        assertThat(image.rgb().channels()).isEqualTo(3);
        sameColours(image.rgb(), source);
    }

    @ParameterizedTest
    @CsvSource({"png,1", "png,2", "png,4", "png,8", "bmp,1", "bmp,4", "bmp,8"})
    void paletteBecomesColour(String format, int bits) throws IOException {
        int n = 1 << bits;
        byte[] red = new byte[n];
        byte[] green = new byte[n];
        byte[] blue = new byte[n];
        for (int i = 0; i < n; i++) {
            red[i] = (byte) (37 * i + 1);
            green[i] = (byte) (91 * i + 2);
            blue[i] = (byte) (i + 200);
        }
        IndexColorModel palette = new IndexColorModel(bits, n, red, green, blue);
        BufferedImage source = bits == 8
                ? new BufferedImage(19, 3, BufferedImage.TYPE_BYTE_INDEXED, palette)
                : new BufferedImage(19, 3, BufferedImage.TYPE_BYTE_BINARY, palette);
        for (int x = 0; x < 19; x++) {
            for (int y = 0; y < 3; y++) {
                source.getRaster().setSample(x, y, 0, (x + 5 * y) % n);
            }
        }
        Image image = Images.read(written(source, format), "a." + format);
        assertThat(image.channels()).isEqualTo(3);
        sameColours(image, source);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4})
    void grayOfFewBitsIsStretched(int bits) throws IOException {
        int n = 1 << bits;
        byte[] levels = new byte[n];
        for (int i = 0; i < n; i++) {
            levels[i] = (byte) (255 * i / (n - 1));
        }
        BufferedImage source = new BufferedImage(
                17, 2, BufferedImage.TYPE_BYTE_BINARY, new IndexColorModel(bits, n, levels, levels, levels));
        for (int x = 0; x < 17; x++) {
            source.getRaster().setSample(x, 1, 0, x % n);
        }
        Image image = Images.read(written(source, "png"), "a.png");
        assertThat(image.channels()).isEqualTo(1);
        for (int x = 0; x < 17; x++) {
            assertThat(image.at(1, x, 0)).isEqualTo(255 * (x % n) / (n - 1));
        }
    }

    @Test
    void sixteenBitGrayIsPreserved() throws IOException {
        BufferedImage source = new BufferedImage(5, 4, BufferedImage.TYPE_USHORT_GRAY);
        for (int i = 0; i < 20; i++) {
            source.getRaster().setSample(i % 5, i / 5, 0, 3300 * i + 7);
        }
        Image image = Images.read(written(source, "png"), "depth.png");
        assertThat(image.toString()).isEqualTo("5x4, 1 channel of 16 bits");
        for (int i = 0; i < 20; i++) {
            assertThat(image.at(i / 5, i % 5, 0)).isEqualTo(3300 * i + 7);
            assertThat(image.rgb().at(i / 5, i % 5, 2)).isEqualTo((3300 * i + 7) / 256);
        }
        assertThat(image.window(7, 3307).at(0, 0, 0)).isZero();
        assertThat(image.window(7, 6607).at(0, 1, 0)).isEqualTo(128);
        assertThat(image.window(7, 3307).at(2, 2, 0)).isEqualTo(255);
    }

    @ParameterizedTest
    @CsvSource({"1,8", "3,8", "4,8", "1,16", "3,16", "4,16"})
    void whatPngWritesIsReadBack(int channels, int bits, @TempDir Path folder) {
        SplittableRandom random = new SplittableRandom(channels * bits);
        short[] words = new short[33 * 21 * channels];
        for (int i = 0; i < words.length; i++) {
            words[i] = (short) random.nextInt();
        }
        Image image = bits == 16
                ? Image.of16(33, 21, channels, words)
                : TestPictures.noise(33, 21, channels, new SplittableRandom(1));
        Path file = folder.resolve("a.png");
        Png.write(file, image);
        assertThat(Images.read(file)).isEqualTo(image);
    }

    @Test
    void oneByOne() {
        Image image = Image.of(1, 1, 3, new byte[] {1, 2, 3});
        assertThat(Images.read(Png.encode(image), "dot.png")).isEqualTo(image);
    }

    /** Lossless formats and the decoder that Pillow shares agree to the bit. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "ycbcr444.jpg",
                "ycbcr422.jpg",
                "ycbcr420.jpg",
                "progressive.jpg",
                "rgb.jpg",
                "gray.jpg",
                "cmyk.jpg",
                "ycck.jpg",
                "orientation6.jpg",
                "lossless.webp",
                "alpha.webp"
            })
    void asPillowReadsIt(String name) {
        Image ours = Images.read(TestPictures.resource(name), name);
        assertThat(ours.channels()).isEqualTo(name.startsWith("gray") ? 1 : name.startsWith("alpha") ? 4 : 3);
        Image expected = expected(name);
        assertThat(worst(ours.channels() == 1 ? ours : ours.rgb(), expected)).isZero();
    }

    /** Without colour only details of the loop filter are left between this decoder and libwebp; they do not add up. */
    @Test
    void lossyWebp() {
        Image ours = Images.read(TestPictures.resource("tall.webp"), "tall.webp");
        Image expected = expected("tall.webp");
        assertThat(worst(ours, expected)).isLessThanOrEqualTo(8);
        double sum = 0;
        for (int i = 0; i < ours.bytes().length; i++) {
            sum += Math.abs((ours.bytes()[i] & 0xff) - (expected.bytes()[i] & 0xff));
        }
        assertThat(sum / ours.bytes().length).isLessThan(0.5);
    }

    /** With colour there is also chroma: libwebp smooths it when it enlarges it, and this decoder repeats it. */
    @Test
    void lossyWebpWithColour() {
        Image ours = Images.read(TestPictures.resource("lossy.webp"), "lossy.webp");
        Image expected = expected("lossy.webp");
        assertThat(worst(ours, expected)).isLessThanOrEqualTo(40);
        assertThat(worst(PillowGray.of(ours), PillowGray.of(expected))).isLessThanOrEqualTo(12);
    }

    private static Image expected(String name) {
        return Images.read(TestPictures.resource(name.replaceAll("\\.\\w+$", ".png")), name);
    }

    private static int worst(Image a, Image b) {
        assertThat(a.toString()).isEqualTo(b.toString());
        int worst = 0;
        for (int i = 0; i < a.bytes().length; i++) {
            worst = Math.max(worst, Math.abs((a.bytes()[i] & 0xff) - (b.bytes()[i] & 0xff)));
        }
        return worst;
    }

    @Test
    void orientationOnlyWhenAsked() {
        byte[] file = TestPictures.resource("orientation6.jpg");
        Image stored = Images.read(file, "a.jpg");
        Image upright = Images.read(file, "a.jpg", ReadOptions.DEFAULT.withUpright(true));
        assertThat(upright.width()).isEqualTo(stored.height());
        // Orientation 6: the first stored row is the right edge of the scene.
        for (int c = 0; c < 3; c++) {
            assertThat(upright.at(5, upright.width() - 1, c)).isEqualTo(stored.at(0, 5, c));
            assertThat(upright.at(0, 0, c)).isEqualTo(stored.at(stored.height() - 1, 0, c));
        }
    }
}
