package io.aegis.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Optional;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;

class DadmPicturesTest {
    private static final int SIZE = 32;
    private static final Image RGB = TestPictures.formula(50, 40, 3);
    private static final Image DEPTH = TestPictures.formula(25, 20, 1);
    private static final Image INFRARED = TestPictures.formula(60, 48, 1);

    private static DadmPictures.Files files() {
        return DadmPictures.Files.of(RGB, DEPTH, INFRARED);
    }

    @Test
    void planesInTheModelsOrder() {
        DadmPictures p = DadmPictures.of(files(), SIZE, true);
        Image resized = OpenCvResize.linear(RGB, SIZE, SIZE);
        for (int c = 0; c < 3; c++) {
            assertThat(p.x1()[(c * SIZE + 5) * SIZE + 9]).isEqualTo((resized.at(5, 9, c) - 127.5f) / 128);
            assertThat(p.x2()[(c * SIZE + 5) * SIZE + 9])
                    .isEqualTo((OpenCvResize.linear(DEPTH, SIZE, SIZE).at(5, 9, 0) - 127.5f) / 128);
            assertThat(p.x3Hog()[(c * SIZE + 7) * SIZE + 3])
                    .isEqualTo((OpenCvResize.linear(Hog.PUBLISHED.image(INFRARED), SIZE, SIZE)
                                            .at(7, 3, 0)
                                    - 127.5f)
                            / 128);
            assertThat(p.x3Plgf()[(c * SIZE + 7) * SIZE + 3])
                    .isEqualTo((OpenCvResize.linear(Plgf.image(INFRARED), SIZE, SIZE)
                                            .at(7, 3, 0)
                                    - 127.5f)
                            / 128);
        }
        assertThat(p.x1()).hasSize(3 * SIZE * SIZE);
    }

    @Test
    void missingModalitiesAreBlack() {
        DadmPictures p = DadmPictures.of(
                DadmPictures.Files.of(RGB, null, null), SIZE, true, Augmentation.PUBLISHED, new SplittableRandom(3));
        for (float[] x : new float[][] {p.x2(), p.x3(), p.x3Hog(), p.x3Plgf()}) {
            assertThat(x).containsOnly(-0.99609375f);
        }
    }

    @Test
    void descriptorsOnlyWhenAsked() {
        DadmPictures p = DadmPictures.of(files(), SIZE);
        assertThatThrownBy(p::x3Hog).isInstanceOf(ImageException.class).hasMessageContaining("without HOG");
    }

    @Test
    void storedDescriptorsAreTaken() {
        DadmPictures.Files f = files();
        Image stored = TestPictures.flat(60, 48, 3, 33);
        DadmPictures p = DadmPictures.of(
                new DadmPictures.Files(f.rgb(), f.depth(), f.infrared(), Optional.of(stored), Optional.empty()),
                SIZE,
                true);
        assertThat(p.hog()).contains(TestPictures.flat(SIZE, SIZE, 3, 33));
        assertThat(p.plgf()).contains(OpenCvResize.linear(Plgf.image(INFRARED).rgb(), SIZE, SIZE));
    }

    @Test
    void sixteenBitDepthIsCutToEight() {
        short[] words = new short[25 * 20];
        java.util.Arrays.fill(words, (short) 0x7fab);
        DadmPictures p = DadmPictures.of(DadmPictures.Files.of(RGB, Image.of16(25, 20, 1, words), null), SIZE);
        assertThat(p.depth()).isEqualTo(TestPictures.flat(SIZE, SIZE, 3, 0x7f));
    }

    @Test
    void boxCutsAllThree() {
        Image depth = TestPictures.formula(50, 40, 1);
        Box box = new Box(10, 5, 30, 20);
        DadmPictures p = DadmPictures.of(DadmPictures.Files.of(RGB, depth, null).cropped(box), SIZE);
        assertThat(p.rgb()).isEqualTo(OpenCvResize.linear(RGB.crop(box), SIZE, SIZE));
        assertThat(p.depth())
                .isEqualTo(OpenCvResize.linear(depth.crop(box), SIZE, SIZE).rgb());
    }

