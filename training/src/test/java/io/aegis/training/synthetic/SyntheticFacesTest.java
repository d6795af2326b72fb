package io.aegis.training.synthetic;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.image.Box;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class SyntheticFacesTest {
    private static final long[] SEEDS = {1, -77, 123456789012345L, Long.MAX_VALUE};

    private final SyntheticFaces faces = new SyntheticFaces();

    @Test
    void sameSeedSamePicture() {
        for (Attack attack : Attack.values()) {
            SyntheticFace first = faces.draw(42, attack, Domain.NIGHT);
            faces.draw(43, attack, Domain.OFFICE);
            SyntheticFace again = new SyntheticFaces(64).draw(42, attack, Domain.NIGHT);
            assertThat(again.rgb()).isEqualTo(first.rgb());
            assertThat(again.depth()).isEqualTo(first.depth());
            assertThat(again.infrared()).isEqualTo(first.infrared());
            assertThat(again.face()).isEqualTo(first.face());
            assertThat(again.attacked()).isEqualTo(first.attacked());
        }
    }

    @Test
    void anotherSeedIsAnotherPersonWithAllOfItsBits() {
        SyntheticFace one = faces.draw(42, Attack.BONA_FIDE, Domain.OFFICE);
        assertThat(faces.draw(43, Attack.BONA_FIDE, Domain.OFFICE).rgb()).isNotEqualTo(one.rgb());
        assertThat(faces.draw(42L + (1L << 40), Attack.BONA_FIDE, Domain.OFFICE).rgb())
                .isNotEqualTo(one.rgb());
    }

    @ParameterizedTest
    @ValueSource(ints = {16, 63, 64, 97, 224})
    void everySizeHasItsPlanes(int size) {
        SyntheticFace f = new SyntheticFaces(size).draw(5, Attack.GLASSES, Domain.KIOSK);
        assertThat(f.size()).isEqualTo(size);
        assertThat(f.rgb()).hasSize(3 * size * size);
        assertThat(f.depth()).hasSize(size * size);
        assertThat(f.infrared()).hasSize(size * size);
        assertInside(f.face(), size);
        assertInside(f.attacked(), size);
    }

    @ParameterizedTest
    @ValueSource(ints = {-1, 0, 15, 4097})
    void otherSizesAreRefused(int size) {
        assertThatThrownBy(() -> new SyntheticFaces(size))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("synthetic faces are 16 to 4096 pixels wide, given " + size);
    }

    @ParameterizedTest
    @EnumSource(Attack.class)
    void boxCoversWhatTheAttackAlters(Attack attack) {
        for (int size : new int[] {64, 90}) {
            SyntheticFaces drawer = new SyntheticFaces(size);
            for (Domain domain : Domain.standard()) {
                for (long seed : SEEDS) {
                    SyntheticFace plain = drawer.draw(seed, Attack.BONA_FIDE, domain);
                    SyntheticFace face = drawer.draw(seed, attack, domain);
                    assertInside(face.face(), size);
                    if (attack.isBonaFide()) {
                        assertThat(face.attacked()).isNull();
                        continue;
                    }
                    assertInside(face.attacked(), size);
                    int altered = 0;
                    int outside = 0;
                    for (int i = 0; i < size * size; i++) {
                        boolean differs = face.depth()[i] != plain.depth()[i]
                                || face.infrared()[i] != plain.infrared()[i]
                                || face.rgb()[3 * i] != plain.rgb()[3 * i]
                                || face.rgb()[3 * i + 1] != plain.rgb()[3 * i + 1]
                                || face.rgb()[3 * i + 2] != plain.rgb()[3 * i + 2];
                        altered += differs ? 1 : 0;
                        outside += differs && !face.attacked().contains(i % size, i / size) ? 1 : 0;
                    }
                    assertThat(outside)
                            .as(
                                    "pixels altered by %s in %s, seed %d, outside %s",
                                    attack, domain, seed, face.attacked())
                            .isZero();
                    assertThat(altered).as("altered pixels").isGreaterThan(size * size / 100);
                }
            }
        }
    }

    @Test
    void partialAttacksStayOnTheirPart() {
        for (Domain domain : Domain.standard()) {
            for (long seed : SEEDS) {
                SyntheticFace eyes = faces.draw(seed, Attack.PARTIAL_EYE, domain);
                SyntheticFace mouth = faces.draw(seed, Attack.PARTIAL_MOUTH, domain);
                double middle = eyes.face().y() + eyes.face().height() / 2.0;
                double eyesAt = eyes.attacked().y() + eyes.attacked().height() / 2.0;
                double mouthAt = mouth.attacked().y() + mouth.attacked().height() / 2.0;
                assertThat(eyesAt).isBetween(middle - 8, middle + 5);
                assertThat(mouthAt).isBetween(middle + 8, middle + 22);
                assertThat(mouth.attacked().width()).isLessThan(mouth.face().width());
            }
        }
    }

    @Test
    void printsAndScreensAreFlatInDepthAndMasksAreNot() {
        for (Domain domain : Domain.standard()) {
            double person = relief(Attack.BONA_FIDE, domain);
            assertThat(relief(Attack.PRINT, domain)).as("print in " + domain).isLessThan(0.5 * person);
            assertThat(relief(Attack.REPLAY, domain)).as("replay in " + domain).isLessThan(0.4 * person);
            assertThat(relief(Attack.RIGID_MASK, domain))
                    .as("rigid mask in " + domain)
                    .isBetween(0.9 * person, 1.1 * person);
            assertThat(relief(Attack.MAKEUP, domain)).as("make-up in " + domain).isEqualTo(person);
        }
    }

    @Test
    void screensAreDarkInInfraredAndResinIsDarkerThanSkin() {
        for (Domain domain : Domain.standard()) {
            for (long seed = 0; seed < 20; seed++) {
                double person = brightness(faces.draw(seed, Attack.BONA_FIDE, domain));
                assertThat(brightness(faces.draw(seed, Attack.REPLAY, domain))).isLessThan(0.5 * person);
                assertThat(brightness(faces.draw(seed, Attack.RIGID_MASK, domain)))
                        .isLessThan(0.9 * person);
                assertThat(brightness(faces.draw(seed, Attack.MAKEUP, domain))).isGreaterThan(person);
            }
        }
    }

    @Test
    void domainsDiffer() {
        List<double[]> looks = Domain.standard().stream().map(this::look).toList();
        for (int a = 0; a < looks.size(); a++) {
            for (int b = 0; b < a; b++) {
                int differing = 0;
                for (int k = 0; k < looks.get(a).length; k++) {
                    double ratio = looks.get(a)[k] / looks.get(b)[k];
                    differing += ratio < 1 / 1.1 || ratio > 1.1 ? 1 : 0;
                }
                assertThat(differing)
                        .as(Domain.standard().get(a) + " against "
                                + Domain.standard().get(b))
                        .isGreaterThanOrEqualTo(3);
            }
        }
    }

    @Test
    void everyAttackSaysWhyItIsSeenOrNot() {
        assertThat(Attack.attacks()).hasSize(9).doesNotContain(Attack.BONA_FIDE);
        for (Attack attack : Attack.attacks()) {
            assertThat(Stream.of(attack.inRgb(), attack.inDepth(), attack.inInfrared()))
                    .allMatch(reason -> reason.contains("hides: ") || reason.contains("shows: "));
        }
    }

    /** Red over blue, brightness, fine grain, grey levels of depth, holes and background in depth, infrared brightness. */
    private double[] look(Domain domain) {
        double[] sums = new double[6];
        boolean[] levels = new boolean[256];
        for (long seed = 0; seed < 40; seed++) {
            SyntheticFace f = faces.draw(seed, Attack.BONA_FIDE, domain);
            double red = 1;
            double blue = 1;
            for (int i = 0; i < 64 * 64; i++) {
                red += f.rgb()[3 * i] & 255;
                blue += f.rgb()[3 * i + 2] & 255;
                sums[1] += f.rgb()[3 * i + 1] & 255;
                sums[2] += i % 64 == 0 ? 0 : Math.abs((f.rgb()[3 * i] & 255) - (f.rgb()[3 * i - 3] & 255));
                sums[4] += f.depth()[i] == 0 ? 1 : 0;
                sums[5] += f.infrared()[i] & 255;
                levels[f.depth()[i] & 255] = true;
            }
            sums[0] += red / blue;
        }
        for (boolean level : levels) {
            sums[3] += level ? 1 : 0;
        }
        return sums;
    }

    /** How far depth departs from the best plane over the middle of the face, on average over some people. */
    private double relief(Attack attack, Domain domain) {
        double sum = 0;
        for (long seed = 100; seed < 120; seed++) {
            SyntheticFace f = faces.draw(seed, attack, domain);
            Box b = faces.draw(seed, Attack.BONA_FIDE, domain).face();
            double[][] moments = new double[3][4];
            double squares = 0;
            for (int y = b.y() + b.height() / 6; y < b.y() + b.height() * 5 / 6; y++) {
                for (int x = b.x() + b.width() / 6; x < b.x() + b.width() * 5 / 6; x++) {
                    int z = f.depth()[y * 64 + x] & 255;
                    if (z == 0) {
                        continue;
                    }
                    double[] row = {1, x - 32, y - 32, z};
                    for (int i = 0; i < 3; i++) {
                        for (int j = 0; j < 4; j++) {
                            moments[i][j] += row[i] * row[j];
                        }
                    }
                    squares += z * z;
                }
            }
            sum += Math.sqrt(residual(moments, squares) / moments[0][0]);
        }
        return sum / 20;
    }

    /** Sum of squares that a least-squares fit leaves, by Gauss elimination of its normal equations. */
    private static double residual(double[][] m, double squares) {
        double left = squares;
        for (int i = 0; i < 3; i++) {
            for (int k = i + 1; k < 3; k++) {
                double factor = m[k][i] / m[i][i];
                for (int j = i; j < 4; j++) {
                    m[k][j] -= factor * m[i][j];
                }
            }
            left -= m[i][3] * m[i][3] / m[i][i];
        }
        return left;
    }

    private static double brightness(SyntheticFace f) {
        Box b = f.face();
        double sum = 0;
        for (int y = b.y(); y < b.y() + b.height(); y++) {
            for (int x = b.x(); x < b.x() + b.width(); x++) {
                sum += f.infrared()[y * f.size() + x] & 255;
            }
        }
        return sum / (b.width() * b.height());
    }

    private static void assertInside(Box box, int size) {
        assertThat(box.x() + box.width()).isLessThanOrEqualTo(size);
        assertThat(box.y() + box.height()).isLessThanOrEqualTo(size);
    }
}
