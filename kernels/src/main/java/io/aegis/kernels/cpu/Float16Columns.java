package io.aegis.kernels.cpu;

import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/**
 * Inner products of float rows with columns of F16, four at a time. There are no vectors of F16, but the compiler turns a
 * plain loop over arrays into the conversion instruction and what follows it: a product goes into the sum of its place in a
 * stretch of a thousand, and those sums are added at the end. (Widening a stretch first and multiplying then waits for
 * memory at the start of each stretch: seen, little more than half as fast.)
 */
final class Float16Columns {
    private static final int STRETCH = 1024;

    private final int k;
    private final int used; // places of a stretch, whole vectors
    private final float[][][] x; // row, stretch, place: each stretch an array, or the loop is not turned into vectors
    private final float[][] sums = new float[4][STRETCH];

    /** Copies the rows: float32 [rows, k], dense. */
    Float16Columns(Operand a, int rows, int k) {
        this.k = k;
        used = Math.min(STRETCH, Math.ceilDiv(k, Lanes.N) * Lanes.N);
        x = new float[rows][Math.ceilDiv(k, STRETCH)][STRETCH];
        for (int r = 0; r < rows; r++) {
            for (int at = 0; at < k; at += STRETCH) {
                int n = Math.min(STRETCH, k - at);
                Lanes.toArray(a.memory(), a.at(r, at), x[r][at / STRETCH], n);
            }
        }
    }

    /** The products of one row with the columns that begin at these elements. */
    void multiply(int row, MemorySegment w, long i0, long i1, long i2, long i3, float[] products) {
        for (float[] s : sums) {
            Arrays.fill(s, 0, used, 0);
        }
        for (int at = 0; at < k; at += STRETCH) {
            int n = Math.min(STRETCH, k - at);
            float[] v = x[row][at / STRETCH];
            addProducts(w, i0 + at, i1 + at, i2 + at, i3 + at, v, sums[0], sums[1], sums[2], sums[3], n);
        }
        for (int c = 0; c < products.length; c++) {
            products[c] = total(sums[c]);
        }
    }

    private static void addProducts(
            MemorySegment w,
            long i0,
            long i1,
            long i2,
            long i3,
            float[] x,
            float[] s0,
            float[] s1,
            float[] s2,
            float[] s3,
            int n) {
        long b0 = i0 << 1;
        long b1 = i1 << 1;
        long b2 = i2 << 1;
        long b3 = i3 << 1;
        for (int i = 0; i < n; i++) {
            s0[i] = s0[i] + Float.float16ToFloat(w.get(JAVA_SHORT_UNALIGNED, b0 + 2L * i)) * x[i];
            s1[i] = s1[i] + Float.float16ToFloat(w.get(JAVA_SHORT_UNALIGNED, b1 + 2L * i)) * x[i];
            s2[i] = s2[i] + Float.float16ToFloat(w.get(JAVA_SHORT_UNALIGNED, b2 + 2L * i)) * x[i];
            s3[i] = s3[i] + Float.float16ToFloat(w.get(JAVA_SHORT_UNALIGNED, b3 + 2L * i)) * x[i];
        }
    }

    private float total(float[] s) {
        FloatVector sum = FloatVector.fromArray(Lanes.F, s, 0);
        for (int i = Lanes.N; i < used; i += Lanes.N) {
            sum = sum.add(FloatVector.fromArray(Lanes.F, s, i));
        }
        return Lanes.sum(sum);
    }
}
