package io.aegis.models.llama;

import io.aegis.kernels.View;
import java.util.List;
import java.util.function.IntFunction;

/**
 * Memory of pages that sequences lie in.
 *
 * @param memory which it is: another object where it is another
 * @param keys of a block, [P, Hkv, {@value PagePool#TOKENS}, D]
 * @param values likewise
 */
record Paging(Object memory, IntFunction<View> keys, IntFunction<View> values) {
    /** What all of these lie in; null when there is no such thing. */
    static Paging of(List<? extends SequenceCache> caches) {
        Paging first = caches.isEmpty() ? null : caches.getFirst().paging();
        return first != null && caches.stream().allMatch(c -> c.paging().memory == first.memory) ? first : null;
    }
}
