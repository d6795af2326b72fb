package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.Lanes.F;
import static io.aegis.kernels.cpu.Lanes.I;
import static io.aegis.kernels.cpu.Lanes.N;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;
import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * Columns of F16, two to a word, widened by integer instructions, as there are no vectors of F16. With a half's exponent
 * and fraction moved to a float's place and the exponents' difference added, a normal number is itself, a; a subnormal one
 * is 2^-15 (1 + m) instead of 2^-14 m = 2 a - 2^-14. Of the two the smaller is right, everywhere:
 *
 * <pre>
 *     |w| = min(a, 2 a - 2^-14)
 * </pre>
 *
 * <p>No operand on the way is a denormal float, which some processors are slow with. Infinities and NaN would be wrong:
 * whether there were any is seen from the exponents, and those columns are computed once more, in the same order.
 */
record Float16Columns(Operand b) implements Columns {
    private static final IntVector MAGNITUDE = IntVector.broadcast(I, 0x7fff0000);
    private static final IntVector SIGN = IntVector.broadcast(I, 0x80000000);
    private static final IntVector BIAS = IntVector.broadcast(I, 127 - 15 << 23);
    private static final FloatVector TWO = FloatVector.broadcast(F, 2f);
    private static final FloatVector MINUS_LEAST = FloatVector.broadcast(F, -0x1p-14f);
    /** Exponents of both halves: of a special one, and of no other, the increment reaches the sign's place. */
    private static final IntVector EXPONENTS = IntVector.broadcast(I, 0x7c007c00);

    private static final IntVector INCREMENTS = IntVector.broadcast(I, 0x04000400);
    private static final IntVector SIGNS = IntVector.broadcast(I, 0x80008000);

    @Override
    public int parts() {
        return 2;
    }

    @Override
    public int ofOne() {
        return 2;
    }

    @Override
    public int ofFour() {
        return 1;
    }

    @Override
    public void one(Interleaved x, int row, long j, int wide, float[] sums) {
        float[] v = x.rows()[row];
        long i0 = b.at(0, j);
        long i1 = b.at(0, j + wide - 1);
        if (one(v, x.whole() / (2 * N), b.memory(), i0 << 1, i1 << 1, sums)) {
            sums[0] = special(v, x.whole(), i0);
            sums[1] = special(v, x.whole(), i1);
        }
        for (int i = x.whole(); i < x.k(); i++) {
            sums[0] += v[i] * at(i0 + i);
            sums[1] += v[i] * at(i1 + i);
        }
    }

    /** Returns whether there were infinities or NaN. */
    private static boolean one(float[] x, int blocks, MemorySegment w, long i0, long i1, float[] sums) {
        FloatVector s0 = FloatVector.broadcast(F, 0f);
        FloatVector s1 = s0;
        IntVector special = IntVector.broadcast(I, 0);
        for (int g = 0; g < blocks; g++) {
            FloatVector v = FloatVector.fromArray(F, x, 2 * N * g);
            IntVector w0 = IntVector.fromMemorySegment(I, w, i0 + 4L * N * g, LITTLE_ENDIAN);
            IntVector w1 = IntVector.fromMemorySegment(I, w, i1 + 4L * N * g, LITTLE_ENDIAN);
            special = special.or(w0.and(EXPONENTS).add(INCREMENTS));
            special = special.or(w1.and(EXPONENTS).add(INCREMENTS));
            IntVector h0 = w0.lanewise(LSHL, 16);
            IntVector h1 = w1.lanewise(LSHL, 16);
            IntVector a0 = h0.and(MAGNITUDE).lanewise(LSHR, 3).add(BIAS);
            IntVector a1 = h1.and(MAGNITUDE).lanewise(LSHR, 3).add(BIAS);
            a0 = a0.min(a0.reinterpretAsFloats().fma(TWO, MINUS_LEAST).reinterpretAsInts());
            a1 = a1.min(a1.reinterpretAsFloats().fma(TWO, MINUS_LEAST).reinterpretAsInts());
            s0 = v.fma(a0.or(h0.and(SIGN)).reinterpretAsFloats(), s0);
            s1 = v.fma(a1.or(h1.and(SIGN)).reinterpretAsFloats(), s1);
            v = FloatVector.fromArray(F, x, 2 * N * g + N);
            a0 = w0.and(MAGNITUDE).lanewise(LSHR, 3).add(BIAS);
            a1 = w1.and(MAGNITUDE).lanewise(LSHR, 3).add(BIAS);
            a0 = a0.min(a0.reinterpretAsFloats().fma(TWO, MINUS_LEAST).reinterpretAsInts());
            a1 = a1.min(a1.reinterpretAsFloats().fma(TWO, MINUS_LEAST).reinterpretAsInts());
            s0 = v.fma(a0.or(w0.and(SIGN)).reinterpretAsFloats(), s0);
            s1 = v.fma(a1.or(w1.and(SIGN)).reinterpretAsFloats(), s1);
        }
        sums[0] = Lanes.sum(s0);
        sums[1] = Lanes.sum(s1);
        return any(special);
    }

