package io.aegis.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class PillowResizeTest {
    @Property(tries = 60)
    void flatStaysFlat(
            @ForAll @IntRange(min = 1, max = 40) int w,
            @ForAll @IntRange(min = 1, max = 40) int h,
            @ForAll @IntRange(min = 1, max = 90) int outW,
            @ForAll @IntRange(min = 1, max = 90) int outH,
            @ForAll @IntRange(min = 0, max = 255) int value,
            @ForAll PillowResize.Filter filter) {
        Image out = PillowResize.resize(TestPictures.flat(w, h, 3, value), outW, outH, filter);
        assertThat(out).isEqualTo(TestPictures.flat(outW, outH, 3, value));
    }

    @Property(tries = 30)
    void mirroringCommutes(
            @ForAll @IntRange(min = 1, max = 40) int w,
            @ForAll @IntRange(min = 1, max = 90) int outW,
            @ForAll PillowResize.Filter filter) {
        Image image = TestPictures.formula(w, 9, 3);
        Image a = PillowResize.resize(image.mirrored(), outW, 13, filter);
        Image b = PillowResize.resize(image, outW, 13, filter).mirrored();
        assertThat(a).isEqualTo(b);
    }

    @Test
    void sameSizeIsTheSamePicture() {
        Image image = TestPictures.formula(31, 17, 3);
        assertThat(PillowResize.resize(image, 31, 17, PillowResize.Filter.BICUBIC))
                .isEqualTo(image);
    }

    @Test
    void refusesOpacityAndEmptySizes() {
        assertThatThrownBy(() -> PillowResize.resize(TestPictures.flat(2, 2, 4, 9), 3, 3, PillowResize.Filter.BICUBIC))
                .isInstanceOf(ImageException.class)
                .hasMessageContaining("rgb()");
        assertThatThrownBy(() -> PillowResize.resize(TestPictures.flat(2, 2, 1, 9), 3, 0, PillowResize.Filter.BICUBIC))
                .isInstanceOf(ImageException.class)
                .hasMessage("cannot resize to 3x0");
    }
}
