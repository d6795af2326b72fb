package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.Twin.garbage;
import static io.aegis.kernels.cpu.Twin.random;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.QuantizedWeight.Format;
import io.aegis.kernels.QuantizedWeights;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import io.aegis.kernels.cpu.x86.Assembler.Width;
import java.util.EnumSet;
import java.util.Set;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Both ways of a few rows, by machine code and by the Vector API, whichever this machine takes by itself. */
class FewRowsTest {
    /** A sum of k products in another order, relative to the sum of their magnitudes; 4 bits take 8 times a sum away again. */
    private static final double TOLERANCE = 2e-6;

    /** Those of this machine: with vectors of 512 bits, those of 256 too. */
    private static Set<Width> widths() {
        return EnumSet.of(Width.BITS_256, MachineCode.widest());
    }

    @ParameterizedTest
    @CsvSource({
        "1, 1, 32, 32",
        "1, 17, 192, 32",
        "2, 5, 64, 64",
        "3, 40, 1152, 64",
        "4, 9, 2048, 256",
        "5, 33, 128, 128",
        "7, 3, 4096, 4096",
        "8, 1100, 64, 32",
        "1, 1100, 128, 64",
        "2, 21, 256, 32",
        "4, 6, 384, 64"
    })
    void quantisedWeights(int m, int n, int k, int group) {
        View x = random(1, m, k);
        for (Format format : Format.values()) {
            QuantizedWeight w = QuantizedWeights.random(2, format, n, k, group);
            View exact = exactly(x, k, n, (i, j) -> w.at(j, i));
            View scale = exactly(absolute(x), k, n, (i, j) -> Math.abs(w.at(j, i)));
            Operand rows = Operand.of(x);
            Columns columns = format == Format.INT8 ? Int8Columns.of(w) : Int4Columns.of(w);
            check(
                    format + " by vectors",
                    m,
                    n,
                    exact,
                    scale,
                    from -> FewRows.of(rows.from(from, 0), m - from, k, columns));
            if (MachineRows.fits(w)) {
                assertThat(MachineRows.fits(rows, m, w)).isTrue();
                for (Width width : widths()) {
                    check(
                            format + " by machine code, " + width,
                            m,
                            n,
                            exact,
                            scale,
                            from -> MachineRows.of(rows.from(from, 0), m - from, w, width));
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "1, 1, 32",
        "1, 19, 96",
        "2, 5, 64",
        "3, 40, 1152",
        "4, 9, 2048",
        "5, 33, 160",
        "8, 1100, 64",
        "6, 2, 9216"
    })
    void halfPrecision(int m, int n, int k) {
        View x = random(1, m, k);
        for (DType dtype : new DType[] {DType.F16, DType.BF16}) {
            View w = TestViews.random(2, dtype, n + 1, k).slice(0, 1, n + 1).transpose(0, 1);
            View exact = exactly(x, k, n, w::get);
            View scale = exactly(absolute(x), k, n, (i, j) -> Math.abs(w.get(i, j)));
            Operand rows = Operand.of(x);
            Operand right = Operand.of(w);
            check(
                    dtype + " by vectors",
                    m,
                    n,
                    exact,
                    scale,
                    from -> FewRows.of(rows.from(from, 0), m - from, k, RowProducts.columns(right)));
            if (MachineRows.fits(right, k)) {
                for (Width width : widths()) {
                    check(
                            dtype + " by machine code, " + width,
                            m,
                            n,
                            exact,
                            scale,
                            from -> MachineRows.of(rows.from(from, 0), m - from, right, k, n, width));
                }
            }
        }
    }

    /** Rows that are infinite, or nearly so, are what the plain kernels say, and those beside them what they are alone. */
    @Test
    void greatNumbersChangeNoOtherRow() {
        QuantizedWeight w = QuantizedWeights.random(2, Format.INT4, 9, 128, 64);
        View x = random(1, 4, 128);
        View before = garbage(4, 9);
        Twin.fast().quantizedMatmul().multiplyRows(x, w, before, Epilogue.NONE);
        x.set(Double.POSITIVE_INFINITY, 1, 5);
        x.set(1e36, 2, 70);
        View after = garbage(4, 9);
        Twin.fast().quantizedMatmul().multiplyRows(x, w, after, Epilogue.NONE);
        View plain = garbage(4, 9);
        Backends.scalar().quantizedMatmul().multiplyRows(x, w, plain, Epilogue.NONE);
        for (int j = 0; j < 9; j++) {
            assertThat(after.get(0, j)).isEqualTo(before.get(0, j));
            assertThat(after.get(3, j)).isEqualTo(before.get(3, j));
            assertThat(after.get(1, j)).isEqualTo(plain.get(1, j));
            assertThat(after.get(2, j)).isCloseTo(plain.get(2, j), Offset.offset(1e31));
        }
    }

    @Test
    void whatDoesNotFitIsLeftToTheVectors() {
        assumeTrue(MachineCode.available(), "no machine code: " + MachineCode.reason());
        assertThat(MachineRows.fits(QuantizedWeights.random(1, Format.INT4, 3, 96, 32)))
                .isFalse();
        assertThat(MachineRows.fits(QuantizedWeights.random(1, Format.INT8, 3, 96, 32)))
                .isTrue();
        assertThat(MachineRows.fits(QuantizedWeights.random(1, Format.INT8, 3, 96, 32, 5)))
                .isFalse();
        View w = TestViews.random(1, DType.BF16, 3, 80);
        assertThat(MachineRows.fits(Operand.of(w.transpose(0, 1)), 80)).isFalse();
        assertThat(MachineRows.fits(Operand.of(w.slice(1, 0, 64).transpose(0, 1)), 64))
                .isFalse();
        assertThat(MachineRows.fits(Operand.of(w), 3)).isFalse();
    }

    private interface Weight {
        double at(long i, long j);
    }

    private interface Ready {
        FewRows from(int row);
    }

    /** All rows, then the last ones alone: they agree with the exact product, and with each other bit by bit. */
    private static void check(String what, int m, int n, View exact, View scale, Ready ready) {
        View all = garbage(m, n + 3);
        Part part = new Part(0, m, 0, n, all.buffer().memory(), all.offset(), n + 3);
        ready.from(0).multiply(false, part);
        for (int i = 0; i < m; i++) {
            for (int j = 0; j < n; j++) {
                assertThat(all.get(i, j))
                        .as("%s, row %d of %d, column %d", what, i, m, j)
                        .isCloseTo(exact.get(i, j), Offset.offset(TOLERANCE * scale.get(i, j) + 1e-30));
            }
            for (int j = n; j < n + 3; j++) {
                assertThat(all.get(i, j)).as("%s, behind row %d", what, i).isNaN();
            }
        }
        for (int from = Math.max(1, m - 4); from < m; from++) {
            View some = garbage(m - from, n);
            int rest = n / 3;
            FewRows rows = ready.from(from);
            rows.multiply(false, new Part(0, m - from, 0, rest, some.buffer().memory(), some.offset(), n));
            rows.multiply(false, new Part(0, m - from, rest, n, some.buffer().memory(), some.offset(), n));
            for (int i = from; i < m; i++) {
                for (int j = 0; j < n; j++) {
                    assertThat(some.get(i - from, j))
                            .as("%s, row %d from row %d on, column %d", what, i, from, j)
                            .isEqualTo(all.get(i, j));
                }
            }
        }
        // Added to what is there: rounded once more, nothing else.
        ready.from(0).multiply(true, part);
        View once = garbage(m, n);
        ready.from(0).multiply(false, new Part(0, m, 0, n, once.buffer().memory(), once.offset(), n));
        for (int i = 0; i < m; i++) {
            for (int j = 0; j < n; j++) {
                assertThat(all.get(i, j))
                        .as("%s added, row %d, column %d", what, i, j)
                        .isEqualTo(2 * once.get(i, j));
            }
        }
    }

    private static View exactly(View x, int k, int n, Weight w) {
        View y = TestViews.zeros(DType.F64, x.size(0), n);
        for (int r = 0; r < x.size(0); r++) {
            for (int j = 0; j < n; j++) {
                double sum = 0;
                for (int i = 0; i < k; i++) {
                    sum += x.get(r, i) * w.at(i, j);
                }
                y.set(sum, r, j);
            }
        }
        return y;
    }

    private static View absolute(View x) {
        View y = TestViews.zeros(DType.F64, x.size(0), x.size(1));
        for (int r = 0; r < x.size(0); r++) {
            for (int i = 0; i < x.size(1); i++) {
                y.set(Math.abs(x.get(r, i)), r, i);
            }
        }
        return y;
    }
}
