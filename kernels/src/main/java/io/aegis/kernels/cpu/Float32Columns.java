package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.Lanes.F;
import static io.aegis.kernels.cpu.Lanes.N;
import static java.nio.ByteOrder.LITTLE_ENDIAN;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/** Columns of float32. */
record Float32Columns(Operand b) implements Columns {
    @Override
    public int parts() {
        return 1;
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
        one(v, x.whole() / N, b.memory(), i0 << 2, i1 << 2, i2 << 2, i3 << 2, sums);
        for (int i = x.whole(); i < x.k(); i++) {
            sums[0] += v[i] * Lanes.get(b.memory(), i0 + i);
            sums[1] += v[i] * Lanes.get(b.memory(), i1 + i);
            sums[2] += v[i] * Lanes.get(b.memory(), i2 + i);
            sums[3] += v[i] * Lanes.get(b.memory(), i3 + i);
        }
    }

    private static void one(float[] x, int blocks, MemorySegment w, long i0, long i1, long i2, long i3, float[] sums) {
        FloatVector s0 = FloatVector.broadcast(F, 0f);
        FloatVector s1 = s0;
        FloatVector s2 = s0;
        FloatVector s3 = s0;
        for (int g = 0; g < blocks; g++) {
            FloatVector v = FloatVector.fromArray(F, x, g * N);
            s0 = v.fma(FloatVector.fromMemorySegment(F, w, i0 + 4L * N * g, LITTLE_ENDIAN), s0);
            s1 = v.fma(FloatVector.fromMemorySegment(F, w, i1 + 4L * N * g, LITTLE_ENDIAN), s1);
            s2 = v.fma(FloatVector.fromMemorySegment(F, w, i2 + 4L * N * g, LITTLE_ENDIAN), s2);
            s3 = v.fma(FloatVector.fromMemorySegment(F, w, i3 + 4L * N * g, LITTLE_ENDIAN), s3);
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
        four(x0, x1, x2, x3, x.whole() / N, b.memory(), i0 << 2, i1 << 2, sums);
        for (int i = x.whole(); i < x.k(); i++) {
            float w0 = Lanes.get(b.memory(), i0 + i);
            float w1 = Lanes.get(b.memory(), i1 + i);
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
            FloatVector w0 = FloatVector.fromMemorySegment(F, w, i0 + 4L * N * g, LITTLE_ENDIAN);
            FloatVector w1 = FloatVector.fromMemorySegment(F, w, i1 + 4L * N * g, LITTLE_ENDIAN);
            FloatVector v = FloatVector.fromArray(F, x0, g * N);
            s0 = v.fma(w0, s0);
            t0 = v.fma(w1, t0);
            v = FloatVector.fromArray(F, x1, g * N);
            s1 = v.fma(w0, s1);
            t1 = v.fma(w1, t1);
            v = FloatVector.fromArray(F, x2, g * N);
            s2 = v.fma(w0, s2);
            t2 = v.fma(w1, t2);
            v = FloatVector.fromArray(F, x3, g * N);
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
