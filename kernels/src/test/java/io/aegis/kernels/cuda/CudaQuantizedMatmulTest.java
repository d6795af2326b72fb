package io.aegis.kernels.cuda;

import static io.aegis.kernels.cuda.CudaTwin.garbage;
import static io.aegis.kernels.cuda.CudaTwin.random;
import static io.aegis.kernels.cuda.CudaTwin.to;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.Activation;
import io.aegis.kernels.Backends;
import io.aegis.kernels.Device;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.QuantizedMatmul;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.QuantizedWeight.Format;
import io.aegis.kernels.QuantizedWeights;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The way to the kernels; the loops of few rows themselves are {@link CudaQuantizedTest}'s. */
class CudaQuantizedMatmulTest {
    @ParameterizedTest
    @CsvSource({
        "INT8, 1, 13, 64, 64",
        "INT8, 64, 7, 96, 32",
        "INT8, 65, 33, 256, 128",
        "INT4, 2, 65, 128, 32",
        "INT4, 72, 13, 192, 64",
    })
    void everyProduct(Format format, int m, int n, int k, int group) {
        QuantizedWeight w = QuantizedWeights.random(2, format, n, k, group);
        View x = random(1, m, k);
        View bias = random(3, n);
        View y = garbage(m, n + 3).slice(1, 1, 1 + n);
        Epilogue silu = new Epilogue(bias, Activation.SILU, false);
        CudaTwin.compare(format + " product", to(y), (kernels, d) -> kernels.quantizedMatmul()
                .multiply(x, w, d[0], silu));
        CudaTwin.compare(format + " rows added", to(random(4, m, n)), (kernels, d) -> kernels.quantizedMatmul()
                .multiplyRows(x, w, d[0], Epilogue.ACCUMULATE));
        View dy = random(5, m, n);
        CudaTwin.compare(format + " gradient", to(garbage(m, k)), (kernels, d) -> kernels.quantizedMatmul()
                .multiplyTransposed(dy, w, d[0], false));
        CudaTwin.compare(format + " gradient added", to(random(6, m, k)), (kernels, d) -> kernels.quantizedMatmul()
                .multiplyTransposed(dy, w, d[0], true));
        for (View out : new View[] {garbage(n, k), garbage(k, n).transpose(0, 1)}) {
            CudaTwin.compare(format + " widened", to(out), (kernels, d) -> kernels.quantizedMatmul()
                    .widen(w, d[0]));
        }
    }

    /** Many rows that several weights take are rounded once, few as each does; the bits are those of one after the other. */
    @ParameterizedTest
    @CsvSource({"INT8, 72, 1", "INT4, 72, 1", "INT4, 9, 0"})
    void severalOfOne(Format format, int m, int rounded) {
        CudaKernels kernels = CudaTwin.kernels(Precision.BF16);
        QuantizedMatmul fast = kernels.quantizedMatmul();
        View x = random(1, m, 192);
        View bias = random(3, 24);
        QuantizedWeight first = QuantizedWeights.random(2, format, 13, 192, 64);
        QuantizedWeight second = QuantizedWeights.random(4, format, 24, 192, 64);
        View[] apart = to(garbage(m, 13), garbage(m, 24));
        View[] together = to(garbage(m, 13), garbage(m, 24));
        int before = CudaBackend.launches(kernels, () -> {
                    fast.multiply(x, first, apart[0], Epilogue.NONE);
                    fast.multiply(x, second, apart[1], Epilogue.bias(bias));
                })
                .getOrDefault("dense", 0);
        int now = CudaBackend.launches(
                        kernels,
                        () -> fast.multiply(
                                x,
                                List.of(
                                        new QuantizedMatmul.Linear(first, together[0], Epilogue.NONE),
                                        new QuantizedMatmul.Linear(second, together[1], Epilogue.bias(bias)))))
                .getOrDefault("dense", 0);
        // Each weight is rounded; x was for each of them, and is now by a copy.
        assertThat(before).isEqualTo(4 * rounded);
        assertThat(now).isEqualTo(2 * rounded);
        for (int i = 0; i < 2; i++) {
            assertThat(together[i].toDoubles()).as("product %d", i).isEqualTo(apart[i].toDoubles());
        }
    }

