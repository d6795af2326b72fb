package io.aegis.kernels.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Whether a product that is cut between rows, at whole tiles, has the bits of the whole one. It has where a kernel adds up
 * each element along the depth in an order that depends on its place in a tile alone, as OpenBLAS does for AVX2; but that is
 * nobody's promise, and between columns it does not hold there. So it is tried once, by the first large product: a smaller
 * one, whole and in parts.
 */
final class Cuts {
    // Two parts and an odd end, more than one block of depth.
    private static final int ROWS = (int) Grid.TILES;
    private static final int M = 2 * ROWS + 23;
    private static final int N = 211;
    private static final int K = 517;

    private final Sgemm sgemm;
    /** Null until it was tried; threads that try it at once find the same. */
    private volatile Boolean free;

    Cuts(Sgemm sgemm) {
        this.sgemm = sgemm;
    }

    /** The grid for a product of this shape: for the threads that there are, where that does not change a bit. */
    Grid grid(long m, long n, long k) {
        return Grid.isLarge(m, n, k) && areFree() ? Grid.rows(m, n, k, Workers.count()) : Grid.of(m, n, k);
    }

    private boolean areFree() {
        if (free == null) {
            free = tried();
        }
        return free;
    }

    /** Both orders of B are tried: they are packed by different code, but met by the same. */
    private boolean tried() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment a = arena.allocate(4L * M * K, 64);
            MemorySegment b = arena.allocate(4L * N * K, 64);
            MemorySegment whole = arena.allocate(4L * M * N, 64);
            MemorySegment cut = arena.allocate(4L * M * N, 64);
            fill(a, M * K);
            fill(b, N * K);
            for (boolean transposed : new boolean[] {true, false}) {
                part(transposed, a, b, whole, 0, M);
                for (int row = 0; row < M; row += ROWS) {
                    part(transposed, a, b, cut, row, Math.min(M, row + ROWS));
                }
                if (whole.mismatch(cut) >= 0) {
                    return false;
                }
            }
            return true;
        }
    }

    /** Values whose sums round, so that another order shows. */
    private static void fill(MemorySegment x, int n) {
        float[] values = new float[n];
        for (int i = 0; i < n; i++) {
            values[i] = (i * 7919 % 1009 - 504) / 1009f;
        }
        x.copyFrom(MemorySegment.ofArray(values));
    }

    private void part(boolean transposed, MemorySegment a, MemorySegment b, MemorySegment c, int row, int rowEnd) {
        long ldb = transposed ? K : N;
        sgemm.multiply(
                false, transposed, rowEnd - row, N, K, 1, a, (long) row * K, K, b, 0, ldb, 0, c, (long) row * N, N);
    }
}
