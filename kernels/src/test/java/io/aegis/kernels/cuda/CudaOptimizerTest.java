package io.aegis.kernels.cuda;

import static io.aegis.kernels.cuda.CudaTwin.compare;
import static io.aegis.kernels.cuda.CudaTwin.garbage;
import static io.aegis.kernels.cuda.CudaTwin.random;
import static io.aegis.kernels.cuda.CudaTwin.to;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.AdamStep;
import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.Optimizer;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.lang.foreign.Arena;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CudaOptimizerTest {
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 13, 64, 65, 1027})
    void adam(int n) {
        View g = random(2, n);
        View second = squared(random(4, n));
        for (boolean decoupled : new boolean[] {false, true}) {
            for (long step : new long[] {1, 2, 1000}) {
                Optimizer.Adam c = new Optimizer.Adam(0.9, 0.999, 1e-8, 5e-2, decoupled);
                View now = AdamStep.of(c, 1e-3, step).in(Arena.ofAuto());
                compare("adam", to(random(1, n), random(3, n), second), (k, d) -> k.optimizer()
                        .adam(d[0], g, d[1], d[2], c, now));
            }
        }
    }

    private static View squared(View x) {
        Backends.scalar().elementwise().binary(Elementwise.Binary.MULTIPLY, x, x, x);
        return x;
    }

    @Test
    void adamOfAnyLayout() {
        Optimizer.Adam c = new Optimizer.Adam(0.9, 0.999, 1e-8, 5e-2, true);
        View now = AdamStep.of(c, 1e-3, 3).in(Arena.ofAuto());
        View g = TestViews.strided(2, DType.F32, 6, 7);
        View second = squared(TestViews.strided(4, DType.F32, 6, 7));
        compare("strided", to(TestViews.strided(1, DType.F32, 6, 7), random(3, 6, 7), second), (k, d) -> k.optimizer()
                .adam(d[0], g, d[1], d[2], c, now));
    }

    /** The squares are float32's own products in double: only their sum is rounded, to 53 bits. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 13, 65, 577, 9000})
    void squares(int n) {
        for (View x : to(
                random(1, n),
                TestViews.strided(1, DType.F32, 1, n),
                random(1, n, 2).select(1, 0))) {
            double exact = Backends.scalar().optimizer().squares(x);
            assertThat(CudaTwin.kernels(Precision.F32).optimizer().squares(x)).isCloseTo(exact, within(1e-13 * exact));
        }
    }

    @Test
    void squaresOfMany() {
        List<View> all = List.of(random(1, 3000), random(2, 0), TestViews.random(3, DType.F64, 7), random(4, 5, 5));
        double exact = Backends.scalar().optimizer().squares(all);
        assertThat(CudaTwin.kernels(Precision.F32).optimizer().squares(all)).isCloseTo(exact, within(1e-13 * exact));
        assertThat(CudaTwin.kernels(Precision.F32).optimizer().squares(List.of()))
                .isZero();
    }

    /** Not one element: what is orthogonal to a number is 0, and rounding is all that is left of it. */
    @ParameterizedTest
    @ValueSource(ints = {0, 3, 13, 65, 577, 5000})
    void modulate(int n) {
        View base = random(1, n);
        View x = random(2, n);
        View along = random(3, n);
        Backends.scalar().elementwise().addScaled(base, 2, along);
        View against = random(4, n);
        Backends.scalar().elementwise().addScaled(base, -2, against);
        for (View v : to(x, along, against)) {
            compare("modulate", to(garbage(n)), (k, d) -> k.optimizer().modulate(base, v, d[0]));
            compare("in place", to(v), (k, d) -> k.optimizer().modulate(base, d[0], d[0]));
        }
    }

    @Test
    void modulateByNothing() {
        View zero = TestViews.zeros(DType.F32, 9);
        View nan = garbage(9);
        View x = random(1, 9);
        compare("zero", to(garbage(9)), (k, d) -> k.optimizer().modulate(zero, x, d[0]));
        compare("not a number", to(garbage(9)), (k, d) -> k.optimizer().modulate(nan, x, d[0]));
    }
}
