package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.Lanes.F;
import static io.aegis.kernels.cpu.Lanes.I;
import static io.aegis.kernels.cpu.Lanes.N;
import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static jdk.incubator.vector.VectorOperators.LSHL;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/** Columns of bfloat16, two to a word: the upper is a float with the lower masked off, the lower is moved up. */
record Bfloat16Columns(Operand b) implements Columns {
    private static final IntVector UPPER = IntVector.broadcast(I, 0xffff0000);

    @Override
    public int parts() {
        return 2;
    }

    @Override
    public int ofOne() {
        return 4;
    }

    @Override
    public int ofFour() {
        return 2;
    }

    @Override
    public void one(Interleaved x, int row, long j, int wide, float[] sums) {
        float[] v = x.rows()[row];
        // Columns that are missing at the end repeat the last.
        long i0 = b.at(0, j);
        long i1 = b.at(0, j + Math.min(1, wide - 1));
        long i2 = b.at(0, j + Math.min(2, wide - 1));
        long i3 = b.at(0, j + Math.min(3, wide - 1));
        one(v, x.whole() / (2 * N), b.memory(), i0 << 1, i1 << 1, i2 << 1, i3 << 1, sums);
        for (int i = x.whole(); i < x.k(); i++) {
            sums[0] += v[i] * Widen.bfloat16At(b.memory(), i0 + i);
            sums[1] += v[i] * Widen.bfloat16At(b.memory(), i1 + i);
            sums[2] += v[i] * Widen.bfloat16At(b.memory(), i2 + i);
            sums[3] += v[i] * Widen.bfloat16At(b.memory(), i3 + i);
        }
    }

    private static void one(float[] x, int blocks, MemorySegment w, long i0, long i1, long i2, long i3, float[] sums) {
        FloatVector s0 = FloatVector.broadcast(F, 0f);
        FloatVector s1 = s0;
        FloatVector s2 = s0;
        FloatVector s3 = s0;
        for (int g = 0; g < blocks; g++) {
            FloatVector v0 = FloatVector.fromArray(F, x, 2 * N * g);
            FloatVector v1 = FloatVector.fromArray(F, x, 2 * N * g + N);
            IntVector w0 = IntVector.fromMemorySegment(I, w, i0 + 4L * N * g, LITTLE_ENDIAN);
            IntVector w1 = IntVector.fromMemorySegment(I, w, i1 + 4L * N * g, LITTLE_ENDIAN);
            IntVector w2 = IntVector.fromMemorySegment(I, w, i2 + 4L * N * g, LITTLE_ENDIAN);
            IntVector w3 = IntVector.fromMemorySegment(I, w, i3 + 4L * N * g, LITTLE_ENDIAN);
            s0 = v0.fma(w0.lanewise(LSHL, 16).reinterpretAsFloats(), s0);
            s1 = v0.fma(w1.lanewise(LSHL, 16).reinterpretAsFloats(), s1);
            s2 = v0.fma(w2.lanewise(LSHL, 16).reinterpretAsFloats(), s2);
            s3 = v0.fma(w3.lanewise(LSHL, 16).reinterpretAsFloats(), s3);
            s0 = v1.fma(w0.and(UPPER).reinterpretAsFloats(), s0);
            s1 = v1.fma(w1.and(UPPER).reinterpretAsFloats(), s1);
            s2 = v1.fma(w2.and(UPPER).reinterpretAsFloats(), s2);
            s3 = v1.fma(w3.and(UPPER).reinterpretAsFloats(), s3);
        }
        sums[0] = Lanes.sum(s0);
        sums[1] = Lanes.sum(s1);
        sums[2] = Lanes.sum(s2);
        sums[3] = Lanes.sum(s3);
    }

    @Override
    public void four(Interleaved x, int[] rows, long j, int wide, float[] sums) {
        float[] x0 = x.rows()[rows[0]];
        float[] x1 = x.rows()[rows[1]];
        float[] x2 = x.rows()[rows[2]];
        float[] x3 = x.rows()[rows[3]];
        long i0 = b.at(0, j);
        long i1 = b.at(0, j + wide - 1);
        four(x0, x1, x2, x3, x.whole() / (2 * N), b.memory(), i0 << 1, i1 << 1, sums);
        for (int i = x.whole(); i < x.k(); i++) {
            float w0 = Widen.bfloat16At(b.memory(), i0 + i);
            float w1 = Widen.bfloat16At(b.memory(), i1 + i);
            for (int r = 0; r < 4; r++) {
                float v = x.rows()[rows[r]][i];
                sums[r] += v * w0;
                sums[4 + r] += v * w1;
            }
        }
    }

    private static void four(
            float[] x0,
            float[] x1,
            float[] x2,
            float[] x3,
            int blocks,
            MemorySegment w,
            long i0,
            long i1,
            float[] sums) {
        FloatVector s0 = FloatVector.broadcast(F, 0f);
        FloatVector s1 = s0;
        FloatVector s2 = s0;
        FloatVector s3 = s0;
        FloatVector t0 = s0;
        FloatVector t1 = s0;
        FloatVector t2 = s0;
        FloatVector t3 = s0;
        for (int g = 0; g < blocks; g++) {
            IntVector words0 = IntVector.fromMemorySegment(I, w, i0 + 4L * N * g, LITTLE_ENDIAN);
            IntVector words1 = IntVector.fromMemorySegment(I, w, i1 + 4L * N * g, LITTLE_ENDIAN);
            FloatVector w0 = words0.lanewise(LSHL, 16).reinterpretAsFloats();
            FloatVector w1 = words1.lanewise(LSHL, 16).reinterpretAsFloats();
            FloatVector v = FloatVector.fromArray(F, x0, 2 * N * g);
            s0 = v.fma(w0, s0);
            t0 = v.fma(w1, t0);
            v = FloatVector.fromArray(F, x1, 2 * N * g);
            s1 = v.fma(w0, s1);
            t1 = v.fma(w1, t1);
            v = FloatVector.fromArray(F, x2, 2 * N * g);
            s2 = v.fma(w0, s2);
            t2 = v.fma(w1, t2);
            v = FloatVector.fromArray(F, x3, 2 * N * g);
            s3 = v.fma(w0, s3);
            t3 = v.fma(w1, t3);
            w0 = words0.and(UPPER).reinterpretAsFloats();
            w1 = words1.and(UPPER).reinterpretAsFloats();
            v = FloatVector.fromArray(F, x0, 2 * N * g + N);
            s0 = v.fma(w0, s0);
            t0 = v.fma(w1, t0);
            v = FloatVector.fromArray(F, x1, 2 * N * g + N);
            s1 = v.fma(w0, s1);
            t1 = v.fma(w1, t1);
            v = FloatVector.fromArray(F, x2, 2 * N * g + N);
            s2 = v.fma(w0, s2);
            t2 = v.fma(w1, t2);
            v = FloatVector.fromArray(F, x3, 2 * N * g + N);
            s3 = v.fma(w0, s3);
            t3 = v.fma(w1, t3);
        }
        sums[0] = Lanes.sum(s0);
        sums[1] = Lanes.sum(s1);
        sums[2] = Lanes.sum(s2);
        sums[3] = Lanes.sum(s3);
        sums[4] = Lanes.sum(t0);
        sums[5] = Lanes.sum(t1);
        sums[6] = Lanes.sum(t2);
        sums[7] = Lanes.sum(t3);
    }
}
