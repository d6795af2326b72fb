package io.aegis.kernels.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;

import io.aegis.kernels.DType;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.QuantizedWeight.Format;
import io.aegis.kernels.cpu.x86.Assembler.Width;
import io.aegis.kernels.cpu.x86.RowProduct;
import io.aegis.kernels.cpu.x86.RowProduct.Weights;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * A few rows times columns of 16, 8 or 4 bits by machine code: rows are laid out once, as {@link RowProduct} reads them, in
 * fours, and columns taken so many at a time that the second-level cache holds them for the next four.
 *
 * @param weights how they are stored
 * @param width of the vectors, the widest of which the rows are whole numbers of units
 * @param scales null where there are none
 * @param x rows laid out, one four behind the other
 * @param ofFour floats of each
 */
record MachineRows(
        Weights weights,
        int group,
        Width width,
        int k,
        int count,
        MemorySegment codes,
        long bytes,
        MemorySegment scales,
        MemorySegment x,
        long ofFour)
        implements FewRows {
    private static final int FOUR = 4;
    /** Half bytes of a word. */
    private static final int PLACES = 8;
    /** What each is divided by, since it is multiplied where it stands in its half of the word. */
    private static final float[] OF_PLACE = {1, 0x1p-4f, 0x1p-8f, 0x1p-12f, 1, 0x1p-4f, 0x1p-8f, 0x1p-12f};
    /** Bytes of columns that are taken at a time, where several fours of rows need them. */
    private static final long CHUNK = 1 << 17;
    /** Rows of 4 bits are below it, so that no sum overflows that is taken away again. */
    private static final float LARGEST = 1e30f;
    /** Columns at a time, where there is one four. */
    private static final long MOST = 1024;

    /** Whether these rows can: to what 4 bits begin with at -8 times the sum, infinity cannot be added. */
    static boolean fits(Operand x, int rows, QuantizedWeight w) {
        float most = 0;
        for (int r = 0; r < rows && w.format() == Format.INT4; r++) {
            most = Math.max(most, largest(x.memory(), x.at(r, 0), (int) w.columns()));
        }
        return most < LARGEST;
    }

    /** The largest magnitude of a row that is a number of whole vectors; NaN where there is one. */
    private static float largest(MemorySegment x, long ix, int k) {
        FloatVector most = Lanes.broadcast(0);
        for (int i = 0; i < k; i += Lanes.N) {
            most = most.max(Lanes.load(x, ix + i).abs());
        }
        return most.reduceLanes(VectorOperators.MAX);
    }

    /** Whether rows of such a weight can be multiplied so. */
    static boolean fits(QuantizedWeight w) {
        return MachineCode.available()
                && w.codes().stride(0) == w.codes().size(1)
                && w.columns() % weights(w).unit(w.group(), Width.BITS_256) == 0;
    }

    /** Whether rows can be multiplied so with columns of this weight [k, n]. */
    static boolean fits(Operand w, long k) {
        return MachineCode.available()
                && w.isHalf()
                && w.byColumns()
                && w.leading() == k
                && k % Weights.BF16.block(Width.BITS_256) == 0
                && k > 0;
    }

    static MachineRows of(Operand x, int rows, QuantizedWeight w) {
        return of(x, rows, w, MachineCode.widest());
    }

    static MachineRows of(Operand x, int rows, QuantizedWeight w, Width widest) {
        int k = (int) w.columns();
        long width = w.codes().size(1);
        MemorySegment codes = w.codes().buffer().memory().asSlice(w.codes().offset(), w.rows() * width);
        long groups = w.scales().size(1);
        MemorySegment scales = w.scales().buffer().memory().asSlice(w.scales().offset() << 2, (w.rows() * groups) << 2);
        return of(x, rows, k, weights(w), w.group(), widest, codes, width, scales);
    }

    /** @param n columns of the weight */
    static MachineRows of(Operand x, int rows, Operand w, int k, long n) {
        return of(x, rows, w, k, n, MachineCode.widest());
    }

    static MachineRows of(Operand x, int rows, Operand w, int k, long n, Width widest) {
        Weights weights = w.dtype() == DType.F16 ? Weights.F16 : Weights.BF16;
        MemorySegment columns = w.memory().asSlice(w.offset() << 1, (n * k) << 1);
        return of(x, rows, k, weights, weights.block(Width.BITS_256), widest, columns, 2L * k, MemorySegment.NULL);
    }

    private static Weights weights(QuantizedWeight w) {
        return w.format() == Format.INT8 ? Weights.INT8 : Weights.INT4;
    }

    private static MachineRows of(
            Operand x,
            int rows,
            int k,
            Weights weights,
            int group,
            Width widest,
            MemorySegment codes,
            long bytes,
            MemorySegment scales) {
        Width width = k % weights.unit(group, widest) == 0 ? widest : Width.BITS_256;
        int unit = weights.unit(group, width);
        long sums = weights == Weights.INT4 ? (long) k / unit * width.lanes() : 0;
        int[] constants = weights.constants(group, width);
        long ofFour = constants.length + FOUR * (k + sums);
        MemorySegment to = Scratch.floats(Scratch.MACHINE_ROWS, Math.ceilDiv(rows, FOUR) * ofFour);
        for (int first = 0; first < rows; first += FOUR) {
            MemorySegment four = to.asSlice(first / FOUR * ofFour << 2);
            MemorySegment.copy(constants, 0, four, JAVA_INT_UNALIGNED, 0, constants.length);
            layOut(
                    x,
                    first,
                    Math.min(FOUR, rows - first),
                    k,
                    weights,
                    unit,
                    width.lanes(),
                    four.asSlice((long) constants.length << 2));
        }
        return new MachineRows(weights, group, width, k, rows, codes, bytes, scales, to, ofFour);
    }

    /** Rows that go together: of three, the last is there twice. */
    private static int together(int rows) {
        return rows == 3 ? FOUR : rows;
    }

    private static void layOut(
            Operand x, int first, int count, int k, Weights weights, int unit, int lanes, MemorySegment to) {
        int rows = together(count);
        int sums = weights == Weights.INT4 ? lanes : 0;
        float[] row = Scratch.array(0, k);
        float[] ready = Scratch.array(1, k + k / unit * sums);
        for (int r = 0; r < rows; r++) {
            Lanes.toArray(x.memory(), x.at(first + Math.min(r, count - 1), 0), row, k);
            switch (weights) {
                case INT8, F16 -> System.arraycopy(row, 0, ready, 0, k);
                case BF16 -> pairs(row, ready, k, lanes);
                case INT4 -> halfBytes(row, ready, k, unit, lanes);
            }
            long at = (long) r * lanes;
            int vectors = (k + k / unit * sums) / lanes;
            if (rows == 1) {
                MemorySegment.copy(ready, 0, to, JAVA_FLOAT_UNALIGNED, at << 2, vectors * lanes);
                continue;
            }
            for (int v = 0; v < vectors; v++) {
                long start = at + (long) v * rows * lanes;
                for (int l = 0; l < lanes; l++) {
                    Lanes.set(to, start + l, ready[v * lanes + l]);
                }
            }
        }
    }

    /** Of every two vectors the even ones, then the odd. */
    private static void pairs(float[] from, float[] to, int k, int lanes) {
        for (int i = 0; i < k; i += 2 * lanes) {
            for (int l = 0; l < lanes; l++) {
                to[i + l] = from[i + 2 * l];
                to[i + lanes + l] = from[i + 2 * l + 1];
            }
        }
    }

    /** Of every block those of each word's first half byte, then of its second, divided by what its place multiplies. */
    private static void halfBytes(float[] from, float[] to, int k, int unit, int lanes) {
        int at = 0;
        for (int u = 0; u < k; u += unit) {
            int sums = at;
            at += lanes;
            for (int l = 0; l < lanes; l++) {
                float sum = 0;
                int place = at + l;
                for (int block = u; block < u + unit; block += PLACES * lanes) {
                    for (int i = block + PLACES * l; i < block + PLACES * (l + 1); i++, place += lanes) {
                        sum -= 8 * from[i];
                        to[place] = from[i] * OF_PLACE[i % PLACES];
                    }
                }
                to[sums + l] = sum;
            }
            at += unit;
        }
    }

    @Override
    public void multiply(boolean add, Part part) {
        long most = count <= FOUR ? MOST : Math.max(1, CHUNK / bytes);
        for (long j = part.column(); j < part.columnEnd(); j += most) {
            long n = Math.min(most, part.columnEnd() - j);
            for (int first = 0; first < count; first += FOUR) {
                columns(add, part, first, j, n);
            }
        }
    }

    private void columns(boolean add, Part part, int first, long j, long n) {
        int there = Math.min(FOUR, count - first);
        int rows = together(there);
        long at = part.offset() + first * part.ldc() + j;
        boolean straight = rows == 1 && !add;
        MemorySegment y = straight ? part.c().asSlice(at << 2, n << 2) : Scratch.floats(Scratch.MACHINE_SUMS, n * rows);
        long groups = weights.scaled() ? k / group : 0;
        MachineCode.rows(weights, rows, group, width)
                .call(
                        codes.asSlice(j * bytes, n * bytes),
                        weights.scaled() ? scales.asSlice((j * groups) << 2, (n * groups) << 2) : scales,
                        x.asSlice(first / FOUR * ofFour << 2, ofFour << 2),
                        y,
                        n,
                        k / weights.unit(group, width));
        for (int r = 0; r < there && !straight; r++) {
            long to = at + r * part.ldc();
            for (long c = 0; c < n; c++) {
                float sum = Lanes.get(y, c * rows + r);
                Lanes.set(part.c(), to + c, add ? Lanes.get(part.c(), to + c) + sum : sum);
            }
        }
    }
}
