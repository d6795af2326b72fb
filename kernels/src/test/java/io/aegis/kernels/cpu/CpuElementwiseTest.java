package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.Twin.garbage;
import static io.aegis.kernels.cpu.Twin.random;
import static io.aegis.kernels.cpu.Twin.to;
import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.Activation;
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
    void exponentialAtItsBorders() {
        double[] at = {
            Double.NaN,
            200,
            88.72,
            88.8,
            0,
            -0.0,
            -87,
            -87.4,
            -200,
            1e-10,
            Float.POSITIVE_INFINITY,
            Float.NEGATIVE_INFINITY,
            1,
            -1,
            43.5,
            -43.5,
            60
        };
        View x = TestViews.of(DType.F32, new long[] {at.length}, at);
        View y = garbage(at.length);
        Twin.fast().elementwise().activate(Activation.EXP, x, y);
        for (int i = 0; i < at.length; i++) {
            double expected = Math.exp((float) at[i]);
            double got = y.get(i);
            if (Double.isNaN(expected)) {
                assertThat(got).isNaN();
            } else if (expected < Float.MIN_NORMAL) {
                assertThat(got).as("exp(%s)", at[i]).isZero();
            } else if (expected > Float.MAX_VALUE) {
                assertThat(got).as("exp(%s)", at[i]).isInfinite();
            } else {
                assertThat(Math.abs(got / expected - 1)).as("exp(%s)", at[i]).isLessThan(2e-7);
            }
        }
    }

    @Test
    void notANumberStaysVisible() {
        View x = TestViews.of(DType.F32, new long[] {1}, Double.NaN);
        for (Activation f : Activation.values()) {
            View y = random(1, 1);
            Twin.fast().elementwise().activate(f, x, y);
            assertThat(y.get(0)).as("%s of NaN", f).isNaN();
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
        Twin.compare("dropout", to(garbage(5, 33)), (k, d) -> k.elementwise().dropout(x, 0.3, 1, 2, samples, 3, d[0]));
    }
}
