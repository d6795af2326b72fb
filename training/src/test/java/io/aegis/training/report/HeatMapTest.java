package io.aegis.training.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class HeatMapTest {
    @Test
    void nothingImportantLeavesThePicture() {
        byte[] rgb = {1, 2, 3, (byte) 250, (byte) 251, (byte) 252};
        assertThat(new HeatMap(1, 1, 0).over(rgb, 2, 1, 3, 1)).isEqualTo(rgb);
        assertThat(new HeatMap(1, 1, 1).over(rgb, 2, 1, 3, 0)).isEqualTo(rgb);
        assertThat(new HeatMap(2, 2, 0, 0, 0, 0).over(new byte[] {7, 9}, 1, 2, 1, .8))
                .containsExactly(7, 7, 7, 9, 9, 9);
    }

    @Test
    void importanceOneAtFullStrengthIsTheBrightestColour() {
        assertThat(new HeatMap(1, 1, 1).over(new byte[] {0, 0, 0}, 1, 1, 3, 1)).containsExactly(0xFC, 0xFF, 0xA4);
        // Half way between black and that.
        assertThat(new HeatMap(1, 1, 1).over(new byte[] {0}, 1, 1, 1, .5)).containsExactly(126, 128, 82);
    }

    @Test
    void cellsAreBilinearBetweenTheirCentres() {
        HeatMap map = new HeatMap(1, 2, 0, 1);
        byte[] out = map.over(new byte[4], 4, 1, 1, 1);
        // Pixel centres lie at -0.25, 0.25, 0.75, 1.25 between the cells' centres 0 and 1: 0, 1/4, 3/4, 1.
        double[] importance = {0, .25, .75, 1};
        for (int i = 0; i < 4; i++) {
            int colour = HeatMap.colour(importance[i]);
            for (int c = 0; c < 3; c++) {
                int expected = (int) Math.round(importance[i] * (colour >> (16 - 8 * c) & 0xFF));
                assertThat(out[3 * i + c] & 0xFF).isEqualTo(expected);
            }
        }
        // A map turned by a quarter gives the picture turned by a quarter.
        assertThat(new HeatMap(2, 1, 0, 1).over(new byte[4], 1, 4, 1, 1)).isEqualTo(out);
    }

    @Test
    void coloursGrowLighter() {
        double before = -1;
        for (int i = 0; i <= 100; i++) {
            int c = HeatMap.colour(i / 100.0);
            double light = .2126 * (c >> 16) + .7152 * (c >> 8 & 0xFF) + .0722 * (c & 0xFF);
            assertThat(light).isGreaterThan(before);
            before = light;
        }
        assertThat(HeatMap.colour(.5)).isEqualTo(0xBC3754);
    }

    @Test
    void stretchesAnyFiniteMap() {
        byte[] picture = new byte[3];
        assertThat(HeatMap.stretched(1, 3, -5, 0, 5).over(picture, 3, 1, 1, 1))
                .isEqualTo(new HeatMap(1, 3, 0, .5f, 1).over(picture, 3, 1, 1, 1));
        assertThat(HeatMap.stretched(1, 2, 3, 3).over(new byte[2], 2, 1, 1, 1)).containsOnly(0);
        assertThatThrownBy(() -> HeatMap.stretched(1, 1, Float.NaN))
                .hasMessage("importance is a finite number, not NaN");
    }

    @Test
    void badInputIsNamed() {
        assertThatThrownBy(() -> new HeatMap(2, 2, 0, 0, 0)).hasMessage("a map of 2 x 2 cannot have 3 values");
        assertThatThrownBy(() -> new HeatMap(1, 1, Float.NaN)).hasMessage("importance lies between 0 and 1, not NaN");
        assertThatThrownBy(() -> new HeatMap(1, 1, 1.5f)).hasMessage("importance lies between 0 and 1, not 1.5");
        HeatMap map = new HeatMap(1, 1, 1);
        assertThatThrownBy(() -> map.over(new byte[4], 1, 1, 4, 1))
                .hasMessage("a picture has 1 (gray) or 3 (RGB) channels, not 4");
        assertThatThrownBy(() -> map.over(new byte[4], 1, 1, 3, 1))
                .hasMessage("a picture of 1 x 1 with 3 channels cannot have 4 bytes");
        assertThatThrownBy(() -> map.over(new byte[3], 1, 1, 3, 2))
                .hasMessage("strength lies between 0 and 1, not 2.0");
    }
}
