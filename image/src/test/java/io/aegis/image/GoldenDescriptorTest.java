package io.aegis.image;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.Map;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Test;

/** Gray, LBP and HOG against Pillow, scikit-image and DADM's own script. */
class GoldenDescriptorTest {
    private static Map<String, Safetensors.Array> arrays() throws IOException {
        return Safetensors.read(TestPictures.golden("hf/preprocess/gray_lbp_hog.safetensors"));
    }

    /** Runs a check on every array of this kind, with the gray picture it was made from. */
    private static void each(String kind, BiConsumer<Image, Safetensors.Array> check) throws IOException {
        Map<String, Safetensors.Array> arrays = arrays();
        int seen = 0;
        for (String key : arrays.keySet()) {
            if (key.endsWith("." + kind)) {
                String base = key.substring(0, key.length() - kind.length());
                check.accept(arrays.get(base + "gray_L").image(), arrays.get(key));
                seen++;
            }
        }
        assertThat(seen).as("arrays of kind %s", kind).isPositive();
    }

    @Test
    void grayFromRgb() throws IOException {
        Map<String, Safetensors.Array> arrays = arrays();
        for (String key : arrays.keySet()) {
            if (key.endsWith(".rgb")) {
                Image rgb = arrays.get(key).image();
                String base = key.substring(0, key.length() - 3);
                assertThat(PillowGray.of(rgb))
                        .as(key)
                        .isEqualTo(arrays.get(base + "gray_L").image());
                close(SkimageGray.of(rgb), arrays.get(base + "gray_skimage").floats(), 1e-6);
            }
        }
    }

    @Test
    void resizedRgb() throws IOException {
        Map<String, Safetensors.Array> arrays = arrays();
        for (String key : arrays.keySet()) {
            if (key.endsWith(".rgb")) {
                Image expected = arrays.get(key).image();
                Image file = Images.read(
                        TestPictures.golden("hf/preprocess/" + key.substring(0, key.indexOf('.')) + ".png"));
                assertThat(PillowResize.resize(
                                file.rgb(), expected.width(), expected.height(), PillowResize.Filter.BICUBIC))
                        .as(key)
                        .isEqualTo(expected);
            }
        }
    }

    @Test
    void binaryPatterns() throws IOException {
        each("lbp_skimage", (gray, a) -> assertThat(CircularLbp.of(gray, CircularLbp.Method.DEFAULT))
                .isEqualTo(a.image()));
        each("lbp_skimage_uniform", (gray, a) -> assertThat(CircularLbp.of(gray, CircularLbp.Method.UNIFORM))
                .isEqualTo(a.image()));
        each("lbp_dadm", (gray, a) -> assertThat(SquareLbp.of(gray, SquareLbp.Border.WRAP_NEGATIVE))
                .isEqualTo(a.image()));
    }

    @Test
    void orientedGradients() throws IOException {
        each("hog_fd", (gray, a) -> close(Hog.PUBLISHED.descriptor(gray), a.floats(), 1e-6));
        each("hog_image", (gray, a) -> close(Hog.PUBLISHED.picture(gray), a.floats(), 1e-5));
        Hog threes = new Hog(9, 8, 3);
        each("hog33_fd", (gray, a) -> close(threes.descriptor(gray), a.floats(), 1e-6));
        each("hog33_image", (gray, a) -> close(threes.picture(gray), a.floats(), 1e-5));
    }

    /** The arrays were rounded to float32: values up to about 100, so 1e-5 is a rounding and no more. */
    private static void close(double[] ours, float[] expected, double tolerance) {
        assertThat(ours).hasSameSizeAs(expected);
        for (int i = 0; i < ours.length; i++) {
            assertThat(Math.abs(ours[i] - expected[i])).as("element %d", i).isLessThanOrEqualTo(tolerance);
        }
    }
}