    @Override
    public void four(Interleaved x, int[] rows, long j, int wide, float[] sums) {
        float[] x0 = x.rows()[rows[0]];
        float[] x1 = x.rows()[rows[1]];
        float[] x2 = x.rows()[rows[2]];
        float[] x3 = x.rows()[rows[3]];
        long at = b.at(0, j);
        if (four(x0, x1, x2, x3, x.whole() / (2 * N), b.memory(), at << 1, sums)) {
            for (int r = 0; r < 4; r++) {
                sums[r] = special(x.rows()[rows[r]], x.whole(), at);
            }
        }
        for (int i = x.whole(); i < x.k(); i++) {
            float w = at(at + i);
            for (int r = 0; r < 4; r++) {
                sums[r] += x.rows()[rows[r]][i] * w;
            }
        }
    }

    private static boolean four(
            float[] x0, float[] x1, float[] x2, float[] x3, int blocks, MemorySegment w, long at, float[] sums) {
        FloatVector s0 = FloatVector.broadcast(F, 0f);
        FloatVector s1 = s0;
        FloatVector s2 = s0;
        FloatVector s3 = s0;
        IntVector special = IntVector.broadcast(I, 0);
        for (int g = 0; g < blocks; g++) {
            IntVector words = IntVector.fromMemorySegment(I, w, at + 4L * N * g, LITTLE_ENDIAN);
            special = special.or(words.and(EXPONENTS).add(INCREMENTS));
            IntVector h = words.lanewise(LSHL, 16);
            IntVector a = h.and(MAGNITUDE).lanewise(LSHR, 3).add(BIAS);
            a = a.min(a.reinterpretAsFloats().fma(TWO, MINUS_LEAST).reinterpretAsInts());
            FloatVector wide = a.or(h.and(SIGN)).reinterpretAsFloats();
            s0 = wide.fma(FloatVector.fromArray(F, x0, 2 * N * g), s0);
            s1 = wide.fma(FloatVector.fromArray(F, x1, 2 * N * g), s1);
            s2 = wide.fma(FloatVector.fromArray(F, x2, 2 * N * g), s2);
            s3 = wide.fma(FloatVector.fromArray(F, x3, 2 * N * g), s3);
            a = words.and(MAGNITUDE).lanewise(LSHR, 3).add(BIAS);
            a = a.min(a.reinterpretAsFloats().fma(TWO, MINUS_LEAST).reinterpretAsInts());
            wide = a.or(words.and(SIGN)).reinterpretAsFloats();
            s0 = wide.fma(FloatVector.fromArray(F, x0, 2 * N * g + N), s0);
            s1 = wide.fma(FloatVector.fromArray(F, x1, 2 * N * g + N), s1);
            s2 = wide.fma(FloatVector.fromArray(F, x2, 2 * N * g + N), s2);
            s3 = wide.fma(FloatVector.fromArray(F, x3, 2 * N * g + N), s3);
        }
        sums[0] = Lanes.sum(s0);
        sums[1] = Lanes.sum(s1);
        sums[2] = Lanes.sum(s2);
        sums[3] = Lanes.sum(s3);
        return any(special);
    }

    private static boolean any(IntVector special) {
        int found = 0;
        for (int l = 0; l < N; l++) {
            found |= special.and(SIGNS).lane(l);
        }
        return found != 0;
    }

    /** The sum of whole blocks as the loops add it up, with every kind of number. */
    private float special(float[] x, int whole, long at) {
        float[] lanes = new float[N];
        for (int g = 0; g < whole; g += 2 * N) {
            for (int i = 0; i < 2; i++) {
                for (int l = 0; l < N; l++) {
                    lanes[l] = Math.fma(at(at + g + 2 * l + i), x[g + i * N + l], lanes[l]);
                }
            }
        }
        return Lanes.sum(FloatVector.fromArray(F, lanes, 0));
    }

    private float at(long index) {
        return Float.float16ToFloat(b.memory().get(JAVA_SHORT_UNALIGNED, index << 1));
    }
}
