package io.aegis.models.dadm;

import io.aegis.kernels.Philox;
import io.aegis.kernels.View;
import io.aegis.layers.Pass;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/** The permutations of the batch that the mutual-information loss takes, two for each pair of each layer. */
@FunctionalInterface
public interface Permutations {
    /**
     * @param layer from 0
     * @param pair 0 RGB-depth, 1 RGB-infrared, 2 depth-infrared
     * @param argument 0 or 1
     * @return I64 [B]
     */
    Tensor of(int layer, int pair, int argument);

    /** Rows ordered by a random number that follows each sample's identity. */
    static Permutations random(Pass pass) {
        int batch = (int) pass.samples().elements();
        return (layer, pair, argument) -> {
            long site = 1L << 20 | (layer * 3L + pair) * 2 + argument;
            int[] bits = new int[batch];
            Arrays.setAll(
                    bits,
                    i -> Philox.bits(
                            pass.seed(), pass.step(), pass.samples().view().getLong(i), site, 0));
            long[] order = IntStream.range(0, batch)
                    .boxed()
                    .sorted(Comparator.comparingInt(i -> bits[i]))
                    .mapToLong(i -> i)
                    .toArray();
            return Tensor.of(order, batch);
        };
    }

    /** [layers, pairs, 2, B]: of all that a pass takes. */
    static long[] shape(long layers, long batch) {
        return new long[] {layers, Modality.Pair.ALL.size(), 2, batch};
    }

    /**
     * Those that stand in some memory whenever kernels read it.
     *
     * @param all I64 of {@link #shape}
     */
    static Permutations in(View all) {
        return (layer, pair, argument) ->
                Tensor.wrap(all.select(0, layer).select(0, pair).select(0, argument), false);
    }

    /** Writes all of them, on the host, into memory as {@link #in} takes it; inside a scope. */
    default void write(View all) {
        for (int layer = 0; layer < all.size(0); layer++) {
            for (int pair = 0; pair < all.size(1); pair++) {
                for (int argument = 0; argument < all.size(2); argument++) {
                    try (Scope scope = Scope.open()) {
                        View own = of(layer, pair, argument).view();
                        for (long i = 0; i < all.size(3); i++) {
                            all.setLongAt(all.index(layer, pair, argument, i), own.getLong(i));
                        }
                    }
                }
            }
        }
    }
}