    /** Geometry alone: one picture given three times stays three times the same, and one of few possible ones. */
    @Test
    void oneGeometryForAll() {
        Augmentation geometry = new Augmentation(0, 1, 1, 0.5, 0.6);
        int mirrored = 0;
        for (int seed = 0; seed < 40; seed++) {
            DadmPictures p = DadmPictures.of(
                    DadmPictures.Files.of(RGB, RGB, RGB), SIZE, false, geometry, new SplittableRandom(seed));
            assertThat(p.depth()).isEqualTo(p.rgb());
            assertThat(p.infrared()).isEqualTo(p.rgb());
            DadmPictures flip = DadmPictures.of(
                    DadmPictures.Files.of(RGB, null, null),
                    SIZE,
                    false,
                    new Augmentation(0, 1, 1, 0.5, 1),
                    new SplittableRandom(seed));
            Image plain = OpenCvResize.linear(RGB, SIZE, SIZE);
            assertThat(flip.rgb()).isIn(plain, plain.mirrored());
            mirrored += flip.rgb().equals(plain) ? 0 : 1;
        }
        assertThat(mirrored).isBetween(8, 32);
    }

    @Test
    void everyPictureHasItsOwnColour() {
        Augmentation colour = new Augmentation(40, 0.5, 1.5, 0, 1);
        DadmPictures p =
                DadmPictures.of(DadmPictures.Files.of(RGB, RGB, RGB), SIZE, true, colour, new SplittableRandom(5));
        assertThat(p.depth()).isNotEqualTo(p.rgb());
        assertThat(p.infrared()).isNotEqualTo(p.rgb()).isNotEqualTo(p.depth());
    }

    @Test
    void sameSeedSameSample() {
        DadmPictures a = DadmPictures.of(files(), SIZE, true, Augmentation.PUBLISHED, new SplittableRandom(9));
        DadmPictures b = DadmPictures.of(files(), SIZE, true, Augmentation.PUBLISHED, new SplittableRandom(9));
        DadmPictures c = DadmPictures.of(files(), SIZE, true, Augmentation.PUBLISHED, new SplittableRandom(10));
        assertThat(a).isEqualTo(b).isNotEqualTo(c);
    }

    /** A sample without some pictures draws as often, so that nothing after it changes. */
    @Test
    void drawsDoNotDependOnTheSample() {
        Counting full = new Counting();
        Counting poor = new Counting();
        DadmPictures a = DadmPictures.of(files(), SIZE, true, Augmentation.PUBLISHED, full);
        DadmPictures b =
                DadmPictures.of(DadmPictures.Files.of(RGB, null, null), SIZE, false, Augmentation.PUBLISHED, poor);
        assertThat(full.draws).isEqualTo(24).isEqualTo(poor.draws);
        assertThat(a.rgb()).isEqualTo(b.rgb());
    }

    private static final class Counting implements RandomGenerator {
        private final SplittableRandom random = new SplittableRandom(1);
        private int draws;

        @Override
        public long nextLong() {
            draws++;
            return random.nextLong();
        }
    }

    @Test
    void noAugmentationChangesNothing() {
        assertThat(DadmPictures.of(files(), SIZE, true, Augmentation.NONE, new SplittableRandom(2)))
                .isEqualTo(DadmPictures.of(files(), SIZE, true));
    }

    /** Shifts stay within their bound, and gamma keeps black and white where they are. */
    @Test
    void colourWithinItsBounds() {
        byte[] ramp = new byte[3 * 256];
        for (int i = 0; i < ramp.length; i++) {
            ramp[i] = (byte) (i / 3);
        }
        Image image = Image.of(256, 1, 3, ramp);
        SplittableRandom random = new SplittableRandom(4);
        Augmentation shifts = new Augmentation(40, 1, 1, 0, 1);
        boolean up = false;
        boolean down = false;
        for (int i = 0; i < 50; i++) {
            Image out = shifts.colour(random).of(image);
            int moved = out.at(0, 128, 0) - 128;
            assertThat(moved).isBetween(-40, 40);
            assertThat(out.at(0, 100, 0)).isEqualTo(100 + moved);
            up |= moved > 20;
            down |= moved < -20;
            Image bent = new Augmentation(0, 0.5, 1.5, 0, 1).colour(random).of(image);
            assertThat(bent.at(0, 0, 1)).isZero();
            assertThat(bent.at(0, 255, 1)).isEqualTo(255);
            assertThat(bent.at(0, 64, 1)).isBetween((int) (255 * Math.pow(64 / 255.0, 1.5)), 128);
        }
        assertThat(up && down).isTrue();
    }

    @Test
    void refusesNonsense() {
        assertThatThrownBy(() -> new Augmentation(40, 1.5, 0.5, 0.5, 1)).isInstanceOf(ImageException.class);
        assertThatThrownBy(() -> new Augmentation(40, 0.5, 1.5, Double.NaN, 1)).isInstanceOf(ImageException.class);
    }
}
