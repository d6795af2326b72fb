package io.aegis.kernels.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/**
 * The innermost loops of a product: {@link #ROWS} rows of A times {@link #COLUMNS} columns of B, eight sums in registers. Two
 * multiply-adds a clock that last four clocks want eight in flight; with ten or twelve the compiler has too few registers left
 * for operands, keeps one sum in memory, and a step waits for that memory (seen on 16 registers: a third of the speed).
 */
final class Tile {
    static final int ROWS = 4;
    /** Two vectors. */
    static final int COLUMNS = 2 * Lanes.N;

    private Tile() {}

    /**
     * {@code sums} [ROWS, COLUMNS] = A B.
     *
     * @param a ROWS numbers a step of the depth, from {@code ia} on
     * @param b COLUMNS numbers a step, from {@code ib} on
     */
    static void multiply(float[] a, int ia, float[] b, int ib, int depth, float[] sums) {
        // A constant in the place of broadcast(0) would make an object of every sum in every step.
        FloatVector s00 = Lanes.broadcast(0);
        FloatVector s01 = Lanes.broadcast(0);
        FloatVector s10 = Lanes.broadcast(0);
        FloatVector s11 = Lanes.broadcast(0);
        FloatVector s20 = Lanes.broadcast(0);
        FloatVector s21 = Lanes.broadcast(0);
        FloatVector s30 = Lanes.broadcast(0);
        FloatVector s31 = Lanes.broadcast(0);
        for (int l = 0; l < depth; l++) {
            FloatVector b0 = FloatVector.fromArray(Lanes.F, b, ib + COLUMNS * l);
            FloatVector b1 = FloatVector.fromArray(Lanes.F, b, ib + COLUMNS * l + Lanes.N);
            FloatVector x0 = Lanes.broadcast(a[ia + ROWS * l]);
            s00 = x0.fma(b0, s00);
            s01 = x0.fma(b1, s01);
            FloatVector x1 = Lanes.broadcast(a[ia + ROWS * l + 1]);
            s10 = x1.fma(b0, s10);
            s11 = x1.fma(b1, s11);
            FloatVector x2 = Lanes.broadcast(a[ia + ROWS * l + 2]);
            s20 = x2.fma(b0, s20);
            s21 = x2.fma(b1, s21);
            FloatVector x3 = Lanes.broadcast(a[ia + ROWS * l + 3]);
            s30 = x3.fma(b0, s30);
            s31 = x3.fma(b1, s31);
        }
        s00.intoArray(sums, 0);
        s01.intoArray(sums, Lanes.N);
        s10.intoArray(sums, COLUMNS);
        s11.intoArray(sums, COLUMNS + Lanes.N);
        s20.intoArray(sums, 2 * COLUMNS);
        s21.intoArray(sums, 2 * COLUMNS + Lanes.N);
        s30.intoArray(sums, 3 * COLUMNS);
        s31.intoArray(sums, 3 * COLUMNS + Lanes.N);
    }

    /** Puts or adds the first rows and columns of a tile's sums where they belong: C at {@code at}, rows {@code ldc} apart. */
    static void deliver(float[] sums, int rows, int columns, boolean add, MemorySegment c, long at, long ldc) {
        if (columns < COLUMNS) {
            deliverPart(sums, rows, columns, add, c, at, ldc);
            return;
        }
        for (int r = 0; r < rows; r++) {
            if (add) {
                addRow(sums, r * COLUMNS, c, at + r * ldc);
            } else {
                MemorySegment.copy(sums, r * COLUMNS, c, JAVA_FLOAT_UNALIGNED, (at + r * ldc) << 2, COLUMNS);
            }
        }
    }

    private static void addRow(float[] sums, int i, MemorySegment c, long at) {
        FloatVector s0 = FloatVector.fromArray(Lanes.F, sums, i);
        FloatVector s1 = FloatVector.fromArray(Lanes.F, sums, i + Lanes.N);
        Lanes.store(s0.add(Lanes.load(c, at)), c, at);
        Lanes.store(s1.add(Lanes.load(c, at + Lanes.N)), c, at + Lanes.N);
    }

    private static void deliverPart(
            float[] sums, int rows, int columns, boolean add, MemorySegment c, long at, long ldc) {
        for (int r = 0; r < rows; r++) {
            for (int q = 0; q < columns; q++) {
                float s = sums[r * COLUMNS + q];
                Lanes.set(c, at + r * ldc + q, add ? Lanes.get(c, at + r * ldc + q) + s : s);
            }
        }
    }
}
