package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.Twin.garbage;
import static io.aegis.kernels.cpu.Twin.random;
import static io.aegis.kernels.cpu.Twin.to;

import io.aegis.kernels.DType;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CpuReductionTest {
    @ParameterizedTest
    @CsvSource({"1, 1, 1", "2, 197, 65", "3, 1, 64", "1, 577, 13", "4, 63, 129", "0, 3, 4", "2, 700, 8"})
    void sums(int a, int b, int c) {
        View x = random(1, a, b, c);
        View strided = TestViews.strided(2, DType.F32, a, b, c);
        View sliced = random(3, a, b, c + 5).slice(2, 2, 2 + c);
        long[][] shapes = {{1, 1, 1}, {a, 1, c}, {a, b, 1}, {1, b, c}, {1, 1, c}, {a, 1, 1}, {1, b, 1}, {a, b, c}};
        for (long[] shape : shapes) {
            for (View from : to(x, strided, sliced)) {
                Twin.compare("sum", to(garbage(shape)), (k, d) -> k.reduction().sum(from, 0.5, false, d[0]));
                Twin.compare(
                        "added", to(random(4, shape)), (k, d) -> k.reduction().sum(from, -1, true, d[0]));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 13, 63, 64, 65, 129, 577})
    void rows(int n) {
        View x = random(1, 7, n);
        View dy = random(2, 7, n);
        View y = garbage(7, n);
        Twin.compare("softmax", to(y), (k, d) -> k.reduction().softmax(x, d[0]));
        Twin.fast().reduction().softmax(x, y);
        Twin.compare("slope", to(garbage(7, n)), (k, d) -> k.reduction().softmaxBackward(y, dy, d[0]));
        View lengths = garbage(7);
        Twin.compare("unit", to(garbage(7, n), lengths), (k, d) -> k.reduction().normalizeRows(x, d[0], d[1]));
        Twin.fast().reduction().normalizeRows(x, y, lengths);
        Twin.compare(
                "unit slope", to(garbage(7, n)), (k, d) -> k.reduction().normalizeRowsBackward(y, lengths, dy, d[0]));
    }
}
