package io.aegis.models.faceshield;

import io.aegis.tensor.Tensor;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * The vision tokens that are not masked, twice: on the host, where positions and caches go by them, and where they were
 * chosen, so that a GPU gathers them by what it wrote itself.
 *
 * @param places their numbers, ascending
 * @param rows the same as I64 [kept], of the scope that they were chosen in; null where all are kept, and nothing is gathered
 */
public record KeptTokens(int[] places, Tensor rows) {
    /** All of {@code n} tokens. */
    public static KeptTokens all(int n) {
        return new KeptTokens(IntStream.range(0, n).toArray(), null);
    }

    /** Those that the host names, ascending. */
    public static KeptTokens of(int... places) {
        return new KeptTokens(
                places.clone(), Tensor.of(Arrays.stream(places).asLongStream().toArray(), places.length));
    }

    /**
     * What {@link io.aegis.kernels.VisionMasking} wrote of one sample; nothing else comes to the host.
     *
     * @param kept I64 [1, n], their numbers, then -1
     */
    static KeptTokens of(Tensor kept) {
        int n = (int) kept.size(1);
        int[] places = new int[n];
        int count = 0;
        for (long at; count < n && (at = kept.view().getLong(0, count)) >= 0; count++) {
            places[count] = (int) at;
        }
        return new KeptTokens(Arrays.copyOf(places, count), kept.reshape(n).slice(0, 0, count));
    }
}
