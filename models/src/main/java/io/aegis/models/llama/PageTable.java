package io.aegis.models.llama;

import io.aegis.kernels.DType;
import io.aegis.tensor.Ops;
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

    /** Attention of one more token of each sequence in a block, which takes it in first: [B, 1, Hq, D]. */
    Tensor attention(int layer, Ops.Token token) {
        Tensor keys = Tensor.wrap(paging.keys().apply(layer), false);
        Tensor values = Tensor.wrap(paging.values().apply(layer), false);
        return Ops.stepInPages(token, new Ops.Pages(keys, values, pages, lengths));
    }
}
