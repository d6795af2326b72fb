package io.aegis.kernels.scalar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.*;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ScalarRotaryEmbeddingTest {
    private final RotaryEmbedding rotary = Backends.scalar().rotaryEmbedding();

    /** A quarter turn of the pair (x0, x2), none of (x1, x3). */
    @Test
    void turnsPairsThatLieHalfAHeadApart() {
        View x = TestViews.of(DType.F64, new long[] {1, 1, 1, 4}, 1, 2, 3, 4);
        View cos = TestViews.of(DType.F64, new long[] {1, 2}, 0, 1);
        View sin = TestViews.of(DType.F64, new long[] {1, 2}, 1, 0);
        View y = TestViews.garbage(DType.F64, 1, 1, 1, 4);
        rotary.rotate(x, cos, sin, false, y);
        assertThat(y.toDoubles()).containsExactly(-3, 2, 1, 4);
        rotary.rotate(y, cos, sin, true, y);
        assertThat(y.toDoubles()).containsExactly(1, 2, 3, 4);
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void theInverseIsTheBackwardPass(boolean each) {
        View x = TestViews.strided(1, DType.F64, 2, 3, 2, 6);
        View cos = TestViews.random(2, DType.F64, 2, 3, 3);
        View sin = TestViews.random(3, DType.F64, 2, 3, 3);
        View c = each ? cos : cos.select(0, 1);
        View s = each ? sin : sin.select(0, 1);
        View y = TestViews.garbage(DType.F64, 2, 3, 2, 6);
        View dy = TestViews.strided(4, DType.F64, 2, 3, 2, 6);
        View dx = TestViews.garbage(DType.F64, 2, 2, 3, 6).transpose(1, 2);
        rotary.rotate(dy, c, s, true, dx);
        new GradientCheck("rotate", y, dy, () -> rotary.rotate(x, c, s, false, y)).input("x", x, dx);
        double expected = x.get(1, 2, 0, 1) * c.get(each ? new long[] {1, 2, 1} : new long[] {2, 1})
                - x.get(1, 2, 0, 4) * s.get(each ? new long[] {1, 2, 1} : new long[] {2, 1});
        assertThat(y.get(1, 2, 0, 1)).isCloseTo(expected, within(1e-15));
    }
}
