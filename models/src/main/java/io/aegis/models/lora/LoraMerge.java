package io.aegis.models.lora;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.View;
import io.aegis.models.lora.Adapter.Pair;
import java.lang.foreign.Arena;

/** The arithmetic of a merge: W' = W + s B A, in float32, rounded once to the dtype that it is stored in. */
public final class LoraMerge {
    /** Rows of W at a time, so that a large matrix needs little memory beside it. */
    private static final long ROWS = 256;

    private LoraMerge() {}

    /**
     * Writes the sum.
     *
     * @param weight W [out, in], of any floating dtype
     * @param scale s
     * @param merged as W, of the dtype to store, which is usually W's
     * @throws IllegalArgumentException when the pair does not fit W
     */
    public static void merge(View weight, Pair pair, double scale, View merged) {
        if (weight.rank() != 2 || pair.b().size(0) != weight.size(0) || pair.a().size(1) != weight.size(1)) {
            throw new IllegalArgumentException(
                    "an adapter of " + pair.a() + " and " + pair.b() + " does not fit a weight of " + weight);
        }
        Kernels k = Backends.best();
        try (Arena arena = Arena.ofShared()) {
            View a = single(k, arena, pair.a());
            View b = single(k, arena, pair.b());
            long in = weight.size(1);
            View sum = View.allocate(arena, DType.F32, Math.min(ROWS, weight.size(0)), in);
            View change = View.allocate(arena, DType.F32, sum.shape());
            for (long from = 0; from < weight.size(0); from += ROWS) {
                long to = Math.min(from + ROWS, weight.size(0));
                View s = sum.slice(0, 0, to - from);
                View c = change.slice(0, 0, to - from);
                k.matmul().multiply(b.slice(0, from, to), a, c, Epilogue.NONE);
                k.elementwise().copy(weight.slice(0, from, to), s);
                k.elementwise().addScaled(c, scale, s);
                k.elementwise().copy(s, merged.slice(0, from, to));
            }
        }
    }

    private static View single(Kernels k, Arena arena, View x) {
        View out = View.allocate(arena, DType.F32, x.shape());
        k.elementwise().copy(x, out);
        return out;
    }
}
