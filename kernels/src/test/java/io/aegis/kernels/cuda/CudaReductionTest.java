package io.aegis.kernels.cuda;

import static io.aegis.kernels.cuda.CudaTwin.compare;
import static io.aegis.kernels.cuda.CudaTwin.garbage;
import static io.aegis.kernels.cuda.CudaTwin.random;
import static io.aegis.kernels.cuda.CudaTwin.to;
import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CudaReductionTest {
    @ParameterizedTest
    @CsvSource({"1, 1, 1", "2, 197, 64", "3, 1, 64", "1, 577, 13", "4, 63, 129", "65, 3, 4", "2, 700, 8", "1, 2, 5000"})
    void sums(int a, int b, int c) {
        View x = random(1, a, b, c);
        View strided = TestViews.strided(2, DType.F32, a, b, c);
        View sliced = random(3, a, b, c + 5).slice(2, 2, 2 + c);
        long[][] shapes = {{1, 1, 1}, {a, 1, c}, {a, b, 1}, {1, b, c}, {1, 1, c}, {a, 1, 1}, {1, b, 1}, {a, b, c}};
        for (long[] shape : shapes) {
            for (View from : to(x, strided, sliced)) {
                compare("sum", to(garbage(shape)), (k, d) -> k.reduction().sum(from, 0.5, false, d[0]));
                compare("added", to(random(4, shape)), (k, d) -> k.reduction().sum(from, -1, true, d[0]));
            }
            compare("into strides", to(TestViews.strided(4, DType.F32, shape)), (k, d) -> k.reduction()
                    .sum(x, 2, true, d[0]));
        }
    }

    /** The first of equal ones, over ends of threads' strides and of parts, alone and among others. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 31, 257, 4095, 4096, 4097, 9000})
    void theLikeliest(int n) {
        View x = random(1, 6, n + 3).slice(1, 1, n + 1);
        View odd = random(2, 6, n);
        for (int i = 0; i < n; i++) {
            x.set(x.get(0, i) > 0 ? 2 : 1, 0, i);
            x.set(i == n / 2 || i == n - 1 ? 4 : -3, 1, i);
            x.set(Double.NEGATIVE_INFINITY, 2, i);
            odd.set(-1, 1, i);
        }
        x.set(0.5, 2, n - 1);
        odd.set(Double.NaN, 0, n - 1);
        odd.set(Double.POSITIVE_INFINITY, 2, n / 3);
        odd.set(Double.NaN, 3, n / 2);
        odd.set(Double.POSITIVE_INFINITY, 3, n - 1);
        for (View from : to(x, odd)) {
            compare(
                    "likeliest of " + from,
                    to(TestViews.garbage(DType.I64, 6), TestViews.garbage(DType.F64, 6)),
                    (k, d) -> k.reduction().likeliest(from, d[0], d[1]));
        }
        CudaKernels kernels = CudaTwin.kernels(Precision.F32);
        View[] all = to(TestViews.garbage(DType.I64, 6), TestViews.garbage(DType.F64, 6));
        View[] one = to(TestViews.garbage(DType.I64, 1), TestViews.garbage(DType.F64, 1));
        kernels.reduction().likeliest(x, all[0], all[1]);
        for (int b = 0; b < 6; b++) {
            kernels.reduction().likeliest(x.slice(0, b, b + 1), one[0], one[1]);
            assertThat(one[1].get(0)).as("bits of row %d", b).isEqualTo(all[1].get(b));
            assertThat(one[0].getLong(0)).isEqualTo(all[0].getLong(b));
        }
    }

    /** Rows alone, by columns and apart; of equal numbers the first, and NaN above infinity. */
    @ParameterizedTest
    @CsvSource({"1, 1", "9, 2", "63, 31", "17, 32", "8, 33", "5, 129"})
    void theGreatestOfEachRow(int rows, int columns) {
        View dense = random(1, rows, columns);
        View few = random(2, rows, columns);
        for (int r = 0; r < rows; r++) {
            for (int c = 0; c < columns; c++) {
                few.set(Math.round(2 * few.get(r, c)), r, c);
            }
            few.set(r % 3 == 0 ? Double.NaN : Double.NEGATIVE_INFINITY, r, columns / 2);
            few.set(r % 2 == 0 ? Double.NaN : Double.POSITIVE_INFINITY, r, columns - 1);
        }
        View none = garbage(rows, columns);
        Backends.scalar().elementwise().fill(none, Double.NEGATIVE_INFINITY);
        View[] all = to(
                dense,
                few,
                none,
                TestViews.strided(3, DType.F32, rows, columns),
                random(4, columns, rows).transpose(0, 1));
        View dy = TestViews.strided(5, DType.F32, rows);
        for (View x : all) {
            compare(
                    "greatest of " + x,
                    Precision.F32,
                    0,
                    to(garbage(rows), TestViews.garbage(DType.I64, rows)),
                    (k, d) -> k.reduction().greatest(x, d[0], d[1]));
            View index = TestViews.garbage(DType.I64, rows);
            Backends.scalar().reduction().greatest(x, garbage(rows), index);
            for (View dx : to(garbage(rows, columns), TestViews.strided(6, DType.F32, rows, columns))) {
                compare("backward of " + x, Precision.F32, 0, to(dx), (k, d) -> k.reduction()
                        .greatestBackward(index, dy, d[0]));
            }
        }
    }

    @Test
    void sumsOfNothing() {
        View x = random(1, 0, 3, 4);
        compare("nothing", to(garbage(1, 3, 4)), (k, d) -> k.reduction().sum(x, 2, false, d[0]));
        compare("nothing added", to(random(2, 1, 3, 1)), (k, d) -> k.reduction().sum(x, 2, true, d[0]));
        View y = garbage(0, 1, 4);
        compare("no results", to(y), (k, d) -> k.reduction().sum(x, 2, false, d[0]));
    }

    @Test
    void sumsOfRepeatedAndOddlyStoredTerms() {
        View repeated = random(1, 1, 33).expand(40, 33);
        compare("repeated", to(garbage(1, 33)), (k, d) -> k.reduction().sum(repeated, 1, false, d[0]));
        compare("repeated", to(garbage(40, 1)), (k, d) -> k.reduction().sum(repeated, 1, false, d[0]));
        View picture = random(2, 3, 5, 6, 8);
        compare("channels", to(garbage(1, 5, 1, 1)), (k, d) -> k.reduction().sum(picture, 1, false, d[0]));
        compare("rows and pictures", to(garbage(1, 5, 1, 8)), (k, d) -> k.reduction()
                .sum(picture, 1, false, d[0]));
        compare("apart", to(garbage(3, 1, 6, 1)), (k, d) -> k.reduction().sum(picture, 1, false, d[0]));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 13, 64, 65, 129, 256, 512, 516, 577, 1400})
    void rows(int n) {
        View x = random(1, 9, n);
        rowsOf(x, random(2, 9, n), garbage(9, n));
        rowsOf(random(1, 3, n + 4, 3).permute(2, 0, 1).slice(2, 4, n + 4), random(2, 3, 3, n), garbage(3, 3, n));
        rowsOf(random(1, 9, n + 4).slice(1, 4, n + 4), random(2, 9, n), TestViews.strided(3, DType.F32, 9, n));
    }

    private static void rowsOf(View x, View dy, View to) {
        View y = garbage(x.shape());
        View lengths = garbage(9);
        compare("softmax", to(to), (k, d) -> k.reduction().softmax(x, d[0]));
        Backends.scalar().reduction().softmax(x, y);
        compare("slope", to(to), (k, d) -> k.reduction().softmaxBackward(y, dy, d[0]));
        compare("slope in place", to(dy), (k, d) -> k.reduction().softmaxBackward(y, d[0], d[0]));
        compare("softmax in place", to(dy), (k, d) -> k.reduction().softmax(d[0], d[0]));
        compare("unit", to(to, lengths), (k, d) -> k.reduction().normalizeRows(x, d[0], d[1]));
        compare("unit, no lengths", to(to), (k, d) -> k.reduction().normalizeRows(x, d[0], null));
        View u = garbage(x.shape());
        Backends.scalar().reduction().normalizeRows(x, u, lengths);
        compare("unit slope", to(to), (k, d) -> k.reduction().normalizeRowsBackward(u, lengths, dy, d[0]));
    }

    /** Longer than the registers of a block. */
    @Test
    void longRows() {
        for (int n : new int[] {16500, 16501}) {
            View x = random(1, 2, n);
            View dy = random(2, 2, n);
            View y = garbage(2, n);
            View lengths = garbage(2);
            compare("softmax", to(y), (k, d) -> k.reduction().softmax(x, d[0]));
            compare("unit", to(y, lengths), (k, d) -> k.reduction().normalizeRows(x, d[0], d[1]));
            Backends.scalar().reduction().softmax(x, y);
            compare("slope", to(dy), (k, d) -> k.reduction().softmaxBackward(y, d[0], d[0]));
        }
    }

    @Test
    void whatIsNotFinite() {
        double inf = Double.POSITIVE_INFINITY;
        View x = TestViews.of(DType.F32, new long[] {4, 3}, 1, -inf, 2, -inf, -inf, -inf, Double.NaN, 1, 2, inf, 0, 1);
        compare("softmax", to(garbage(4, 3)), (k, d) -> k.reduction().softmax(x, d[0]));
        compare("unit", to(garbage(4, 3), garbage(4)), (k, d) -> k.reduction().normalizeRows(x, d[0], d[1]));
        compare("sum", to(garbage(4, 1)), (k, d) -> k.reduction().sum(x, 1, false, d[0]));
        View zero = TestViews.zeros(DType.F32, 2, 5);
        compare("no length", to(garbage(2, 5), garbage(2)), (k, d) -> k.reduction()
                .normalizeRows(zero, d[0], d[1]));
    }

    @Test
    void emptyRows() {
        compare("none", to(garbage(0, 5)), (k, d) -> k.reduction().softmax(random(1, 0, 5), d[0]));
        compare("nothing in them", to(garbage(3, 0), garbage(3)), (k, d) -> k.reduction()
                .normalizeRows(random(1, 3, 0), d[0], d[1]));
    }

    @Test
    void theOrderOfThreadsDoesNotMatter() {
        CudaTwin.sameInAnyOrder(garbage(1, 12), (k, y) -> k.reduction().sum(random(1, 3000, 12), 1, false, y));
    }
}
