package io.aegis.weights;

import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.DType;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.QuantizedWeight.Format;
import io.aegis.kernels.View;
import java.lang.foreign.Arena;
import java.util.Random;
import org.assertj.core.data.Offset;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class GroupRoundingTest {
    private final Arena arena = Arena.ofAuto();

    private QuantizedWeight empty(Format format, long rows, long columns, int group) {
        return new QuantizedWeight(
                View.allocate(arena, format.codes(), rows, format.width(columns)),
                View.allocate(arena, DType.F32, rows, columns / group));
    }

    private View normal(DType dtype, long rows, long columns) {
        View w = View.allocate(arena, dtype, rows, columns);
        Random random = new Random(7);
        for (long i = 0; i < w.elements(); i++) {
            w.setAt(i, random.nextGaussian());
        }
        return w;
    }

    private static double squaredError(View w, QuantizedWeight q) {
        double sum = 0;
        for (long n = 0; n < q.rows(); n++) {
            for (long k = 0; k < q.columns(); k++) {
                double d = w.getAt(w.index(n, k)) - q.at(n, k);
                sum += d * d;
            }
        }
        return sum;
    }

    /** Of normally distributed weights in groups of 64: what an optimal uniform quantiser of so many steps leaves, and some. */
    @ParameterizedTest
    @CsvSource({"INT8, F32, 0.0075", "INT4, F32, 0.105", "INT4, F16, 0.105", "INT4, BF16, 0.105"})
    void normalWeightsLoseLittle(Format format, DType dtype, double most) {
        View w = normal(dtype, 300, 128);
        QuantizedWeight q = empty(format, 300, 128, 64);
        GroupRounding.Loss loss = GroupRounding.round(w, q);
        assertThat(loss.relative()).isBetween(most / 2, most);
        assertThat(loss.squaredError()).isCloseTo(squaredError(w, q), Percentage.withPercentage(1e-3));
    }

    /** The largest weight by its own scale, which a plain rounding keeps, is worse. */
    @Test
    void theScaleIsSearchedFor() {
        View w = normal(DType.F32, 50, 64);
        QuantizedWeight q = empty(Format.INT4, 50, 64, 64);
        double found = GroupRounding.round(w, q).squaredError();
        double plain = 0;
        for (long n = 0; n < 50; n++) {
            double largest = 0;
            for (long k = 0; k < 64; k++) {
                largest = Math.max(largest, Math.abs(w.getAt(w.index(n, k))));
            }
            for (long k = 0; k < 64; k++) {
                double x = w.getAt(w.index(n, k));
                double d = x - largest / 7 * Math.rint(x / (largest / 7));
                plain += d * d;
            }
        }
        assertThat(found).isLessThan(0.85 * plain);
    }

    @ParameterizedTest
    @EnumSource(Format.class)
    void whatItCanStoreExactlyItKeeps(Format format) {
        View w = View.allocate(arena, DType.F32, 2, 64);
        for (long i = 0; i < 128; i++) {
            w.setAt(i, 0.25 * (i % 16 - 8) * (i < 32 ? 1 : -1));
        }
        QuantizedWeight q = empty(format, 2, 64, 32);
        assertThat(GroupRounding.round(w, q).relative()).isLessThan(format == Format.INT4 ? 1e-6 : 0.005);
        assertThat(q.at(0, 0)).isCloseTo(-2f, Offset.offset(0.02f));
    }

    /** Zeros, subnormal numbers and the largest floats give finite scales, and codes within their range. */
    @ParameterizedTest
    @EnumSource(Format.class)
    void extremesStayFinite(Format format) {
        View w = View.allocate(arena, DType.F32, 4, 32);
        for (long k = 0; k < 32; k++) {
            w.setAt(32 + k, 1e-42 * k);
            w.setAt(64 + k, (k % 2 == 0 ? 1 : -1) * 3e38);
            w.setAt(96 + k, k == 5 ? 1e20 : 1e-20);
        }
        QuantizedWeight q = empty(format, 4, 32, 32);
        assertThat(GroupRounding.round(w, q).relative()).isLessThan(0.08);
        for (long n = 0; n < 4; n++) {
            assertThat((float) q.scales().getAt(n)).isFinite();
            for (long k = 0; k < 32; k++) {
                assertThat(q.at(n, k)).isFinite();
                if (format == Format.INT8) {
                    assertThat(q.codes().getAt(q.codes().index(n, k))).isBetween(-127.0, 127.0);
                }
            }
        }
        assertThat(q.at(0, 3)).isZero();
        assertThat(q.at(1, 31)).isZero();
    }
}
