package io.aegis.kernels.check;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/** The most float32 multiply-adds that this machine does: twelve chains that never leave the registers. */
final class FmaPeak {
    private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;

    /** More chains than an FMA's latency times those that begin in one cycle, fewer than AVX2 has registers. */
    private static final int CHAINS = 12;

    private static final int TURNS = 1 << 19;

    /** What the chains give, so that the compiler cannot leave them out. */
    private static volatile float sink;

    private FmaPeak() {}

    /** Operations of {@link #turns}, a multiply-add being two. */
    static double operations() {
        return 2.0 * CHAINS * TURNS * SPECIES.length();
    }

    /** Every chain stays near 1: denormal numbers, where chains that shrink would end, take another time. */
    static void turns() {
        FloatVector factor = FloatVector.broadcast(SPECIES, 0.5f);
        FloatVector addend = FloatVector.broadcast(SPECIES, 0.5f);
        FloatVector a = FloatVector.broadcast(SPECIES, 1.01f);
        FloatVector b = FloatVector.broadcast(SPECIES, 1.02f);
        FloatVector c = FloatVector.broadcast(SPECIES, 1.03f);
        FloatVector d = FloatVector.broadcast(SPECIES, 1.04f);
        FloatVector e = FloatVector.broadcast(SPECIES, 1.05f);
        FloatVector f = FloatVector.broadcast(SPECIES, 1.06f);
        FloatVector g = FloatVector.broadcast(SPECIES, 1.07f);
        FloatVector h = FloatVector.broadcast(SPECIES, 1.08f);
        FloatVector i = FloatVector.broadcast(SPECIES, 1.09f);
        FloatVector j = FloatVector.broadcast(SPECIES, 1.10f);
        FloatVector k = FloatVector.broadcast(SPECIES, 1.11f);
        FloatVector l = FloatVector.broadcast(SPECIES, 1.12f);
        for (int turn = 0; turn < TURNS; turn++) {
            a = a.fma(factor, addend);
            b = b.fma(factor, addend);
            c = c.fma(factor, addend);
            d = d.fma(factor, addend);
            e = e.fma(factor, addend);
            f = f.fma(factor, addend);
            g = g.fma(factor, addend);
            h = h.fma(factor, addend);
            i = i.fma(factor, addend);
            j = j.fma(factor, addend);
            k = k.fma(factor, addend);
            l = l.fma(factor, addend);
        }
        float[] out = new float[SPECIES.length()];
        a.add(b)
                .add(c)
                .add(d)
                .add(e)
                .add(f)
                .add(g)
                .add(h)
                .add(i)
                .add(j)
                .add(k)
                .add(l)
                .intoArray(out, 0);
        sink = Arrays.hashCode(out);
    }
}
