package io.aegis.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** One synthetic picture through padding, resizing, gray, LBP and HOG: preprocess-crc.json. */
class SpecifiedChecksumsTest {
    @Test
    void everyStep() throws IOException {
        String json = Files.readString(TestPictures.golden("preprocess-crc.json"));
        Image source = TestPictures.formula(48, 60, 3);
        same(json, "src60x48_rgb_crc", source);
        Image padded = Framing.padSquare(source, Framing.SIGLIP_FILL);
        same(json, "padded60_crc", padded);
        Image resized = PillowResize.resize(padded, 384, 384, PillowResize.Filter.BICUBIC);
        same(json, "resized384_crc", resized);
        Image gray = PillowGray.of(resized);
        same(json, "gray_crc", gray);
        same(json, "lbp_zero_crc", SquareLbp.of(gray, SquareLbp.Border.ZERO));
        same(json, "lbp_wrapneg_crc", SquareLbp.of(gray, SquareLbp.Border.WRAP_NEGATIVE));
        same(json, "lbp_replicate_crc", SquareLbp.of(gray, SquareLbp.Border.REPLICATE));
        same(json, "lbp_skimage_default_crc", CircularLbp.of(gray, CircularLbp.Method.DEFAULT));
        same(json, "hog_u8_trunc_crc", Hog.PUBLISHED.image(gray));
        double sum = 0;
        for (double v : Hog.PUBLISHED.picture(gray)) {
            sum += v;
        }
        assertThat(sum).isCloseTo(Double.parseDouble(field(json, "hogvis_sum")), within(1e-6));
        same(json, "hog_u8_minmax_crc", hogOf(new Savp(Savp.Patterns.SQUARE_ZERO, Savp.Gradients.MINMAX).of(resized)));
        int apart = 0;
        byte[] theirs = OpenCvGray.of(resized).bytes();
        for (int i = 0; i < theirs.length; i++) {
            apart += theirs[i] == gray.bytes()[i] ? 0 : 1;
        }
        assertThat(apart).isEqualTo(Integer.parseInt(field(json, "gray_vs_cv15_diffpx")));
    }

    private static Image hogOf(Image savp) {
        byte[] out = new byte[savp.width() * savp.height()];
        for (int i = 0; i < out.length; i++) {
            out[i] = savp.bytes()[3 * i + 2];
        }
        return Image.of(savp.width(), savp.height(), 1, out);
    }

    private static void same(String json, String key, Image image) {
        assertThat(TestPictures.crc(image)).as(key).isEqualTo(field(json, key));
    }

    private static String field(String json, String key) {
        Matcher m = Pattern.compile("\"" + key + "\"\\s*:\\s*\"?([^\",\\s]+)").matcher(json);
        assertThat(m.find()).as(key).isTrue();
        return m.group(1);
    }
}
