package io.aegis.kernels.scalar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.*;
import org.junit.jupiter.api.Test;

class ScalarMutualInformationTest {
    private final MutualInformation information = Backends.scalar().mutualInformation();

    /** X = ((1 + 7) / 2, (3 + 5) / 2) = (4, 4) is constant; unpermuted it is (3, 5). */
    @Test
    void knownValues() {
        View a = TestViews.of(DType.F64, new long[] {2, 1}, 1, 3);
        View b = TestViews.of(DType.F64, new long[] {2, 1}, 5, 7);
        View loss = TestViews.garbage(DType.F64, 1);
        information.forward(a, b, TestViews.indices(0, 1), TestViews.indices(1, 0), loss);
        assertThat(loss.get(0)).isCloseTo(0, within(1e-14));
        information.forward(a, b, TestViews.indices(0, 1), TestViews.indices(0, 1), loss);
        assertThat(loss.get(0)).isCloseTo(Math.log((Math.exp(3) + Math.exp(5)) / 2) - 4, within(1e-14));
    }

    @Test
    void backwardMatchesFiniteDifferences() {
        View a = TestViews.strided(1, DType.F64, 4, 3);
        View b = TestViews.strided(2, DType.F64, 4, 3);
        View pa = TestViews.indices(2, 0, 3, 1);
        View pb = TestViews.indices(1, 3, 2, 0);
        View loss = TestViews.garbage(DType.F64, 1);
        View dloss = TestViews.of(DType.F64, new long[] {1}, -2);
        View da = TestViews.garbage(DType.F64, 4, 3);
        View db = TestViews.garbage(DType.F64, 3, 4).transpose(0, 1);
        information.backward(a, b, pa, pb, dloss, da, db);
        new GradientCheck("mutual information", loss, dloss, () -> information.forward(a, b, pa, pb, loss))
                .input("a", a, da)
                .input("b", b, db);

        View alone = TestViews.garbage(DType.F64, 4, 3);
        information.backward(a, b, pa, pb, dloss, null, alone);
        assertThat(alone.toDoubles()).isEqualTo(db.toDoubles());
    }

    /** Published without a shift: an exponential that overflows shows as infinity, not as a finite number. */
    @Test
    void exponentialsAreNotShifted() {
        View a = TestViews.of(DType.F64, new long[] {1, 2}, 2000, 0);
        View loss = TestViews.garbage(DType.F64, 1);
        information.forward(a, a, TestViews.indices(0), TestViews.indices(0), loss);
        assertThat(loss.get(0)).isInfinite();
    }
}
