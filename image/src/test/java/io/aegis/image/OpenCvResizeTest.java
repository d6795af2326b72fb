package io.aegis.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class OpenCvResizeTest {
    /** cv2.resize([[0, 50, 255], [200, 3, 77]], (5, 4)), OpenCV 4.14 and 5.0. */
    @Test
    void smallPicture() {
        Image image = Image.of(3, 2, 1, new byte[] {0, 50, (byte) 255, (byte) 200, 3, 77});
        int[] expected = {0, 20, 50, 173, 255, 50, 45, 38, 142, 211, 150, 96, 15, 79, 122, 200, 121, 3, 47, 77};
        byte[] got = OpenCvResize.linear(image, 5, 4).bytes();
        for (int i = 0; i < expected.length; i++) {
            assertThat(got[i] & 0xff).as("sample %d", i).isEqualTo(expected[i]);
        }
    }

    @Test
    void shrinkingDoesNotAverage() {
        Image image = TestPictures.formula(90, 90, 1);
        assertThat(OpenCvResize.linear(image, 30, 30).at(4, 7, 0)).isEqualTo(image.at(13, 22, 0));
    }

    @Test
    void refusesAnEmptySizeAndSixteenBits() {
        assertThatThrownBy(() -> OpenCvResize.linear(TestPictures.flat(2, 2, 1, 0), 0, 4))
                .isInstanceOf(ImageException.class)
                .hasMessage("cannot resize to 0x4");
        assertThatThrownBy(() -> OpenCvResize.linear(Image.of16(1, 1, 1, new short[1]), 4, 4))
                .isInstanceOf(ImageException.class)
                .hasMessageContaining("8-bit");
    }
}
