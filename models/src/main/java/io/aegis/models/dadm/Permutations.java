package io.aegis.models.dadm;

import io.aegis.kernels.Philox;
import io.aegis.layers.Pass;
import io.aegis.tensor.Tensor;
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
            long[] order = IntStream.range(0, batch)
                    .boxed()
                    .sorted(Comparator.comparingInt(i -> Philox.bits(
                            pass.seed(), pass.step(), pass.samples().view().getLong(i), site, 0)))
                    .mapToLong(i -> i)
                    .toArray();
            return Tensor.of(order, batch);
        };
    }
}
