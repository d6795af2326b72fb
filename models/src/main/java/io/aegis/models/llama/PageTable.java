package io.aegis.models.llama;

import io.aegis.kernels.DType;
import io.aegis.tensor.Ops;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import java.util.List;

/**
 * Where the tokens of several sequences lie, those that are being computed among them.
 *
 * @param paging that all of them have their pages from
 * @param pages I64 [B, L]
 * @param lengths I64 [B]
 */
record PageTable(Paging paging, Tensor pages, Tensor lengths) {
    /**
     * Of sequences to each of which one token is being added, in the current scope.
     *
     * @param caches with room for it
     * @return null when they are not all in pages of one pool
     */
    static PageTable of(List<? extends SequenceCache> caches) {
        Paging paging = caches.stream().allMatch(PagedCache.class::isInstance) ? Paging.of(caches) : null;
        if (paging == null) {
            return null;
        }
        long[] lengths = caches.stream().mapToLong(c -> c.length() + 1).toArray();
        int most = 0;
        for (long length : lengths) {
            most = Math.max(most, PagePool.pagesOf(length));
        }
        Tensor pages = Tensor.zeros(DType.I64, lengths.length, most);
        for (int i = 0; i < lengths.length; i++) {
            caches.get(i).table(lengths[i], pages.view().select(0, i));
        }
        return new PageTable(paging, pages, Tensor.of(lengths, lengths.length));
    }

    /**
     * Attention of one query a sequence over what a block has of all tokens, of which it takes in the last first.
     *
     * @param query [B, 1, Hq, D]
     * @param key [B, 1, Hkv, D]
     * @param value as key
     */
    Tensor attention(int layer, Tensor query, Tensor key, Tensor value) {
        Tensor keys = Tensor.wrap(paging.keys().apply(layer), false);
        Tensor values = Tensor.wrap(paging.values().apply(layer), false);
        Scope.current()
                .kernels()
                .attention()
                .append(
                        key.view().select(1, 0),
                        value.view().select(1, 0),
                        keys.view(),
                        values.view(),
                        pages.view(),
                        lengths.view());
        return Ops.pagedAttention(query, keys, values, pages, lengths);
    }
}
