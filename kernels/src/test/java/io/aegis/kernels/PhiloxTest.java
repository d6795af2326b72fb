package io.aegis.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class PhiloxTest {
    /** The known answers that come with Random123 for philox4x32-10; the seed's low word is key[0]. */
    @Test
    void knownAnswers() {
        check(0L, new int[4], 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8);
        check(-1L, new int[] {-1, -1, -1, -1}, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd);
        check(
                0x299f31d0_a4093822L,
                new int[] {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                0xd16cfe09,
                0x94fdcceb,
                0x5001e420,
                0x24126ea1);
    }

    @Test
    void elementsAreWordsOfBlocks() {
        int[] block = {7, 8, 9, 3};
        Philox.block(42, block);
        for (int word = 0; word < 4; word++) {
            assertThat(Philox.bits(42, 7, 8, 9, 4 * 3 + word)).isEqualTo(block[word]);
        }
    }

    @Test
    void unitIntervalIsHalfOpen() {
        assertThat(Philox.toUnit(0)).isZero();
        assertThat(Philox.toUnit(-1)).isEqualTo(1 - 0x1p-24f).isLessThan(1);
    }

    /** Mean and variance of 20,000 draws, within five standard errors. */
    @Test
    void moments() {
        int n = 20_000;
        double sum = 0;
        double normals = 0;
        double squares = 0;
        for (int i = 0; i < n; i++) {
            sum += Philox.uniform(1, 2, 3, 4, i);
            double z = Philox.normal(1, 2, 3, 5, i);
            normals += z;
            squares += z * z;
        }
        assertThat(sum / n).isCloseTo(0.5, within(5 / Math.sqrt(12.0 * n)));
        assertThat(normals / n).isCloseTo(0, within(5 / Math.sqrt(n)));
        assertThat(squares / n).isCloseTo(1, within(5 * Math.sqrt(2.0 / n)));
    }

    private static void check(long seed, int[] counter, int... expected) {
        Philox.block(seed, counter);
        assertThat(counter).isEqualTo(expected);
    }
}
