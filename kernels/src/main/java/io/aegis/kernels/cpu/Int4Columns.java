package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.Lanes.F;
import static io.aegis.kernels.cpu.Lanes.I;
import static io.aegis.kernels.cpu.Lanes.N;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.XOR;

import io.aegis.kernels.QuantizedWeight;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorShuffle;

/**
 * Columns of half bytes with scales, eight to a word. With its upper bit turned over a half byte is the weight in two's
 * complement; moved to the top of the word and converted it is 2^28 times that: rows come multiplied by 2^-28. A block's
 * products are added up first, in two sums so that neither is long waited for, its scales come last.
 */
record Int4Columns(MemorySegment codes, long offset, long stride, QuantizedScales scales, int group)
        implements Columns {
    private static final int PARTS = 8;
    private static final IntVector TOP = IntVector.broadcast(I, 0xf0000000);
    private static final IntVector EIGHTS = IntVector.broadcast(I, 0x88888888);

    static Int4Columns of(QuantizedWeight w) {
        return new Int4Columns(
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
        return 0x1p-28f;
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
            IntVector words = IntVector.fromMemorySegment(I, w, at + 4L * N * g, LITTLE_ENDIAN)
                    .lanewise(XOR, EIGHTS);
            FloatVector v = FloatVector.fromArray(F, x, 8 * N * g);
            FloatVector p = v.mul(words.lanewise(LSHL, 28).convertShape(I2F, F, 0));
            v = FloatVector.fromArray(F, x, 8 * N * g + N);
            p = v.fma((FloatVector) words.lanewise(LSHL, 24).and(TOP).convertShape(I2F, F, 0), p);
            v = FloatVector.fromArray(F, x, 8 * N * g + 2 * N);
            p = v.fma((FloatVector) words.lanewise(LSHL, 20).and(TOP).convertShape(I2F, F, 0), p);
            v = FloatVector.fromArray(F, x, 8 * N * g + 3 * N);
            p = v.fma((FloatVector) words.lanewise(LSHL, 16).and(TOP).convertShape(I2F, F, 0), p);
            v = FloatVector.fromArray(F, x, 8 * N * g + 4 * N);
            FloatVector q = v.mul(words.lanewise(LSHL, 12).and(TOP).convertShape(I2F, F, 0));
            v = FloatVector.fromArray(F, x, 8 * N * g + 5 * N);
            q = v.fma((FloatVector) words.lanewise(LSHL, 8).and(TOP).convertShape(I2F, F, 0), q);
            v = FloatVector.fromArray(F, x, 8 * N * g + 6 * N);
            q = v.fma((FloatVector) words.lanewise(LSHL, 4).and(TOP).convertShape(I2F, F, 0), q);
            v = FloatVector.fromArray(F, x, 8 * N * g + 7 * N);
            q = v.fma((FloatVector) words.and(TOP).convertShape(I2F, F, 0), q);
            s = p.add(q).fma(FloatVector.fromArray(F, scales, (g << up) >> down).rearrange(lanes), s);
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
            IntVector words = IntVector.fromMemorySegment(I, w, at + 4L * N * g, LITTLE_ENDIAN)
                    .lanewise(XOR, EIGHTS);
            FloatVector u = (FloatVector) words.lanewise(LSHL, 28).convertShape(I2F, F, 0);
            FloatVector p0 = u.mul(FloatVector.fromArray(F, x0, 8 * N * g));
            FloatVector p1 = u.mul(FloatVector.fromArray(F, x1, 8 * N * g));
            FloatVector p2 = u.mul(FloatVector.fromArray(F, x2, 8 * N * g));
            FloatVector p3 = u.mul(FloatVector.fromArray(F, x3, 8 * N * g));
            u = (FloatVector) words.lanewise(LSHL, 24).and(TOP).convertShape(I2F, F, 0);
            p0 = u.fma(FloatVector.fromArray(F, x0, 8 * N * g + N), p0);
            p1 = u.fma(FloatVector.fromArray(F, x1, 8 * N * g + N), p1);
            p2 = u.fma(FloatVector.fromArray(F, x2, 8 * N * g + N), p2);
            p3 = u.fma(FloatVector.fromArray(F, x3, 8 * N * g + N), p3);
            u = (FloatVector) words.lanewise(LSHL, 20).and(TOP).convertShape(I2F, F, 0);
            p0 = u.fma(FloatVector.fromArray(F, x0, 8 * N * g + 2 * N), p0);
            p1 = u.fma(FloatVector.fromArray(F, x1, 8 * N * g + 2 * N), p1);
            p2 = u.fma(FloatVector.fromArray(F, x2, 8 * N * g + 2 * N), p2);
            p3 = u.fma(FloatVector.fromArray(F, x3, 8 * N * g + 2 * N), p3);
            u = (FloatVector) words.lanewise(LSHL, 16).and(TOP).convertShape(I2F, F, 0);
            p0 = u.fma(FloatVector.fromArray(F, x0, 8 * N * g + 3 * N), p0);
            p1 = u.fma(FloatVector.fromArray(F, x1, 8 * N * g + 3 * N), p1);
            p2 = u.fma(FloatVector.fromArray(F, x2, 8 * N * g + 3 * N), p2);
            p3 = u.fma(FloatVector.fromArray(F, x3, 8 * N * g + 3 * N), p3);
            u = (FloatVector) words.lanewise(LSHL, 12).and(TOP).convertShape(I2F, F, 0);
            FloatVector q0 = u.mul(FloatVector.fromArray(F, x0, 8 * N * g + 4 * N));
            FloatVector q1 = u.mul(FloatVector.fromArray(F, x1, 8 * N * g + 4 * N));
            FloatVector q2 = u.mul(FloatVector.fromArray(F, x2, 8 * N * g + 4 * N));
            FloatVector q3 = u.mul(FloatVector.fromArray(F, x3, 8 * N * g + 4 * N));
            u = (FloatVector) words.lanewise(LSHL, 8).and(TOP).convertShape(I2F, F, 0);
            q0 = u.fma(FloatVector.fromArray(F, x0, 8 * N * g + 5 * N), q0);
            q1 = u.fma(FloatVector.fromArray(F, x1, 8 * N * g + 5 * N), q1);
            q2 = u.fma(FloatVector.fromArray(F, x2, 8 * N * g + 5 * N), q2);
            q3 = u.fma(FloatVector.fromArray(F, x3, 8 * N * g + 5 * N), q3);
            u = (FloatVector) words.lanewise(LSHL, 4).and(TOP).convertShape(I2F, F, 0);
            q0 = u.fma(FloatVector.fromArray(F, x0, 8 * N * g + 6 * N), q0);
            q1 = u.fma(FloatVector.fromArray(F, x1, 8 * N * g + 6 * N), q1);
            q2 = u.fma(FloatVector.fromArray(F, x2, 8 * N * g + 6 * N), q2);
            q3 = u.fma(FloatVector.fromArray(F, x3, 8 * N * g + 6 * N), q3);
            u = (FloatVector) words.and(TOP).convertShape(I2F, F, 0);
            q0 = u.fma(FloatVector.fromArray(F, x0, 8 * N * g + 7 * N), q0);
            q1 = u.fma(FloatVector.fromArray(F, x1, 8 * N * g + 7 * N), q1);
            q2 = u.fma(FloatVector.fromArray(F, x2, 8 * N * g + 7 * N), q2);
            q3 = u.fma(FloatVector.fromArray(F, x3, 8 * N * g + 7 * N), q3);
            FloatVector scale =
                    FloatVector.fromArray(F, scales, (g << up) >> down).rearrange(lanes);
            s0 = p0.add(q0).fma(scale, s0);
            s1 = p1.add(q1).fma(scale, s1);
            s2 = p2.add(q2).fma(scale, s2);
            s3 = p3.add(q3).fma(scale, s3);
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
            int both = codes.get(JAVA_BYTE, offset + column * stride + i / 2);
            int q = (both >> i % 2 * 4 & 15) - 8;
            sum += row[i] * (scales.of(column, i / group) * q);
        }
        return sum;
    }
}
