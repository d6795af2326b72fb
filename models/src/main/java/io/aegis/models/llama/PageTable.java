package io.aegis.models.llama;

import io.aegis.kernels.DType;
import io.aegis.tensor.Ops;
import io.aegis.tensor.Tensor;
import java.util.List;

/**
 * Where the tokens of several sequences lie, those that are being computed among them.
 *
 * @param pool that all of them have their pages from
 * @param pages I64 [B, L]
 * @param lengths I64 [B]
 */
record PageTable(PagePool pool, Tensor pages, Tensor lengths) {
    /**
     * Of sequences to each of which one token is being added, in the current scope.
     *
     * @param caches with room for it
     * @return null when they are not all in pages of one pool
     */
    static PageTable of(List<? extends SequenceCache> caches) {
        PagePool pool = !caches.isEmpty() && caches.getFirst() instanceof PagedCache first ? first.pool() : null;
        if (pool == null || !caches.stream().allMatch(c -> c instanceof PagedCache p && p.pool() == pool)) {
            return null;
        }
        long[] lengths = caches.stream().mapToLong(c -> c.length() + 1).toArray();
        int most = 0;
        for (long length : lengths) {
            most = Math.max(most, PagePool.pagesOf(length));
        }
        Tensor pages = Tensor.zeros(DType.I64, lengths.length, most);
        for (int i = 0; i < lengths.length; i++) {
            ((PagedCache) caches.get(i)).table(lengths[i], pages.view().select(0, i));
        }
        return new PageTable(pool, pages, Tensor.of(lengths, lengths.length));
    }

    /** Attention of one query a sequence, [B, 1, Hq, D], over what a block has of all tokens. */
    Tensor attention(int layer, Tensor query) {
        return Ops.pagedAttention(
                query, Tensor.wrap(pool.keys(layer), false), Tensor.wrap(pool.values(layer), false), pages, lengths);
    }
}
