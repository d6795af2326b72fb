package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.Twin.garbage;
import static io.aegis.kernels.cpu.Twin.random;
import static io.aegis.kernels.cpu.Twin.to;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.AdamStep;
import io.aegis.kernels.Backends;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.Optimizer;
import io.aegis.kernels.View;
import java.lang.foreign.Arena;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CpuOptimizerTest {
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 13, 65, 577, 40000})
    void adam(int n) {
        View g = random(2, n);
        View second = random(4, n);
        Twin.fast().elementwise().binary(Elementwise.Binary.MULTIPLY, second, second, second);
        for (boolean decoupled : new boolean[] {false, true}) {
            for (long step : new long[] {1, 2, 1000}) {
                Optimizer.Adam c = new Optimizer.Adam(0.9, 0.999, 1e-8, 5e-2, decoupled);
                View now = AdamStep.of(c, 1e-3, step).in(Arena.ofAuto());
                Twin.compare("adam", to(random(1, n), random(3, n), second), (k, d) -> k.optimizer()
                        .adam(d[0], g, d[1], d[2], c, now));
            }
        }
    }

    /** Sums of 256 squares in float: a relative error of at most 256 roundings. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 13, 65, 577, 40000})
    void squares(int n) {
        View x = random(1, n);
        double exact = Backends.scalar().optimizer().squares(x);
        assertThat(Twin.fast().optimizer().squares(x)).isCloseTo(exact, within(256 * Math.ulp(1f) * exact));
    }

    /** Not one element: what is orthogonal to a number is 0, and rounding is all that is left of it. */
    @ParameterizedTest
    @ValueSource(ints = {3, 13, 65, 577, 40000})
    void modulate(int n) {
        View base = random(1, n);
        View x = random(2, n);
        View along = random(3, n);
        Twin.fast().elementwise().addScaled(base, 2, along);
        View against = random(4, n);
        Twin.fast().elementwise().addScaled(base, -2, against);
        for (View v : to(x, along, against)) {
            Twin.compare("modulate", to(garbage(n)), (k, d) -> k.optimizer().modulate(base, v, d[0]));
            Twin.compare("in place", to(v), (k, d) -> k.optimizer().modulate(base, d[0], d[0]));
        }
    }
}
