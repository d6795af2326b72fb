package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.Twin.garbage;
import static io.aegis.kernels.cpu.Twin.random;
import static io.aegis.kernels.cpu.Twin.to;
import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.Activation;
import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class CpuElementwiseTest {
    private static final int[] SIZES = {0, 1, 13, 63, 64, 65, 72, 127, 128, 129, 197, 577, 729, 40000};

    @ParameterizedTest
    @EnumSource(Elementwise.Binary.class)
    void binary(Elementwise.Binary op) {
        for (int n : SIZES) {
            View a = random(1, n);
            View b = random(2, n);
            Twin.compare(op + " " + n, to(garbage(n)), (k, d) -> k.elementwise().binary(op, a, b, d[0]));
        }
        for (View[] pair : layouts()) {
            View y = garbage(pair[0].shape());
            Twin.compare(op + " layout", to(y), (k, d) -> k.elementwise().binary(op, pair[0], pair[1], d[0]));
        }
    }

    private static List<View[]> layouts() {
        View x = random(1, 3, 17, 65);
        return List.of(
                to(x, random(2, 17, 65).expand(3, 17, 65)),
                to(x, random(2, 3, 17, 1).expand(3, 17, 65)),
                to(x, TestViews.strided(3, DType.F32, 3, 17, 65)),
                to(random(1, 3, 65, 17).permute(0, 2, 1), x),
                to(random(1, 3, 17, 130).slice(2, 65, 130), x),
                to(random(1, 5, 17, 65).slice(0, 1, 4), x));
    }

    @ParameterizedTest
    @EnumSource(Activation.class)
    void activations(Activation f) {
        for (int n : SIZES) {
            View x = wide(n);
            View dy = random(2, n);
            if (f == Activation.LOG || f == Activation.SQRT) {
                Twin.fast().elementwise().binary(Elementwise.Binary.MULTIPLY, x, x, x);
            }
            Twin.compare(f + " " + n, to(garbage(n)), (k, d) -> k.elementwise().activate(f, x, d[0]));
            Twin.compare(
                    f + " slope " + n, to(garbage(n)), (k, d) -> k.elementwise().activateBackward(f, x, dy, d[0]));
            Twin.compare(f + " in place", to(x), (k, d) -> k.elementwise().activate(f, d[0], d[0]));
        }
    }

    /** Normal values times 4: the tails of the functions as well. */
    private static View wide(int n) {
        View x = random(1, n);
        Twin.fast().elementwise().affine(x, 4, 0, x);
        return x;
    }

    @Test
    void exponentialFromBorderToBorder() {
        for (double at = -87.2; at < 88.2; at += 0.0371) {
            float x = (float) at;
            float got = Lanes.exp(Lanes.broadcast(x)).lane(0);
            assertThat(Math.abs(got / Math.exp(x) - 1)).as("exp(%s)", x).isLessThan(2e-7);
        }
        assertThat(Lanes.exp(Lanes.broadcast(Float.NEGATIVE_INFINITY)).lane(0)).isBetween(0f, 2e-38f);
        assertThat(Lanes.exp(Lanes.broadcast(-1000)).lane(0)).isBetween(0f, 2e-38f);
        assertThat(Lanes.exp(Lanes.broadcast(1000)).lane(0)).isGreaterThan(2e38f);
        assertThat(Lanes.exp(Lanes.broadcast(Float.NaN)).lane(0)).isNaN();
    }

    @Test
    void notANumberStaysVisible() {
        View x = garbage(37); // NaN
        for (Activation f : Activation.values()) {
            View y = random(1, 37);
            Twin.fast().elementwise().activate(f, x, y);
            assertThat(y.toDoubles()).as("%s of NaN", f).containsOnly(Double.NaN);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 13, 65, 577, 40000})
    void theRest(int n) {
        View x = random(1, n);
        Twin.compare("fill", to(garbage(n)), (k, d) -> k.elementwise().fill(d[0], 1.5));
        Twin.compare("affine", to(garbage(n)), (k, d) -> k.elementwise().affine(x, 1.7, -0.3, d[0]));
        Twin.compare("added", to(random(2, n)), (k, d) -> k.elementwise().addScaled(x, -0.7, d[0]));
        Twin.compare("copy", to(garbage(n)), (k, d) -> k.elementwise().copy(x, d[0]));
        Twin.compare("widened", to(TestViews.garbage(DType.F64, n)), (k, d) -> k.elementwise()
                .copy(x, d[0]));
        View gap = garbage(n, 2).select(1, 1);
        Twin.compare("into a gap", to(gap), (k, d) -> k.elementwise().copy(x, d[0]));
        Twin.compare("filled gap", to(gap), (k, d) -> k.elementwise().fill(d[0], 2));
    }

    @Test
    void copiesBetweenLayoutsAndTypes() {
        View x = random(1, 2, 3, 9, 11);
        Twin.compare(
                "picture", to(garbage(2, 9, 11, 3)), (k, d) -> k.elementwise().copy(x.permute(0, 2, 3, 1), d[0]));
        View half = TestViews.random(1, DType.F16, 7, 9);
        Twin.compare("f16", to(garbage(7, 9)), (k, d) -> k.elementwise().copy(half, d[0]));
        View ids = TestViews.indices(3, 1, 2);
        Twin.compare("ids", to(TestViews.garbage(DType.I64, 3)), (k, d) -> k.elementwise()
                .copy(ids, d[0]));
    }

    @Test
    void rowsByIndex() {
        View x = random(1, 5, 33);
        View index = TestViews.indices(4, 0, 4);
        Twin.compare("gather", to(garbage(3, 33)), (k, d) -> k.elementwise().gather(x, index, d[0]));
        View y = random(2, 3, 33);
        Twin.compare("scatter", to(random(3, 5, 33)), (k, d) -> k.elementwise().scatterAdd(y, index, d[0]));
        View samples = TestViews.indices(7, 9, 11, 2, 5);
        Twin.compare("dropout", to(garbage(5, 33)), (k, d) -> k.elementwise()
                .dropout(x, 0.3, 1, TestViews.indices(2), samples, 3, d[0]));
    }

    /** Rows of one decoding step lie one behind the other: each must not depend on those before it. */
    @Test
    void aGateHasTheSameBitsInAnyRow() {
        for (int n : new int[] {1, 13, 24, 33, 160}) {
            View gate = random(1, 5 * n);
            View up = random(2, 5 * n);
            View y = garbage(5 * n);
            Backends.best().elementwise().siluGate(gate, up, y);
            for (int row = 0; row < 5; row++) {
                View alone = garbage(n);
                Backends.best()
                        .elementwise()
                        .siluGate(gate.slice(0, row * n, (row + 1) * n), up.slice(0, row * n, (row + 1) * n), alone);
                assertThat(alone.toDoubles())
                        .isEqualTo(y.slice(0, row * n, (row + 1) * n).toDoubles());
            }
        }
    }

    @Test
    void siluGate() {
        for (int n : SIZES) {
            View gate = wide(n);
            View up = random(2, n);
            View dy = random(3, n);
            Twin.compare("gate " + n, to(garbage(n)), (k, d) -> k.elementwise().siluGate(gate, up, d[0]));
            Twin.compare("in place " + n, to(up), (k, d) -> k.elementwise().siluGate(gate, d[0], d[0]));
            Twin.compare("slopes " + n, to(garbage(n), garbage(n)), (k, d) -> k.elementwise()
                    .siluGateBackward(gate, up, dy, d[0], d[1]));
            Twin.compare("one slope " + n, to(garbage(n)), (k, d) -> k.elementwise()
                    .siluGateBackward(gate, up, dy, null, d[0]));
        }
        for (View[] pair : layouts()) {
            View dy = random(3, pair[0].shape());
            Twin.compare(
                    "layout", to(dy, dy), (k, d) -> k.elementwise().siluGateBackward(pair[0], pair[1], dy, d[0], d[1]));
        }
    }

    @Test
    void halvesAreWidened() {
        for (DType half : new DType[] {DType.F16, DType.BF16}) {
            for (int n : SIZES) {
                View x = TestViews.random(1, half, n);
                Twin.compare(half + " " + n, to(garbage(n)), (k, d) -> k.elementwise()
                        .copy(x, d[0]));
            }
            View rows = TestViews.random(1, half, 7, 5, 33).slice(2, 3, 24);
            Twin.compare(half + " rows", to(garbage(7, 5, 21)), (k, d) -> k.elementwise()
                    .copy(rows, d[0]));
        }
    }
}
