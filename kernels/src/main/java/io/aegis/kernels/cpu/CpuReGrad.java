package io.aegis.kernels.cpu;

import io.aegis.kernels.Optimizer.Correction;
import io.aegis.kernels.View;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/**
 * ReGrad's correction of one gradient over flat floats, see {@link io.aegis.kernels.Optimizer#regrad}: out = total + u g_k + v g_i +
 * w g_j, where the three numbers follow from mu and from two or three inner products. Memory is gone through once for these, and
 * once for the sum.
 */
final class CpuReGrad {
    private static final int CHUNK = 1 << 14;
    /** Elements that are taken through all sources while they are near. */
    private static final int PART = 1 << 11;
    /** Sums of a chunk. */
    private static final int PRODUCTS = 3;

    private CpuReGrad() {}

    /**
     * Numbers that a correction multiplies its sources by.
     *
     * @param own u
     * @param lower v
     * @param higher w
     */
    private record Weights(float own, float lower, float higher) {}

    /** Of mu mod(b, x) = base b + other x. */
    private record Modulation(double base, double other) {
        static Modulation of(double square, double along, double mu) {
            double ratio = along / (square + 1e-8);
            double q = Double.isNaN(ratio) ? 0 : ratio;
            return along > 0 ? new Modulation(mu * q, 0) : new Modulation(-mu * q, mu);
        }
    }

    static void correct(Correction c, double[] mu) {
        long n = c.out().elements();
        int chunks = (int) ((n + CHUNK - 1) / CHUNK);
        boolean slow = c.isSlow(mu);
        double[] parts = new double[PRODUCTS * chunks];
        Workers.run(chunks, i -> sums(c, slow, (long) i * CHUNK, length(n, i), parts, PRODUCTS * i));
        double[] sum = new double[PRODUCTS];
        for (int i = 0; i < parts.length; i++) {
            sum[i % PRODUCTS] += parts[i];
        }
        Weights by = slow ? slow(c, sum, mu) : fast(c, sum, mu);
        Workers.run(chunks, i -> apply(c, by, (long) i * CHUNK, length(n, i)));
    }

    private static int length(long n, int chunk) {
        return (int) Math.min(CHUNK, n - (long) chunk * CHUNK);
    }

    private static Weights slow(Correction c, double[] sum, double[] mu) {
        Modulation i = Modulation.of(sum[0], sum[1], mu[c.lower()]);
        Modulation j = Modulation.of(sum[0], sum[2], mu[c.higher()]);
        return new Weights((float) (1 + i.base + j.base), (float) i.other, (float) j.other);
    }

    private static Weights fast(Correction c, double[] sum, double[] mu) {
        Modulation k = Modulation.of(sum[0], sum[1], mu[c.owner()]);
        float others = (float) (1 + k.base);
        return new Weights((float) k.other, others, others);
    }

    /** Slow: g_k . g_k, g_k . g_i, g_k . g_j. Else, with b = g_i + g_j: b . b, b . g_k. */
    private static void sums(Correction c, boolean slow, long from, int n, double[] to, int at) {
        for (long part = from; part < from + n; part += PART) {
            int length = (int) Math.min(PART, from + n - part);
            if (slow) {
                to[at] += dot(c.own(), c.own(), part, length);
                to[at + 1] += dot(c.own(), c.first(), part, length);
                to[at + 2] += dot(c.own(), c.second(), part, length);
            } else if (c.first() == null || c.second() == null) {
                View others = c.first() == null ? c.second() : c.first();
                to[at] += dot(others, others, part, length);
                to[at + 1] += dot(others, c.own(), part, length);
            } else {
                withOthers(c, part, length, to, at);
            }
        }
    }

    private static double dot(View a, View b, long from, int n) {
        return a == null || b == null
                ? 0
                : Sums.dot(a.buffer().memory(), a.offset() + from, b.buffer().memory(), b.offset() + from, n);
    }

    /** 256 elements at a time in float, as {@link Sums#dot}. */
    private static void withOthers(Correction c, long from, int n, double[] to, int at) {
        View own = c.own() == null ? c.first() : c.own();
        MemorySegment x = c.first().buffer().memory();
        MemorySegment y = c.second().buffer().memory();
        MemorySegment g = own.buffer().memory();
        long ix = c.first().offset() + from;
        long iy = c.second().offset() + from;
        long ig = own.offset() + from;
        double square = 0;
        double along = 0;
        for (int start = 0; start < n; start += 256) {
            int end = Math.min(n, start + 256);
            FloatVector s = Lanes.ZERO;
            FloatVector d = Lanes.ZERO;
            int i = start;
            for (; i <= end - Lanes.N; i += Lanes.N) {
                FloatVector b = Lanes.load(x, ix + i).add(Lanes.load(y, iy + i));
                s = b.fma(b, s);
                d = b.fma(Lanes.load(g, ig + i), d);
            }
            square += Lanes.sum(s);
            along += Lanes.sum(d);
            for (; i < end; i++) {
                float b = Lanes.get(x, ix + i) + Lanes.get(y, iy + i);
                square += b * b;
                along += b * Lanes.get(g, ig + i);
            }
        }
        to[at] += square;
        to[at + 1] += c.own() == null ? 0 : along;
    }

    private static void apply(Correction c, Weights by, long from, int n) {
        MemorySegment out = c.out().buffer().memory();
        for (long part = from; part < from + n; part += PART) {
            int length = (int) Math.min(PART, from + n - part);
            long at = c.out().offset() + part;
            if (c.total() == null) {
                out.asSlice(at * Float.BYTES, (long) length * Float.BYTES).fill((byte) 0);
            } else if (c.total() != c.out()) {
                MemorySegment.copy(
                        c.total().buffer().memory(),
                        (c.total().offset() + part) * Float.BYTES,
                        out,
                        at * Float.BYTES,
                        (long) length * Float.BYTES);
            }
            add(c.own(), by.own, part, out, at, length);
            add(c.first(), by.lower, part, out, at, length);
            add(c.second(), by.higher, part, out, at, length);
        }
    }

    private static void add(View x, float weight, long from, MemorySegment y, long iy, int n) {
        if (x == null || weight == 0) {
            return;
        }
        MemorySegment m = x.buffer().memory();
        long ix = x.offset() + from;
        FloatVector by = Lanes.broadcast(weight);
        int i = 0;
        for (; i < Lanes.bound(n); i += Lanes.N) {
            Lanes.store(Lanes.load(m, ix + i).fma(by, Lanes.load(y, iy + i)), y, iy + i);
        }
        for (; i < n; i++) {
            Lanes.set(y, iy + i, Math.fma(Lanes.get(m, ix + i), weight, Lanes.get(y, iy + i)));
        }
    }
}
