package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.Lanes.F;
import static io.aegis.kernels.cpu.Lanes.I;
import static io.aegis.kernels.cpu.Lanes.N;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;

import io.aegis.kernels.QuantizedWeight;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorShuffle;

/**
 * Columns of signed bytes with scales, four to a word. A byte is moved to the top of its word, where it keeps its sign, what
 * is below it is masked off, and the conversion to float gives 2^24 times the weight: rows come multiplied by 2^-24. A
 * block's products are added up first, its scales come last.
 */
record Int8Columns(MemorySegment codes, long offset, long stride, QuantizedScales scales, int group)
        implements Columns {
    private static final int PARTS = 4;
    private static final IntVector TOP = IntVector.broadcast(I, 0xff000000);

    static Int8Columns of(QuantizedWeight w) {
        return new Int8Columns(
                w.codes().buffer().memory(),
                w.codes().offset(),
                w.codes().stride(0),
                QuantizedScales.of(w, PARTS),
                w.group());
    }

    @Override
    public int parts() {
        return PARTS;
    }

    @Override
    public float factor() {
        return 0x1p-24f;
    }

    @Override
    public int ofOne() {
        return 1;
    }

    @Override
    public int ofFour() {
        return 1;
    }

    @Override
    public void one(Interleaved x, int row, long j, int wide, float[] sums) {
        float[] v = x.rows()[row];
        sums[0] = one(
                        v,
                        x.whole() / (PARTS * N),
                        codes,
                        offset + j * stride,
                        scales.ofColumn(j),
                        scales.up(),
                        scales.down(),
                        scales.lanes())
                + rest(x, v, j);
    }

    private static float one(
            float[] x,
            int blocks,
            MemorySegment w,
            long at,
            float[] scales,
            int up,
            int down,
            VectorShuffle<Float> lanes) {
        FloatVector s = FloatVector.broadcast(F, 0f);
        for (int g = 0; g < blocks; g++) {
            IntVector words = IntVector.fromMemorySegment(I, w, at + 4L * N * g, LITTLE_ENDIAN);
            FloatVector v = FloatVector.fromArray(F, x, 4 * N * g);
            FloatVector p = v.mul(words.lanewise(LSHL, 24).convertShape(I2F, F, 0));
            v = FloatVector.fromArray(F, x, 4 * N * g + N);
            p = v.fma((FloatVector) words.lanewise(LSHL, 16).and(TOP).convertShape(I2F, F, 0), p);
            v = FloatVector.fromArray(F, x, 4 * N * g + 2 * N);
            p = v.fma((FloatVector) words.lanewise(LSHL, 8).and(TOP).convertShape(I2F, F, 0), p);
            v = FloatVector.fromArray(F, x, 4 * N * g + 3 * N);
            p = v.fma((FloatVector) words.and(TOP).convertShape(I2F, F, 0), p);
            s = p.fma(FloatVector.fromArray(F, scales, (g << up) >> down).rearrange(lanes), s);
        }
        return Lanes.sum(s);
    }

    @Override
    public void four(Interleaved x, int[] rows, long j, int wide, float[] sums) {
        float[] x0 = x.rows()[rows[0]];
        float[] x1 = x.rows()[rows[1]];
        float[] x2 = x.rows()[rows[2]];
        float[] x3 = x.rows()[rows[3]];
        four(
                x0,
                x1,
                x2,
                x3,
                x.whole() / (PARTS * N),
                codes,
                offset + j * stride,
                scales.ofColumn(j),
                scales.up(),
                scales.down(),
                scales.lanes(),
                sums);
        for (int r = 0; r < 4; r++) {
            sums[r] += rest(x, x.rows()[rows[r]], j);
        }
    }

    private static void four(
            float[] x0,
            float[] x1,
            float[] x2,
            float[] x3,
            int blocks,
            MemorySegment w,
            long at,
            float[] scales,
            int up,
            int down,
            VectorShuffle<Float> lanes,
            float[] sums) {
        FloatVector s0 = FloatVector.broadcast(F, 0f);
        FloatVector s1 = s0;
        FloatVector s2 = s0;
        FloatVector s3 = s0;
        for (int g = 0; g < blocks; g++) {
            IntVector words = IntVector.fromMemorySegment(I, w, at + 4L * N * g, LITTLE_ENDIAN);
            FloatVector q = (FloatVector) words.lanewise(LSHL, 24).convertShape(I2F, F, 0);
            FloatVector p0 = q.mul(FloatVector.fromArray(F, x0, 4 * N * g));
            FloatVector p1 = q.mul(FloatVector.fromArray(F, x1, 4 * N * g));
            FloatVector p2 = q.mul(FloatVector.fromArray(F, x2, 4 * N * g));
            FloatVector p3 = q.mul(FloatVector.fromArray(F, x3, 4 * N * g));
            q = (FloatVector) words.lanewise(LSHL, 16).and(TOP).convertShape(I2F, F, 0);
            p0 = q.fma(FloatVector.fromArray(F, x0, 4 * N * g + N), p0);
            p1 = q.fma(FloatVector.fromArray(F, x1, 4 * N * g + N), p1);
            p2 = q.fma(FloatVector.fromArray(F, x2, 4 * N * g + N), p2);
            p3 = q.fma(FloatVector.fromArray(F, x3, 4 * N * g + N), p3);
            q = (FloatVector) words.lanewise(LSHL, 8).and(TOP).convertShape(I2F, F, 0);
            p0 = q.fma(FloatVector.fromArray(F, x0, 4 * N * g + 2 * N), p0);
            p1 = q.fma(FloatVector.fromArray(F, x1, 4 * N * g + 2 * N), p1);
            p2 = q.fma(FloatVector.fromArray(F, x2, 4 * N * g + 2 * N), p2);
            p3 = q.fma(FloatVector.fromArray(F, x3, 4 * N * g + 2 * N), p3);
            q = (FloatVector) words.and(TOP).convertShape(I2F, F, 0);
            p0 = q.fma(FloatVector.fromArray(F, x0, 4 * N * g + 3 * N), p0);
            p1 = q.fma(FloatVector.fromArray(F, x1, 4 * N * g + 3 * N), p1);
            p2 = q.fma(FloatVector.fromArray(F, x2, 4 * N * g + 3 * N), p2);
            p3 = q.fma(FloatVector.fromArray(F, x3, 4 * N * g + 3 * N), p3);
            FloatVector scale =
                    FloatVector.fromArray(F, scales, (g << up) >> down).rearrange(lanes);
            s0 = p0.fma(scale, s0);
            s1 = p1.fma(scale, s1);
            s2 = p2.fma(scale, s2);
            s3 = p3.fma(scale, s3);
        }
        sums[0] = Lanes.sum(s0);
        sums[1] = Lanes.sum(s1);
        sums[2] = Lanes.sum(s2);
        sums[3] = Lanes.sum(s3);
    }

    /** What is left behind the last whole block. */
    private float rest(Interleaved x, float[] row, long column) {
        float sum = 0;
        for (int i = x.whole(); i < x.k(); i++) {
            sum += row[i] * (scales.of(column, i / group) * codes.get(JAVA_BYTE, offset + column * stride + i));
        }
        return sum;
    }
}
