package io.aegis.kernels.cpu;

import io.aegis.kernels.View;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/**
 * Sums of floats. Down the columns of a matrix: 64 rows at a time in float, those in double, so that the error does not
 * grow with the number of rows. A range of columns a thread: the order of additions never changes.
 */
final class Sums {
    /** Rows that are added in float before the sum moves to double. */
    static final int BLOCK = 64;
    /** Columns that one thread takes at least, so that what it reads of a row is worth fetching. */
    static final long STRIPE = 64;
    /** Stripes begin at multiples of it: a cache line. */
    static final long UNIT = 16;

    private Sums() {}

    /**
     * y[c] = scale times the sum of column c, or added to it.
     *
     * @param stride distance of rows
     * @param y [columns], dense float32
     */
    static void columns(
            MemorySegment x, long offset, long rows, long columns, long stride, double scale, boolean add, View y) {
        MemorySegment out = y.buffer().memory();
        Workers.grains(columns, Math.max(STRIPE, (1 << 14) / Math.max(1, rows)), UNIT, (from, to) -> {
            int n = (int) (to - from);
            double[] sums = new double[n];
            float[] block = new float[n];
            for (long row = 0; row < rows; row += BLOCK) {
                long end = Math.min(rows, row + BLOCK);
                Arrays.fill(block, 0);
                for (long r = row; r < end; r++) {
                    addRow(x, offset + r * stride + from, block, n);
                }
                flush(block, sums, n);
            }
            for (int c = 0; c < n; c++) {
                long at = y.offset() + from + c;
                float before = add ? Lanes.get(out, at) : 0;
                Lanes.set(out, at, (float) (before + scale * sums[c]));
            }
        });
    }

    private static void addRow(MemorySegment x, long ix, float[] block, int n) {
        int i = 0;
        for (; i < Lanes.bound(n); i += Lanes.N) {
            FloatVector.fromArray(Lanes.F, block, i).add(Lanes.load(x, ix + i)).intoArray(block, i);
        }
        for (; i < n; i++) {
            block[i] += Lanes.get(x, ix + i);
        }
    }

    /** Moves a block's sums to the totals, and empties the block. */
    static void flush(float[] block, double[] sums, int n) {
        for (int i = 0; i < n; i++) {
            sums[i] += block[i];
            block[i] = 0;
        }
    }

    /** Sum of a row, 256 elements at a time in float. */
    static double row(MemorySegment x, long ix, int n) {
        double sum = 0;
        for (int start = 0; start < n; start += 256) {
            int end = Math.min(n, start + 256);
            FloatVector s = Lanes.broadcast(0);
            int i = start;
            for (; i <= end - Lanes.N; i += Lanes.N) {
                s = s.add(Lanes.load(x, ix + i));
            }
            sum += Lanes.sum(s);
            for (; i < end; i++) {
                sum += Lanes.get(x, ix + i);
            }
        }
        return sum;
    }

    /** Inner product of two rows, 256 elements at a time in float. */
    static double dot(MemorySegment a, long ia, MemorySegment b, long ib, int n) {
        double sum = 0;
        for (int start = 0; start < n; start += 256) {
            int end = Math.min(n, start + 256);
            FloatVector s = Lanes.broadcast(0);
            int i = start;
            for (; i <= end - Lanes.N; i += Lanes.N) {
                s = Lanes.load(a, ia + i).fma(Lanes.load(b, ib + i), s);
            }
            sum += Lanes.sum(s);
            for (; i < end; i++) {
                sum += Lanes.get(a, ia + i) * Lanes.get(b, ib + i);
            }
        }
        return sum;
    }
}
