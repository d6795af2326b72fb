package io.aegis.kernels.cuda;

import static io.aegis.kernels.cuda.CudaTwin.EXACT;
import static io.aegis.kernels.cuda.CudaTwin.garbage;
import static io.aegis.kernels.cuda.CudaTwin.random;
import static io.aegis.kernels.cuda.CudaTwin.to;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.kernels.Activation;
import io.aegis.kernels.DType;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Against the plain product with what the quantised weights stand for. */
class CudaQuantizedTest {
    private final CudaQuantized quantized =
            new CudaQuantized(CudaTwin.kernels(Precision.F32).cuda());

    @ParameterizedTest
    @CsvSource({
        "8, 1, 13, 64, 64",
        "8, 2, 65, 1152, 128",
        "8, 5, 7, 4096, 64",
        "8, 3, 1, 96, 32",
        "4, 1, 13, 64, 64",
        "4, 2, 65, 1152, 128",
        "4, 8, 7, 4096, 64",
        "4, 4, 33, 32, 32",
        "4, 19, 2, 640, 128",
    })
    void asTheirFloats(int bits, int m, int n, int k, int group) {
        View scales = scales(n, k / group);
        View weights = weights(bits, n, k);
        View floats = floats(bits, weights, scales, k);
        View bias = random(3, n);
        View[] xs = {random(1, m, k), TestViews.strided(1, DType.BF16, m, k)};
        for (View x : xs) {
            for (Epilogue e : new Epilogue[] {new Epilogue(bias, Activation.SILU, false), Epilogue.ACCUMULATE}) {
                View y = random(4, m, n + 3).slice(1, 1, 1 + n);
                CudaTwin.compare(bits + " bits", Precision.F32, EXACT, to(y), (kernels, d) -> {
                    if (kernels.name().equals("cuda")) {
                        quantized.multiplyRows(x, weights, scales, d[0], e);
                    } else {
                        kernels.matmul().multiply(x, floats.transpose(0, 1), d[0], e);
                    }
                });
            }
        }
    }

    /** The ends of the range, each alone: no sum hides a wrong zero point. */
    @Test
    void everyWeight() {
        for (int bits : new int[] {4, 8}) {
            int k = 256;
            View weights = weights(bits, 1, k);
            for (int i = 0; i < k; i++) {
                set(bits, weights, 0, i, i % (1 << bits) - (1 << bits - 1));
            }
            View scales = TestViews.of(DType.F32, new long[] {1, 8}, 1, 1, 1, 1, 1, 1, 1, 1);
            View x = TestViews.zeros(DType.F32, k, k);
            for (int i = 0; i < k; i++) {
                x.set(1, i, i);
            }
            View y = garbage(k, 1);
            quantized.multiplyRows(x, weights, scales, y, Epilogue.NONE);
            for (int i = 0; i < k; i++) {
                assertThat(y.get(i, 0)).as("%d bits, %d", bits, i).isEqualTo(i % (1 << bits) - (1 << bits - 1));
            }
        }
    }

    @Test
    void rowsDoNotKnowOfEachOther() {
        for (int bits : new int[] {4, 8}) {
            View weights = weights(bits, 19, 1024);
            View scales = scales(19, 8);
            View x = random(1, 9, 1024);
            View alone = garbage(9, 19);
            for (int r = 0; r < 9; r++) {
                View y = alone.slice(0, r, r + 1);
                quantized.multiplyRows(x.slice(0, r, r + 1), weights, scales, y, Epilogue.NONE);
            }
            for (int rows : new int[] {2, 3, 8, 9}) {
                View y = garbage(rows, 19);
                quantized.multiplyRows(x.slice(0, 0, rows), weights, scales, y, Epilogue.NONE);
                assertThat(y.toDoubles()).isEqualTo(alone.slice(0, 0, rows).toDoubles());
            }
        }
    }

    @Test
    void saysWhatItExpects() {
        View x = random(1, 1, 96);
        View y = garbage(1, 4);
        assertThatThrownBy(() -> quantized.multiplyRows(x, weights(8, 4, 96), scales(4, 2), y, Epilogue.NONE))
                .hasMessageContaining("a power of two of the 96 weights of a row");
        assertThatThrownBy(() -> quantized.multiplyRows(x, weights(8, 4, 64), scales(4, 2), y, Epilogue.NONE))
                .hasMessage("x is [M, 64] beside these weights; given: F32[1, 96]");
        assertThatThrownBy(() -> quantized.multiplyRows(x, random(1, 4, 96), scales(4, 3), y, Epilogue.NONE))
                .hasMessageContaining("weights are I8, or U8 with two a byte; given: F32[4, 96]");
    }

    private static View scales(int n, int groups) {
        View s = random(5, n, groups);
        for (int i = 0; i < n * groups; i++) {
            s.setAt(i, 0.01 + Math.abs(s.getAt(i)));
        }
        return s;
    }

    private static View weights(int bits, int n, int k) {
        View w = TestViews.zeros(bits == 8 ? DType.I8 : DType.U8, n, k * bits / 8);
        Random random = new Random(2);
        for (int i = 0; i < n; i++) {
            for (int l = 0; l < k; l++) {
                set(bits, w, i, l, random.nextInt(1 << bits) - (1 << bits - 1));
            }
        }
        return w;
    }

    private static void set(int bits, View w, int n, int k, int value) {
        if (bits == 8) {
            w.set(value, n, k);
        } else {
            int shift = k % 2 * 4;
            int others = (int) w.get(n, k / 2) & 0xf0 >> shift;
            w.set(others | value + 8 << shift, n, k / 2);
        }
    }

    private static View floats(int bits, View w, View scales, int k) {
        int n = (int) w.size(0);
        View f = TestViews.zeros(DType.F64, n, k);
        long group = k / scales.size(1);
        for (int i = 0; i < n; i++) {
            for (int l = 0; l < k; l++) {
                double q = bits == 8 ? w.get(i, l) : ((int) w.get(i, l / 2) >> l % 2 * 4 & 15) - 8;
                f.set(q * scales.get(i, l / group), i, l);
            }
        }
        return f;
    }
}
