package io.aegis.kernels.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Vectors of floats of whatever width this machine prefers, and the functions that its instructions lack.
 *
 * <pre>
 * exp(x)    = 2^n exp(r), n = round(x / ln 2), |r| at most ln(2) / 2, by the Taylor polynomial of degree 7 (5e-9 relative)
 * erfc(z)   = t exp(g(t) - z^2), t = 1 / (1 + z / 2), z at least 0; g a polynomial of degree 9 fitted at Chebyshev nodes
 *             to log(erfc(z) exp(z^2) / t) over 0..11 (5e-8 relative before rounding)
 * </pre>
 */
final class Lanes {
    static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
    static final VectorSpecies<Integer> I = VectorSpecies.of(int.class, F.vectorShape());
    static final int N = F.length();
    private static final ByteOrder LITTLE = ByteOrder.LITTLE_ENDIAN;

    private static final float LOG2_E = 1.44269504f;
    /** ln 2 in two parts, the first short enough that n times it is exact. */
    private static final float LN2_HIGH = 0.693359375f;

    private static final float LN2_LOW = -2.12194440e-4f;
    private static final float EXP_LOWEST = -87.33654f;
    private static final float EXP_HIGHEST = 88.72283f;
    /** 1.5 * 2^23: adding it leaves the nearest integer in the low bits. */
    private static final float ROUND = 12582912f;

    private Lanes() {}

    static FloatVector load(MemorySegment m, long index) {
        return FloatVector.fromMemorySegment(F, m, index << 2, LITTLE);
    }

    static void store(FloatVector v, MemorySegment m, long index) {
        v.intoMemorySegment(m, index << 2, LITTLE);
    }

    /** Lanes outside the mask are 0, and their memory is not read. */
    static FloatVector load(MemorySegment m, long index, VectorMask<Float> in) {
        return FloatVector.fromMemorySegment(F, m, index << 2, LITTLE, in);
    }

    static void store(FloatVector v, MemorySegment m, long index, VectorMask<Float> in) {
        v.intoMemorySegment(m, index << 2, LITTLE, in);
    }

    static float get(MemorySegment m, long index) {
        return m.get(JAVA_FLOAT_UNALIGNED, index << 2);
    }

    static void set(MemorySegment m, long index, float value) {
        m.set(JAVA_FLOAT_UNALIGNED, index << 2, value);
    }

    static FloatVector broadcast(float value) {
        return FloatVector.broadcast(F, value);
    }

    /**
     * The sum of all lanes, from the first to the last. The API's own reduction adds in one order while interpreted and in
     * another once compiled, and a run that is resumed must not depend on how warm the program is.
     */
    static float sum(FloatVector v) {
        float[] lanes = new float[N];
        v.intoArray(lanes, 0);
        float sum = 0;
        for (float x : lanes) {
            sum += x;
        }
        return sum;
    }

    /** The largest multiple of the width that is at most n. */
    static int bound(int n) {
        return n - n % N;
    }

    /** Natural exponential; 0 below the smallest normal result, infinity above the largest, NaN kept. */
    static FloatVector exp(FloatVector x) {
        FloatVector shifted = x.fma(broadcast(LOG2_E), broadcast(ROUND));
        FloatVector n = shifted.sub(ROUND);
        FloatVector r = n.fma(broadcast(-LN2_HIGH), x);
        r = n.fma(broadcast(-LN2_LOW), r);
        FloatVector p = broadcast(1f / 5040);
        p = p.fma(r, broadcast(1f / 720));
        p = p.fma(r, broadcast(1f / 120));
        p = p.fma(r, broadcast(1f / 24));
        p = p.fma(r, broadcast(1f / 6));
        p = p.fma(r, broadcast(0.5f));
        p = p.fma(r, broadcast(1f));
        p = p.fma(r, broadcast(1f));
        // The integer sits in the low bits of the shifted number; 2^n by way of two halves, so that n = 128 is reached.
        IntVector e = shifted.reinterpretAsInts().sub(Float.floatToRawIntBits(ROUND));
        IntVector half = e.lanewise(VectorOperators.ASHR, 1);
        FloatVector y = p.mul(power(half)).mul(power(e.sub(half)));
        y = y.blend(0f, x.compare(VectorOperators.LT, EXP_LOWEST));
        return y.blend(Float.POSITIVE_INFINITY, x.compare(VectorOperators.GT, EXP_HIGHEST));
    }

    private static FloatVector power(IntVector n) {
        return n.add(127).lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats();
    }

    /** 1 / (1 + exp(-x)). */
    static FloatVector sigmoid(FloatVector x) {
        return broadcast(1f).div(exp(x.neg()).add(1f));
    }

    /** The cumulative normal distribution, erfc(-x / sqrt 2) / 2. */
    static FloatVector normalCdf(FloatVector x) {
        FloatVector z = x.abs().mul(0.70710678f);
        FloatVector t = broadcast(1f).div(z.fma(broadcast(0.5f), broadcast(1f)));
        FloatVector g = broadcast(0.15217128f);
        g = g.fma(t, broadcast(-0.72015755f));
        g = g.fma(t, broadcast(1.24898503f));
        g = g.fma(t, broadcast(-0.81853659f));
        g = g.fma(t, broadcast(0.02035049f));
        g = g.fma(t, broadcast(-0.05186152f));
        g = g.fma(t, broadcast(0.0525327f));
        g = g.fma(t, broadcast(0.38292455f));
        g = g.fma(t, broadcast(0.99906041f));
        g = g.fma(t, broadcast(-1.26546876f));
        FloatVector tail = t.mul(exp(z.neg().fma(z, g))).mul(0.5f);
        return tail.blend(broadcast(1f).sub(tail), x.compare(VectorOperators.GT, 0f));
    }
}
