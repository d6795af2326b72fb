package io.aegis.image;

import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.image.PillowResize.Filter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Pillow's decoding and resizing and the processors' floats, bit for bit. */
class GoldenPreprocessTest {
    private static final Pattern SIZE = Pattern.compile("(\\w+)\\.(\\d+)x(\\d+)");

    private static Image picture(String key) {
        return Images.read(TestPictures.golden("hf/preprocess/" + key.substring(0, key.indexOf('.')) + ".png"));
    }

    private static Map<String, Safetensors.Array> arrays(String name) throws IOException {
        Path file = TestPictures.golden("hf/preprocess/" + name + ".safetensors");
        Map<String, Safetensors.Array> arrays = Safetensors.read(file);
        assertThat(arrays).as("%s", file).isNotEmpty();
        return arrays;
    }

    @Test
    void decodedPictures() throws IOException {
        arrays("decoded")
                .forEach((key, a) -> assertThat(picture(key).rgb()).as(key).isEqualTo(a.image()));
    }

    @Test
    void filters() throws IOException {
        Image noise = Images.read(TestPictures.golden("hf/preprocess/noise_97x131.png"));
        arrays("pil_resize_noise").forEach((key, a) -> {
            Matcher m = SIZE.matcher(key);
            assertThat(m.matches()).isTrue();
            Filter filter = Filter.valueOf(m.group(1).toUpperCase(java.util.Locale.ROOT));
            assertThat(PillowResize.resize(noise, a.shape()[1], a.shape()[0], filter))
                    .as(key)
                    .isEqualTo(a.image());
        });
    }

    @Test
    void towersPictures() throws IOException {
        arrays("resized_siglip384").forEach((key, a) -> {
            if (!key.equals("lut")) {
                assertThat(PillowResize.resize(picture(key).rgb(), 384, 384, Filter.BICUBIC))
                        .as(key)
                        .isEqualTo(a.image());
            }
        });
        arrays("resized_clip336").forEach((key, a) -> {
            if (!key.equals("lut")) {
                assertThat(Framing.shortestEdge(picture(key), 336)).as(key).isEqualTo(a.image());
            }
        });
    }

    @Test
    void tables() throws IOException {
        table(Normalization.SIGLIP, arrays("resized_siglip384").get("lut").floats());
        table(Normalization.CLIP, arrays("resized_clip336").get("lut").floats());
    }

    private static void table(Normalization n, float[] expected) {
        for (int v = 0; v < 256; v++) {
            for (int c = 0; c < 3; c++) {
                assertThat(n.of(v, c)).as("value %d of channel %d", v, c).isEqualTo(expected[3 * v + c]);
            }
        }
    }

    @Test
    void pixelValues() throws IOException {
        arrays("pixel_values").forEach((key, a) -> {
            Image image = picture(key);
            int h = a.shape()[1];
            int w = a.shape()[2];
            String way = key.substring(key.indexOf('.') + 1);
            Image square = way.startsWith("llava_pad")
                    ? Framing.padSquare(image, way.contains("clip") ? Framing.CLIP_FILL : Framing.SIGLIP_FILL)
                    : image.rgb();
            float[] ours = way.contains("clip")
                    ? Normalization.CLIP.apply(Framing.shortestEdge(square, w))
                    : Normalization.SIGLIP.apply(PillowResize.resize(square, w, h, Filter.BICUBIC));
            assertThat(ours).as(key).isEqualTo(a.floats());
        });
    }

    @Test
    void faceShieldsPictures() throws IOException {
        Map<String, Safetensors.Array> io = Safetensors.read(TestPictures.golden("faceshield/io.safetensors"));
        Image face = Images.read(TestPictures.golden("faceshield/face.png"));
        assertThat(face.rgb()).isEqualTo(io.get("image").image());
        Image expected = io.get("resized_rgb").image();
        Image resized = PillowResize.resize(
                Framing.padSquare(face, Framing.SIGLIP_FILL), expected.width(), expected.height(), Filter.BICUBIC);
        assertThat(resized).isEqualTo(expected);
        Image savp = Savp.DEFAULT.of(resized);
        assertThat(savp).isEqualTo(io.get("savp").image());
        float[] values = new float[2 * 3 * resized.width() * resized.height()];
        Normalization.SIGLIP.apply(resized, values, 0);
        Normalization.SIGLIP.apply(savp, values, values.length / 2);
        assertThat(values)
                .usingComparatorWithPrecision(1e-6f)
                .containsExactly(io.get("pixel_values").floats());
    }
}
