package io.aegis.kernels.cpu;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/** The pieces of a softmax over rows of floats. */
final class SoftmaxRows {
    private SoftmaxRows() {}

    static float max(MemorySegment s, long is, int n) {
        FloatVector best = Lanes.broadcast(Float.NEGATIVE_INFINITY);
        int i = 0;
        for (; i < Lanes.bound(n); i += Lanes.N) {
            best = best.max(Lanes.load(s, is + i));
        }
        float max = best.reduceLanes(VectorOperators.MAX);
        for (; i < n; i++) {
            max = Math.max(max, Lanes.get(s, is + i));
        }
        return max;
    }

    /** s = exp(s - shift), and the sum of the results. */
    static float exponentials(MemorySegment s, long is, float shift, int n) {
        if (MachineFunctions.suit(n)) {
            return MachineFunctions.exponentials(s, is, shift, n);
        }
        FloatVector by = Lanes.broadcast(shift);
        FloatVector sums = Lanes.broadcast(0);
        int i = 0;
        for (; i < Lanes.bound(n); i += Lanes.N) {
            FloatVector e = Lanes.exp(Lanes.load(s, is + i).sub(by));
            Lanes.store(e, s, is + i);
            sums = sums.add(e);
        }
        float sum = Lanes.sum(sums);
        for (; i < n; i++) {
            float e = (float) Math.exp(Lanes.get(s, is + i) - shift);
            Lanes.set(s, is + i, e);
            sum += e;
        }
        return sum;
    }

    /** The same of rows that are so far apart, each with a shift of its own. */
    static void exponentials(MemorySegment s, long is, long apart, int rows, int n, float[] shifts, float[] sums) {
        if (MachineFunctions.suit(n)) {
            MachineFunctions.exponentials(s, is, apart, rows, n, shifts, sums);
            return;
        }
        for (int r = 0; r < rows; r++) {
            sums[r] = exponentials(s, is + r * apart, shifts[r], n);
        }
    }

    /** ds = p (ds - delta). */
    static void slope(MemorySegment p, long ip, MemorySegment ds, long ids, float delta, int n) {
        FloatVector by = Lanes.broadcast(delta);
        int i = 0;
        for (; i < Lanes.bound(n); i += Lanes.N) {
            Lanes.store(Lanes.load(ds, ids + i).sub(by).mul(Lanes.load(p, ip + i)), ds, ids + i);
        }
        for (; i < n; i++) {
            Lanes.set(ds, ids + i, (Lanes.get(ds, ids + i) - delta) * Lanes.get(p, ip + i));
        }
    }

    static void scale(MemorySegment x, long ix, float by, int n) {
        FloatVector factor = Lanes.broadcast(by);
        int i = 0;
        for (; i < Lanes.bound(n); i += Lanes.N) {
            Lanes.store(Lanes.load(x, ix + i).mul(factor), x, ix + i);
        }
        for (; i < n; i++) {
            Lanes.set(x, ix + i, Lanes.get(x, ix + i) * by);
        }
    }

    static void clear(MemorySegment x, long ix, long n) {
        x.asSlice(ix << 2, n << 2).fill((byte) 0);
    }
}
