package io.aegis.models.faceshield;

import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.image.Corners;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BoxCodecTest {
    private static BoxReading.Found found(BoxCodec codec, String answer) {
        return (BoxReading.Found) codec.read(answer, 400, 560);
    }

    @Test
    void asPublished() {
        Corners box = new Corners(99, 295, 341, 485);
        String text = BoxCodec.ABSOLUTE.write(box, 400, 560);
        assertThat(text).isEqualTo("[ 99.0 295.0 341.0 485.0 ]");
        assertThat(found(BoxCodec.ABSOLUTE, "The location of the spoof area is " + text + ", which"))
                .isEqualTo(new BoxReading.Found(box, false, false));
    }

    @Test
    void thousandthsOfEachSide() {
        String text = BoxCodec.NORM1000.write(new Corners(100, 280, 300, 560), 400, 560);
        assertThat(text).isEqualTo("[ 250 500 750 1000 ]");
        assertThat(found(BoxCodec.NORM1000, text).corners()).isEqualTo(new Corners(100, 280, 300, 560));
    }

    @Test
    void commasAndAnyOrderOfCorners() {
        BoxReading.Found f = found(BoxCodec.ABSOLUTE, "at [341,485.5 , 99, 295] or [1 2 3 4]");
        assertThat(f).isEqualTo(new BoxReading.Found(new Corners(99, 295, 341, 485.5), true, false));
    }

    @Test
    void whatSticksOutIsCutOff() {
        BoxReading.Found f = found(BoxCodec.ABSOLUTE, "[-20 10 500 600]");
        assertThat(f).isEqualTo(new BoxReading.Found(new Corners(0, 10, 400, 560), false, true));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "[5 5 5 9]",
                "[500 600 700 800]",
                "[-9 -9 -1 -1]",
                "[1 2 3 7e]",
                "[1 2 3]",
                "1 2 3 4",
                "[nan 1 2 3]",
                ""
            })
    void whatIsNoBox(String answer) {
        assertThat(BoxCodec.ABSOLUTE.read(answer, 400, 560)).isNotInstanceOf(BoxReading.Found.class);
    }

    @Test
    void rejectionsSayWhy() {
        assertThat(BoxCodec.ABSOLUTE.read("[ 500 1 600 2 ]", 400, 560))
                .isEqualTo(new BoxReading.Rejected("[ 500 1 600 2 ] has no area inside the picture, which is 400x560"));
        String huge = "9".repeat(400);
        assertThat(BoxCodec.ABSOLUTE.read("[1 2 3 " + huge + "]", 400, 560)).isInstanceOf(BoxReading.Rejected.class);
        assertThat(BoxCodec.ABSOLUTE.read("no box", 400, 560)).isEqualTo(new BoxReading.Missing());
    }
}