    /** Rows by number have the bits of the widened weight, found on the device; also of many, and of codes with gaps. */
    @ParameterizedTest
    @EnumSource(Format.class)
    void rowsByNumber(Format format) {
        QuantizedMatmul fast = CudaTwin.kernels(Precision.F32).quantizedMatmul();
        for (int gap : new int[] {0, 16, 3}) {
            QuantizedWeight w = QuantizedWeights.random(2, format, 13, 192, 64, gap);
            View ids = TestViews.indices(12, 0, 7, 7, 1);
            View got = garbage(5, 192);
            fast.lookup(w, ids, got);
            assertThat(got.buffer().device().kind()).isEqualTo(Device.Kind.CUDA);
            for (int i = 0; i < 5; i++) {
                View row = garbage(1, 192);
                fast.widen(w.rows(ids.getLong(i), ids.getLong(i) + 1), row);
                assertThat(got.select(0, i).toDoubles()).as("row %d", i).isEqualTo(row.toDoubles());
            }
            View turned = garbage(192, 5).transpose(0, 1);
            fast.lookup(w, ids, turned);
            assertThat(turned.toDoubles()).as("for the host").isEqualTo(got.toDoubles());
        }
    }

    /** Of 13 outputs five at a time, as the output matrix of a large vocabulary is taken. */
    @ParameterizedTest
    @EnumSource(Format.class)
    void weightsThatAreWidenedInParts(Format format) {
        CudaKernels kernels = CudaTwin.kernels(Precision.F32);
        QuantizedMatmul parts = new CudaQuantizedMatmul(
                new Cuda(CudaTwin.engine(), (DeviceMemory) kernels.memory(), Precision.F32),
                Backends.best().quantizedMatmul(),
                kernels.matmul(),
                kernels.elementwise(),
                kernels.embedding(),
                5 * 192);
        QuantizedMatmul plain = Backends.scalar().quantizedMatmul();
        QuantizedWeight w = QuantizedWeights.random(2, format, 13, 192, 64);
        View x = random(1, 72, 192);
        Epilogue silu = new Epilogue(random(3, 13), Activation.SILU, false);
        View[] y = {garbage(72, 16).slice(1, 1, 14), garbage(72, 13)};
        parts.multiply(x, w, y[0], silu);
        plain.multiply(x, w, y[1], silu);
        assertThat(y[0].toDoubles()).containsExactly(y[1].toDoubles(), within(1e-4));

        View dy = random(5, 72, 13);
        for (boolean added : new boolean[] {false, true}) {
            View[] dx = {random(6, 72, 192), random(6, 72, 192)};
            parts.multiplyTransposed(dy, w, dx[0], added);
            plain.multiplyTransposed(dy, w, dx[1], added);
            assertThat(dx[0].toDoubles()).containsExactly(dx[1].toDoubles(), within(1e-4));
        }
    }

    /** Rows of codes that begin at odd places are beyond the kernels: the host computes them. */
    @Test
    void unalignedRowsAreTheHosts() {
        QuantizedWeight w = QuantizedWeights.random(2, Format.INT8, 5, 64, 64, 3);
        View x = random(1, 2, 64);
        View y = garbage(2, 5);
        CudaTwin.kernels(Precision.F32).quantizedMatmul().multiplyRows(x, w, y, Epilogue.NONE);
        for (int m = 0; m < 2; m++) {
            for (int n = 0; n < 5; n++) {
                double sum = 0;
                for (int k = 0; k < 64; k++) {
                    sum += x.get(m, k) * w.at(n, k);
                }
                assertThat(y.get(m, n)).isCloseTo(sum, within(1e-5));
            }
        }
    }
}
