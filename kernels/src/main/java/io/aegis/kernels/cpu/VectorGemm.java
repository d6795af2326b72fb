package io.aegis.kernels.cpu;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/**
 * The matrix product where there is no native library: panels of B, two vectors wide, are packed so that they are read in
 * sequence, and four rows of A at a time run down each panel, eight sums in registers.
 */
final class VectorGemm implements Sgemm {
    private static final int PANEL = 2 * Lanes.N;
    private static final int SLOT = 3;

    @Override
    public void multiply(
            boolean transposeA,
            boolean transposeB,
            long m,
            long n,
            long k,
            float alpha,
            MemorySegment a,
            long offsetA,
            long lda,
            MemorySegment b,
            long offsetB,
            long ldb,
            float beta,
            MemorySegment c,
            long offsetC,
            long ldc) {
        MemorySegment panel = Scratch.floats(SLOT, Math.max(1, k) * PANEL);
        MemorySegment tile = Scratch.floats(SLOT + 1, 4L * PANEL);
        long rowA = transposeA ? 1 : lda;
        long stepA = transposeA ? lda : 1;
        for (long j = 0; j < n; j += PANEL) {
            int width = (int) Math.min(PANEL, n - j);
            pack(b, offsetB + (transposeB ? j * ldb : j), transposeB ? 1 : ldb, transposeB ? ldb : 1, k, width, panel);
            for (long i = 0; i < m; i += 4) {
                int height = (int) Math.min(4, m - i);
                rows(a, offsetA + i * rowA, rowA, stepA, height, (int) k, panel, tile);
                for (int r = 0; r < height; r++) {
                    for (int q = 0; q < width; q++) {
                        long at = offsetC + (i + r) * ldc + j + q;
                        float before = beta == 0 ? 0 : beta * Lanes.get(c, at);
                        Lanes.set(c, at, before + alpha * Lanes.get(tile, (long) r * PANEL + q));
                    }
                }
            }
        }
    }

    private static void pack(MemorySegment b, long at, long stepK, long stepN, long k, int width, MemorySegment panel) {
        for (long l = 0; l < k; l++) {
            for (int q = 0; q < PANEL; q++) {
                Lanes.set(panel, l * PANEL + q, q < width ? Lanes.get(b, at + l * stepK + q * stepN) : 0);
            }
        }
    }

    /** Up to four rows times one panel; missing rows repeat the last, and are not stored by the caller. */
    private static void rows(
            MemorySegment a,
            long at,
            long rowA,
            long stepA,
            int height,
            int k,
            MemorySegment panel,
            MemorySegment tile) {
        long a0 = at;
        long a1 = at + Math.min(1, height - 1) * rowA;
        long a2 = at + Math.min(2, height - 1) * rowA;
        long a3 = at + Math.min(3, height - 1) * rowA;
        FloatVector s00 = Lanes.broadcast(0);
        FloatVector s01 = s00;
        FloatVector s10 = s00;
        FloatVector s11 = s00;
        FloatVector s20 = s00;
        FloatVector s21 = s00;
        FloatVector s30 = s00;
        FloatVector s31 = s00;
        for (int l = 0; l < k; l++) {
            FloatVector b0 = Lanes.load(panel, (long) l * PANEL);
            FloatVector b1 = Lanes.load(panel, (long) l * PANEL + Lanes.N);
            long step = l * stepA;
            FloatVector x0 = Lanes.broadcast(Lanes.get(a, a0 + step));
            s00 = x0.fma(b0, s00);
            s01 = x0.fma(b1, s01);
            FloatVector x1 = Lanes.broadcast(Lanes.get(a, a1 + step));
            s10 = x1.fma(b0, s10);
            s11 = x1.fma(b1, s11);
            FloatVector x2 = Lanes.broadcast(Lanes.get(a, a2 + step));
            s20 = x2.fma(b0, s20);
            s21 = x2.fma(b1, s21);
            FloatVector x3 = Lanes.broadcast(Lanes.get(a, a3 + step));
            s30 = x3.fma(b0, s30);
            s31 = x3.fma(b1, s31);
        }
        Lanes.store(s00, tile, 0);
        Lanes.store(s01, tile, Lanes.N);
        Lanes.store(s10, tile, PANEL);
        Lanes.store(s11, tile, PANEL + Lanes.N);
        Lanes.store(s20, tile, 2L * PANEL);
        Lanes.store(s21, tile, 2L * PANEL + Lanes.N);
        Lanes.store(s30, tile, 3L * PANEL);
        Lanes.store(s31, tile, 3L * PANEL + Lanes.N);
    }

    @Override
    public String description() {
        return "Vector API, " + Lanes.F.vectorBitSize() + " bits";
    }
}
