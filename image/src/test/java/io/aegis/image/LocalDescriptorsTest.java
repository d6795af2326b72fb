package io.aegis.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class LocalDescriptorsTest {
    @Test
    void grayIsWeighedGreenMost() {
        assertThat(PillowGray.of(Image.of(1, 1, 3, new byte[] {0, (byte) 255, 0}))
                        .at(0, 0, 0))
                .isEqualTo(150);
        assertThat(SkimageGray.of(Image.of(1, 1, 3, new byte[] {(byte) 255, 0, 0}))[0])
                .isCloseTo(0.2125, within(1e-15));
    }

    @Test
    void flatSquarePatternIsFullInsideAndCutAtTheBorder() {
        Image codes = SquareLbp.of(TestPictures.flat(3, 3, 1, 90), SquareLbp.Border.ZERO);
        assertThat(codes.at(1, 1, 0)).isEqualTo(255);
        // Right, below right and below remain at the top-left corner.
        assertThat(codes.at(0, 0, 0)).isEqualTo(8 + 16 + 32);
        assertThat(SquareLbp.of(TestPictures.flat(3, 3, 1, 90), SquareLbp.Border.REPLICATE))
                .isEqualTo(TestPictures.flat(3, 3, 1, 255));
    }

    @Test
    void theStampsOfThePublishedHog() {
        // A ramp to the right has horizontal gradients only: bin 0, whose line is nearly vertical.
        byte[] ramp = new byte[24 * 24];
        for (int i = 0; i < ramp.length; i++) {
            ramp[i] = (byte) (3 * (i % 24));
        }
        double[] picture = Hog.PUBLISHED.picture(Image.of(24, 24, 1, ramp));
        int[][] stamp = {{1, 4}, {2, 4}, {3, 4}, {4, 3}, {5, 3}, {6, 3}};
        double sum = 0;
        for (int[] at : stamp) {
            assertThat(picture[(8 + at[0]) * 24 + 8 + at[1]]).isEqualTo(6.0);
            sum += 6;
        }
        double middle = 0;
        for (int y = 8; y < 16; y++) {
            for (int x = 8; x < 16; x++) {
                middle += picture[y * 24 + x];
            }
        }
        assertThat(middle).isEqualTo(sum);
    }

    @Test
    void gradientEnergyIsFullAtTheSteepestEdgeOnly() {
        // Black and white halves, side by side and above each other: the middle changes by 255 both ways.
        byte[] p = new byte[25];
        for (int i = 0; i < 25; i++) {
            p[i] = (byte) (i % 5 > 2 && i / 5 <= 2 || i % 5 <= 2 && i / 5 > 2 ? 0 : 255);
        }
        Image energy = GradientEnergy.of(Image.of(5, 5, 1, p));
        assertThat(energy.at(2, 2, 0)).isEqualTo(255);
        assertThat(energy.at(1, 0, 0)).isZero();
        assertThat(energy.at(2, 0, 0)).isEqualTo(180);
        assertThat(GradientEnergy.of(TestPictures.flat(1, 1, 1, 9)).bytes()).containsExactly(0);
    }

    @Test
    void theAuxiliaryPictureHoldsWhatWasChosen() {
        Image picture = TestPictures.noise(24, 16, 3, new java.util.SplittableRandom(5));
        Image gray = PillowGray.of(picture);
        Image savp = new Savp(Savp.Patterns.CIRCULAR_UNIFORM_SCALED, Savp.Gradients.ENERGY).of(picture);
        Image codes = CircularLbp.of(gray, CircularLbp.Method.UNIFORM);
        Image energy = GradientEnergy.of(gray);
        for (int i = 0; i < 24 * 16; i++) {
            assertThat(savp.bytes()[3 * i] & 0xff).isEqualTo(28 * codes.bytes()[i]);
            assertThat(savp.bytes()[3 * i + 1]).isEqualTo(gray.bytes()[i]);
            assertThat(savp.bytes()[3 * i + 2]).isEqualTo(energy.bytes()[i]);
        }
    }

    @Test
    void hogRefusesPicturesBelowOneBlock() {
        assertThatThrownBy(() -> Hog.PUBLISHED.descriptor(TestPictures.flat(15, 40, 1, 0)))
                .isInstanceOf(ImageException.class)
                .hasMessage("HOG needs at least 16x16 pixels, the picture is 15x40");
        assertThat(Hog.PUBLISHED.image(TestPictures.flat(3, 2, 1, 200))).isEqualTo(TestPictures.flat(3, 2, 1, 0));
    }

    @Test
    void descriptorsNeedGray() {
        assertThatThrownBy(() -> Plgf.of(TestPictures.flat(4, 4, 3, 0)))
                .isInstanceOf(ImageException.class)
                .hasMessageContaining("gray");
    }

    /** The definition written out for one inner pixel, and the stretch between the least and the greatest. */
    @Test
    void forceOfOnePixel() {
        byte[] p = new byte[81];
        java.util.Arrays.fill(p, (byte) 10);
        p[4 * 9 + 5] = 110;
        double[] r = Plgf.of(Image.of(9, 9, 1, p));
        // At (4, 3) the bright pixel is two columns to the right: weight 1/4; all else cancels.
        double weak = Math.atan(100 / 4.0 / (10 + 1e-4));
        // At (4, 4) it is next: weight 1.
        double strong = Math.atan(100 / (10 + 1e-4));
        double inCentre = r[4 * 9 + 5];
        assertThat(inCentre).isEqualTo(1.0);
        // The least is 0 (at the bright pixel the neighbours cancel), so the scale is the greatest alone.
        assertThat((r[4 * 9 + 3] - 1) / (r[4 * 9 + 4] - 1)).isCloseTo(weak / strong, within(1e-12));
        assertThat(java.util.Arrays.stream(r).max().orElseThrow()).isEqualTo(255.0);
    }

    @Test
    void forceOfAPictureWithoutAny() {
        assertThat(Plgf.of(TestPictures.flat(1, 1, 1, 0))).containsExactly(1.0);
    }
}
