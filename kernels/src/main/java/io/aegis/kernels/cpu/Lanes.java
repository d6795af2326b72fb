package io.aegis.kernels.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/**
 * Vectors of floats of whatever width this machine prefers, and the functions that its instructions lack.
 *
 * <pre>
 * exp(x)    = 2^n exp(r), n = round(x / ln 2), |r| at most ln(2) / 2, by the Taylor polynomial of degree 7 (5e-9 relative)
 * erfc(z)   = t P(t) exp(-z^2), t = 1 / (1 + 0.3275911 z), z at least 0; P of degree 7, fitted at Chebyshev nodes over
 *             0..10 (1.6e-7 relative before rounding)
 * </pre>
 *
 * <p>Loops over these are kept short, without masks, and constants are ready-made vectors: the compiler gives up inlining
 * after some eighteen thousand nodes, a call of the Vector API is a few hundred, and a call that is not inlined makes
 * an object of every vector (seen: twenty times slower). What is left behind the last whole vector is plain Java.
 */
final class Lanes {
    static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
    static final VectorSpecies<Integer> I = VectorSpecies.of(int.class, F.vectorShape());
    static final int N = F.length();
    private static final ByteOrder LITTLE = ByteOrder.LITTLE_ENDIAN;

    private static final FloatVector LOG2_E = broadcast(1.44269504f);
    /** ln 2 in two parts, the first short enough that n times it is exact. */
    private static final FloatVector MINUS_LN2_HIGH = broadcast(-0.693359375f);

    private static final FloatVector MINUS_LN2_LOW = broadcast(2.12194440e-4f);
    /** Between them 2^n is a normal number. */
    private static final FloatVector EXP_LOWEST = broadcast(-87.3f);

    private static final FloatVector EXP_HIGHEST = broadcast(88.3f);
    /** 1.5 * 2^23: adding it leaves the nearest integer in the low bits. */
    private static final FloatVector ROUND = broadcast(12582912f);

    private static final FloatVector ONE = broadcast(1f);
    private static final FloatVector HALF = broadcast(0.5f);
    private static final FloatVector E3 = broadcast(1f / 6);
    private static final FloatVector E4 = broadcast(1f / 24);
    private static final FloatVector E5 = broadcast(1f / 120);
    private static final FloatVector E6 = broadcast(1f / 720);
    private static final FloatVector E7 = broadcast(1f / 5040);

    static final FloatVector ZERO = broadcast(0f);

    /** 0.3275911 / sqrt(2). */
    private static final FloatVector ERFC_SCALE = broadcast(0.23164189f);

    private static final FloatVector C0 = broadcast(0.185052291f);
    private static final FloatVector C1 = broadcast(0.180715919f);
    private static final FloatVector C2 = broadcast(0.206109107f);
    private static final FloatVector C3 = broadcast(0.024315903f);
    private static final FloatVector C4 = broadcast(0.456019878f);
    private static final FloatVector C5 = broadcast(-0.409587145f);
    private static final FloatVector C6 = broadcast(0.499174237f);
    private static final FloatVector C7 = broadcast(-0.14180021f);

    /** Lane i takes what is that many lanes further, around the end. */
    private static final VectorShuffle<Float> BY_8 = VectorShuffle.iota(F, 8 % N, 1, true);

    private static final VectorShuffle<Float> BY_4 = VectorShuffle.iota(F, 4 % N, 1, true);
    private static final VectorShuffle<Float> BY_2 = VectorShuffle.iota(F, 2 % N, 1, true);

    private Lanes() {}

    static FloatVector load(MemorySegment m, long index) {
        return FloatVector.fromMemorySegment(F, m, index << 2, LITTLE);
    }

    static void store(FloatVector v, MemorySegment m, long index) {
        v.intoMemorySegment(m, index << 2, LITTLE);
    }

    static float get(MemorySegment m, long index) {
        return m.get(JAVA_FLOAT_UNALIGNED, index << 2);
    }

    static void set(MemorySegment m, long index, float value) {
        m.set(JAVA_FLOAT_UNALIGNED, index << 2, value);
    }

    /** Copies floats to the start of an array. */
    static void toArray(MemorySegment m, long index, float[] to, int n) {
        MemorySegment.copy(m, JAVA_FLOAT_UNALIGNED, index << 2, to, 0, n);
    }

    static FloatVector broadcast(float value) {
        return FloatVector.broadcast(F, value);
    }

    /**
     * The sum of all lanes: halves are added until one is left. The API's own reduction adds in one order while interpreted
     * and in another once compiled, and a run that is resumed must not depend on how warm the program is.
     */
    static float sum(FloatVector v) {
        FloatVector s = v;
        if (N > 16) {
            return wideSum(v);
        }
        if (N > 8) {
            s = s.add(s.rearrange(BY_8));
        }
        if (N > 4) {
            s = s.add(s.rearrange(BY_4));
        }
        if (N > 2) {
            s = s.add(s.rearrange(BY_2));
        }
        return s.lane(0) + (N > 1 ? s.lane(1) : 0);
    }

    private static float wideSum(FloatVector v) {
        float[] lanes = new float[N];
        v.intoArray(lanes, 0);
        for (int half = N / 2; half > 0; half /= 2) {
            for (int i = 0; i < half; i++) {
                lanes[i] += lanes[i + half];
            }
        }
        return lanes[0];
    }

    /** The largest multiple of the width that is at most n. */
    static int bound(int n) {
        return n - n % N;
    }

    /** Natural exponential; below -87.3 as there (1e-38), above 88.3 as there (2e38), NaN kept. */
    static FloatVector exp(FloatVector x) {
        FloatVector c = x.max(EXP_LOWEST).min(EXP_HIGHEST);
        FloatVector shifted = c.fma(LOG2_E, ROUND);
        FloatVector n = shifted.sub(ROUND);
        FloatVector r = n.fma(MINUS_LN2_LOW, n.fma(MINUS_LN2_HIGH, c));
        FloatVector p = E7.fma(r, E6)
                .fma(r, E5)
                .fma(r, E4)
                .fma(r, E3)
                .fma(r, HALF)
                .fma(r, ONE)
                .fma(r, ONE);
        // The integer sits in the low bits of the shifted number: moved into the exponent, what was above it falls out.
        IntVector power = shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23);
        return p.reinterpretAsInts().add(power).reinterpretAsFloats();
    }

    /** 1 / (1 + exp(-x)). */
    static FloatVector sigmoid(FloatVector x) {
        return ONE.div(exp(x.neg()).add(ONE));
    }

    /**
     * The cumulative normal distribution, erfc(-x / sqrt 2) / 2.
     *
     * @param e exp(-x^2 / 2), which the density needs as well
     */
    static FloatVector normalCdf(FloatVector x, FloatVector e) {
        FloatVector t = ONE.div(x.abs().fma(ERFC_SCALE, ONE));
        FloatVector q = C7.fma(t, C6)
                .fma(t, C5)
                .fma(t, C4)
                .fma(t, C3)
                .fma(t, C2)
                .fma(t, C1)
                .fma(t, C0);
        FloatVector tail = q.mul(t).mul(e).mul(HALF);
        return tail.blend(ONE.sub(tail), x.compare(VectorOperators.GT, 0f));
    }
}
