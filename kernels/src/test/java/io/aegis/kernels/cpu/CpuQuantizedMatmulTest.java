package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.Twin.garbage;
import static io.aegis.kernels.cpu.Twin.random;
import static io.aegis.kernels.cpu.Twin.to;
import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.Activation;
import io.aegis.kernels.DType;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.QuantizedWeight.Format;
import io.aegis.kernels.QuantizedWeights;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class CpuQuantizedMatmulTest {
    @ParameterizedTest
    @CsvSource({
        "1, 1, 32, 32",
        "1, 13, 96, 32",
        "1, 65, 160, 32",
        "1, 129, 1152, 64",
        "2, 7, 64, 64",
        "3, 63, 384, 128",
        "4, 1, 2048, 2048",
        "5, 127, 320, 64",
        "8, 72, 1056, 32",
        "9, 65, 1152, 128",
        "13, 129, 96, 32",
        "64, 33, 2048, 2048",
        "127, 72, 1280, 256",
        "0, 4, 64, 32",
        "9, 0, 64, 32",
        "2, 0, 64, 32",
    })
    void everyProduct(int m, int n, int k, int group) {
        View bias = random(3, n);
        View[] xs = {random(1, m, k), random(1, k, m).transpose(0, 1), TestViews.strided(1, DType.F32, m, k)};
        for (Format format : Format.values()) {
            QuantizedWeight[] ws = {
                QuantizedWeights.random(2, format, n, k, group), QuantizedWeights.random(2, format, n, k, group, 5)
            };
            for (QuantizedWeight w : ws) {
                for (View x : xs) {
                    forward(format + " plain", x, w, garbage(m, n), Epilogue.NONE);
                    forward(format + " gap", x, w, garbage(m, n + 7).slice(1, 3, 3 + n), Epilogue.bias(bias));
                }
                forward(format + " silu", xs[0], w, garbage(m, n), new Epilogue(bias, Activation.SILU, false));
                forward(format + " added", xs[0], w, random(4, m, n), Epilogue.ACCUMULATE);
                forward(format + " transposed", xs[0], w, garbage(n, m).transpose(0, 1), Epilogue.NONE);
                backward(w, m, n, k);
            }
        }
    }

    private static void forward(String what, View x, QuantizedWeight w, View y, Epilogue e) {
        Twin.compare(what, to(y), (kernels, d) -> kernels.quantizedMatmul().multiply(x, w, d[0], e));
        Twin.compare(what + ", rows", to(y), (kernels, d) -> kernels.quantizedMatmul()
                .multiplyRows(x, w, d[0], e));
    }

    private static void backward(QuantizedWeight w, int m, int n, int k) {
        for (View y : new View[] {random(1, m, n), random(1, n, m).transpose(0, 1)}) {
            Twin.compare("gradient", to(garbage(m, k)), (kernels, d) -> kernels.quantizedMatmul()
                    .multiplyTransposed(y, w, d[0], false));
            Twin.compare(
                    "gradient added",
                    to(random(5, m, k + 3).slice(1, 1, 1 + k)),
                    (kernels, d) -> kernels.quantizedMatmul().multiplyTransposed(y, w, d[0], true));
        }
    }

    @ParameterizedTest
    @EnumSource
    void widensExactly(Format format) {
        QuantizedWeight w = QuantizedWeights.random(1, format, 17, 384, 128, 3);
        View[] outs = {
            garbage(17, 384),
            garbage(17, 390).slice(1, 2, 386),
            garbage(384, 17).transpose(0, 1)
        };
        for (View out : outs) {
            Twin.fast().quantizedMatmul().widen(w, out);
            for (int n = 0; n < 17; n++) {
                for (int k = 0; k < 384; k++) {
                    assertThat((float) out.get(n, k)).isEqualTo(w.at(n, k));
                }
            }
        }
        Twin.compare("to F16", to(TestViews.garbage(DType.F16, 17, 384)), (kernels, d) -> kernels.quantizedMatmul()
                .widen(w, d[0]));
    }

    /** Each row alone, a few together, many together: the same bits. */
    @ParameterizedTest
    @EnumSource
    void rowsDoNotKnowOfEachOther(Format format) {
        int n = 131;
        int k = 2528;
        View bias = random(3, n);
        QuantizedWeight w = QuantizedWeights.random(2, format, n, k, 32);
        View x = random(1, 19, k);
        View alone = garbage(19, n);
        for (int r = 0; r < 19; r++) {
            View y = alone.slice(0, r, r + 1);
            Twin.fast().quantizedMatmul().multiply(x.slice(0, r, r + 1), w, y, Epilogue.bias(bias));
        }
        for (int rows : new int[] {1, 2, 3, 4, 5, 8, 19}) {
            View together = garbage(rows, n);
            Twin.fast().quantizedMatmul().multiplyRows(x.slice(0, 0, rows), w, together, Epilogue.bias(bias));
            assertThat(together.toDoubles()).isEqualTo(alone.slice(0, 0, rows).toDoubles());
        }
    }

    /** Each alone among zeros: no sum hides a wrong one. */
    @ParameterizedTest
    @EnumSource
    void everyCode(Format format) {
        int k = 256;
        View codes = TestViews.zeros(format.codes(), 1, format.width(k));
        for (int i = 0; i < codes.elements(); i++) {
            codes.setLongAt(i, format == Format.INT8 ? Math.max(-127, i - 128) : i * 31 & 255);
        }
        QuantizedWeight w = new QuantizedWeight(codes, TestViews.of(DType.F32, new long[] {1, 2}, 1, 0.5));
        View x = TestViews.zeros(DType.F32, k, k);
        for (int i = 0; i < k; i++) {
            x.set(1, i, i);
        }
        View y = garbage(k, 1);
        Twin.fast().quantizedMatmul().multiplyRows(x, w, y, Epilogue.NONE);
        for (int i = 0; i < k; i++) {
            assertThat((float) y.get(i, 0)).as("weight %d", i).isEqualTo(w.at(0, i));
        }
    }

    @Test
    void infinityStaysInfinite() {
        for (Format format : Format.values()) {
            View codes = TestViews.zeros(format.codes(), 1, format.width(128));
            codes.setLongAt(0, 0x0f);
            View x = TestViews.zeros(DType.F32, 1, 128);
            x.set(Float.MAX_VALUE, 0, 0);
            View y = garbage(1, 1);
            QuantizedWeight w = new QuantizedWeight(codes, TestViews.of(DType.F32, new long[] {1, 1}, 1));
            Twin.fast().quantizedMatmul().multiplyRows(x, w, y, Epilogue.NONE);
            assertThat(y.get(0, 0)).isEqualTo(Double.POSITIVE_INFINITY);
        }
    }

    @Test
    void otherTypesGoToThePlainKernels() {
        QuantizedWeight w = QuantizedWeights.random(1, Format.INT4, 5, 64, 64);
        View x = TestViews.random(1, DType.F64, 3, 64);
        View y = TestViews.garbage(DType.F64, 3, 5);
        forward("F64", x, w, y, Epilogue.NONE);
        Twin.compare("F64", to(TestViews.garbage(DType.F64, 3, 64)), (kernels, d) -> kernels.quantizedMatmul()
                .multiplyTransposed(TestViews.random(2, DType.F64, 3, 5), w, d[0], false));
    }
}
