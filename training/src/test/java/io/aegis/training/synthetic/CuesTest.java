package io.aegis.training.synthetic;

import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.image.Box;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class CuesTest {
    private static final int SIZE = 96;
    private static final long[] SEEDS = {1, -77, 123456789012345L, 5, 6, 7};

    private final SyntheticFaces plain = new SyntheticFaces(SIZE, Cues.PLAIN);

    @Test
    void subtlePicturesStayAsTheyAlwaysWere() {
        CRC32 all = new CRC32();
        SyntheticFaces faces = new SyntheticFaces(48);
        for (Attack attack : Attack.values()) {
            for (Domain domain : Domain.standard()) {
                SyntheticFace f = faces.draw(20 + attack.ordinal(), attack, domain);
                all.update(f.rgb());
                all.update(f.depth());
                all.update(f.infrared());
                assertThat(f.evidence().signs()).isEmpty();
            }
        }
        assertThat(all.getValue()).isEqualTo(970696906L);
    }

    @ParameterizedTest
    @EnumSource(Attack.class)
    void anAttackAltersItsBoxAndNothingElse(Attack attack) {
        for (Domain domain : Domain.standard()) {
            for (long seed : SEEDS) {
                SyntheticFace living = plain.draw(seed, Attack.BONA_FIDE, domain);
                SyntheticFace face = plain.draw(seed, attack, domain);
                assertThat(plain.draw(seed, attack, domain).rgb()).isEqualTo(face.rgb());
                if (attack.isBonaFide()) {
                    assertThat(face.covered()).isNull();
                    assertThat(face.evidence().signs()).isEmpty();
                    continue;
                }
                Box covered = face.covered();
                covered.requireInside(SIZE, SIZE);
                assertThat(face.attacked().contains(covered.x(), covered.y())).isTrue();
                assertThat(face.attacked()
                                .contains(covered.x() + covered.width() - 1, covered.y() + covered.height() - 1))
                        .isTrue();
                int outside = 0;
                int inside = 0;
                for (int i = 0; i < 3 * SIZE * SIZE; i++) {
                    boolean differs = face.rgb()[i] != living.rgb()[i];
                    int column = i / 3 % SIZE;
                    int row = i / 3 / SIZE;
                    outside += differs && !face.attacked().contains(column, row) ? 1 : 0;
                    inside += differs && covered.contains(column, row) ? 1 : 0;
                }
                assertThat(outside)
                        .as("%s in %s, seed %d, outside of %s", attack, domain, seed, face.attacked())
                        .isZero();
                assertThat(inside).isGreaterThan(covered.width() * covered.height() / 2);
            }
        }
    }

    @Test
    void everySignIsShownByTheAttacksThatHaveIt() {
        Map<Sign, Set<Attack>> shown = new EnumMap<>(Sign.class);
        for (Attack attack : Attack.attacks()) {
            for (long seed = 0; seed < 12; seed++) {
                for (Sign sign :
                        plain.draw(seed, attack, Domain.OFFICE).evidence().signs()) {
                    shown.computeIfAbsent(sign, s -> EnumSet.noneOf(Attack.class))
                            .add(attack);
                }
            }
        }
        assertThat(shown.keySet()).containsExactlyInAnyOrder(Sign.values());
        assertThat(shown.get(Sign.MOIRE)).containsExactly(Attack.REPLAY);
        assertThat(shown.get(Sign.SHEET_BORDER)).containsExactly(Attack.PRINT);
        assertThat(shown.get(Sign.KOHL)).containsExactly(Attack.MAKEUP);
        assertThat(shown.get(Sign.HALFTONE))
                .containsExactlyInAnyOrder(Attack.PRINT, Attack.PAPER_MASK, Attack.PARTIAL_EYE, Attack.PARTIAL_MOUTH);
    }

    @Test
    void partialAttacksCoverTheirPart() {
        for (Domain domain : Domain.standard()) {
            for (long seed : SEEDS) {
                Box face = plain.draw(seed, Attack.BONA_FIDE, domain).face();
                double middle = face.y() + face.height() / 2.0;
                double half = face.height() / 2.0;
                assertThat(centre(plain.draw(seed, Attack.PARTIAL_EYE, domain)))
                        .isBetween(middle - 0.3 * half, middle + 0.2 * half);
                assertThat(centre(plain.draw(seed, Attack.GLASSES, domain)))
                        .isBetween(middle - 0.3 * half, middle + 0.2 * half);
                assertThat(centre(plain.draw(seed, Attack.PARTIAL_MOUTH, domain)))
                        .isBetween(middle + 0.4 * half, middle + 0.9 * half);
            }
        }
    }

    private static double centre(SyntheticFace face) {
        return face.covered().y() + face.covered().height() / 2.0;
    }
}
