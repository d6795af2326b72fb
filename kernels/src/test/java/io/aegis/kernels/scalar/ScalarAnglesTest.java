package io.aegis.kernels.scalar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.GradientCheck;
import io.aegis.kernels.Loss;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class ScalarAnglesTest {
    private final Loss losses = Backends.scalar().loss();

    private static Loss.AngleParts parts(Loss.Angles of) {
        long rows = of.features().size() * of.live().size(0);
        return new Loss.AngleParts(
                TestViews.garbage(DType.F64, rows, rows),
                TestViews.garbage(DType.F64, rows),
                TestViews.garbage(DType.F64, of.cells(), 2 + of.pairs()));
    }

    private static View feature(double... values) {
        return TestViews.of(DType.F64, new long[] {values.length / 2, 2}, values);
    }

    private double loss(Loss.Angles of) {
        View loss = TestViews.garbage(DType.F64, 1);
        losses.angles(of, loss, parts(of));
        return loss.get(0);
    }

    /** Two rows of two domains, of lengths that do not matter. Within a feature 0, across it 0.8 and 0.6, so 0.6, 1 and 0.8 between. */
    @Test
    void knownValues() {
        View a = feature(2, 0, 0, 3);
        View b = feature(0.8, 0.6, 0, 5);
        Loss.Angles live = new Loss.Angles(List.of(a, b), TestViews.indices(1, 1), TestViews.indices(0, 1), 3, 1, 0.85);
        assertThat(loss(live)).isCloseTo(1 + 0.4 * 0.4 + 0.2 * 0.2, within(1e-14));
        Loss.Angles attacks =
                new Loss.Angles(List.of(a, b), TestViews.indices(0, 7), TestViews.indices(2, 1), 3, 1, 0.85);
        assertThat(loss(attacks)).isCloseTo(0.85 * 0.85 + 0.25 * 0.25 + 0.2 * 0.2, within(1e-14));
    }

    /** Two rows in one cell: four inner products, of which each meets the one of the other domain. */
    @Test
    void allOrderedPairsOfACellCount() {
        View a = feature(1, 0, 0, 1, 1, 0);
        View b = feature(1, 0, 0.6, 0.8, 0, 1);
        Loss.Angles of =
                new Loss.Angles(List.of(a, b), TestViews.indices(1, 1, 1), TestViews.indices(0, 0, 1), 3, 1, 0.85);
        double across = 0 + 1 + 1 + 0.2 * 0.2; // of a: 1, 0 to 1; of b: 0, 0.8 to 1
        double margins = 1 + 0.6 * 0.6 + 0 + 0.8 * 0.8; // 1, 0.6, 0, 0.8 beside 0
        assertThat(loss(of)).isCloseTo(across + margins, within(1e-14));
    }

    @Test
    void aClassThatADomainLacksAndADomainAloneGiveNothing() {
        View a = TestViews.random(1, DType.F64, 4, 3);
        View b = TestViews.random(2, DType.F64, 4, 3);
        long[][] none = {{1, 1, 0, 0}, {0, 0, 1, 1}, {1, 0, 1, 0}, {2, 2, 2, 2}, {1, 0, 1, 0}, {3, 4, -1, 9}};
        for (int i = 0; i < none.length; i += 2) {
            Loss.Angles of = new Loss.Angles(
                    List.of(a, b), TestViews.indices(none[i]), TestViews.indices(none[i + 1]), 3, 1, 0.85);
            Loss.AngleParts parts = parts(of);
            View loss = TestViews.garbage(DType.F64, 1);
            View slope = TestViews.garbage(DType.F64, 4, 3);
            losses.angles(of, loss, parts);
            losses.anglesBackward(of, parts, TestViews.of(DType.F64, new long[] {1}, 2), Arrays.asList(null, slope));
            assertThat(loss.get(0)).isZero();
            assertThat(slope.toDoubles()).containsOnly(0);
        }
    }

    @Test
    void backwardMatchesFiniteDifferences() {
        View live = TestViews.indices(1, 0, 1, 0, 1, 0, 1, 0);
        for (long[] domain :
                new long[][] {{0, 0, 1, 1, 2, 2, 2, 2}, {0, 0, 2, 2, 0, 2, 5, 0}, {1, 1, 1, 2, 2, 3, 2, 7}}) {
            View a = TestViews.strided(1, DType.F64, 8, 3);
            View b = TestViews.strided(2, DType.F64, 8, 3);
            View c = TestViews.random(3, DType.F64, 8, 3);
            for (View x : List.of(a, b, c)) { // short rows turn fast: their third derivatives are large
                Backends.scalar().elementwise().affine(x, 4, 0.5, x);
            }
            Loss.Angles of = new Loss.Angles(List.of(a, b, c), live, TestViews.indices(domain), 3, 1, 0.85);
            Loss.AngleParts parts = parts(of);
            View loss = TestViews.garbage(DType.F64, 1);
            View dloss = TestViews.of(DType.F64, new long[] {1}, -2);
            View da = TestViews.garbage(DType.F64, 8, 3);
            View db = TestViews.garbage(DType.F64, 3, 8).transpose(0, 1);
            View dc = TestViews.garbage(DType.F64, 8, 3);
            losses.angles(of, loss, parts);
            losses.anglesBackward(of, parts, dloss, List.of(da, db, dc));
            new GradientCheck("angles", loss, dloss, () -> losses.angles(of, loss, parts))
                    .input("a", a, da)
                    .input("b", b, db)
                    .input("c", c, dc);
        }
    }
}
