package io.aegis.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BoxTest {
    @Test
    void parsesWhatItPrints() {
        assertThat(Box.parse(" 40, 30 ,200,240 ")).isEqualTo(new Box(40, 30, 200, 240));
        assertThat(Box.parse(new Box(-1, 2, 3, 4).toString())).isEqualTo(new Box(-1, 2, 3, 4));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "1,2,3", "1,2,3,4,5", "1,2,3,x", "1,2,3,", "1.5,2,3,4", "99999999999,0,1,1"})
    void saysWhatItExpects(String text) {
        assertThatThrownBy(() -> Box.parse(text))
                .isInstanceOf(ImageException.class)
                .hasMessage("box '" + text + "': expected x,y,w,h, four whole numbers of pixels such as 40,30,200,240");
    }

    @Test
    void refusesEmptyBoxes() {
        assertThatThrownBy(() -> Box.parse("1,2,0,4"))
                .isInstanceOf(ImageException.class)
                .hasMessage("box 1,2,0,4: width and height must be at least 1");
    }

    @Test
    void crops() {
        Image image = TestPictures.formula(12, 9, 3);
        Image part = image.crop(new Box(3, 2, 5, 7));
        assertThat(part.width()).isEqualTo(5);
        assertThat(part.height()).isEqualTo(7);
        assertThat(part.at(6, 4, 1)).isEqualTo(image.at(8, 7, 1));
    }

    @ParameterizedTest
    @ValueSource(strings = {"-1,0,2,2", "0,-1,2,2", "8,0,5,2", "0,5,2,5", "2147483647,0,2147483647,1"})
    void croppingOutsideNamesBoxAndPicture(String box) {
        assertThatThrownBy(() -> TestPictures.formula(12, 9, 3).crop(Box.parse(box)))
                .isInstanceOf(ImageException.class)
                .hasMessage("box " + box + " does not lie inside the picture, which is 12x9");
    }

    @Test
    void clips() {
        assertThat(new Box(-3, 5, 10, 100).clip(12, 9)).isEqualTo(new Box(0, 5, 7, 4));
        assertThatThrownBy(() -> new Box(12, 0, 3, 3).clip(12, 9))
                .isInstanceOf(ImageException.class)
                .hasMessage("box 12,0,3,3 lies wholly outside the picture, which is 12x9");
    }
}
