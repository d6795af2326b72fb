package io.aegis.models.llama;

import io.aegis.kernels.View;
import io.aegis.tensor.Tensor;
import java.util.Arrays;

/**
 * A {@link SequenceCache} in pages of a {@link PagePool}: page i of its table holds tokens 64 i to 64 i + 63. A {@link #fork}
 * shares all pages; whoever of the two first writes into the last one, which may be full in part, gets a copy of it.
 */
public final class PagedCache extends SequenceCache {
    private final PagePool pool;
    private int[] pages = new int[8];
    private int count;
    private boolean closed;

    /** An empty one, which holds nothing yet. */
    public PagedCache(PagePool pool) {
        this.pool = pool;
    }

    /** What others have read: copies of the first tokens of another cache, whatever its kind. */
    public static PagedCache copyOf(SequenceCache from, long length, long nextPosition, PagePool pool) {
        PagedCache out = new PagedCache(pool);
        try {
            out.beginAs(from, length, nextPosition);
            return out;
        } catch (RuntimeException | Error e) {
            out.close();
            throw e;
        }
    }

    /** Another sequence that begins as this one does, with no memory of its own until it goes on. */
    public PagedCache fork() {
        requireOpen();
        PagedCache fork = new PagedCache(pool);
        fork.count = PagePool.pagesOf(length()); // those behind are reserved, for this one alone
        fork.pages = Arrays.copyOf(pages, Math.max(8, fork.count));
        pool.share(fork.pages, fork.count);
        fork.advance(length(), nextPosition());
        return fork;
    }

    /** Pages held, those that are shared among them. */
    public int pages() {
        return count;
    }

    @Override
    public long bytes() {
        return count * pool.pageBytes();
    }

    /** Forgets as said, and gives up the pages behind. */
    @Override
    public void truncate(long length, long nextPosition) {
        super.truncate(length, nextPosition);
        int kept = Math.min(count, PagePool.pagesOf(length));
        pool.give(pages, kept, count);
        count = kept;
    }

    /**
     * As said, all pages at once or none: what is reserved cannot run out.
     *
     * @throws CacheFullException when the pool has too few left
     */
    @Override
    public void reserve(long more) {
        requireOpen();
        int last = (int) (length() / PagePool.TOKENS);
        long filled = length() % PagePool.TOKENS;
        boolean shared = more > 0 && filled > 0 && pool.isShared(pages[last]);
        int missing = Math.max(0, PagePool.pagesOf(length() + more) - count);
        if (missing == 0 && !shared) {
            return;
        }
        int[] fresh = pool.take(missing + (shared ? 1 : 0), more);
        pages = Arrays.copyOf(pages, Math.max(pages.length, count + missing));
        System.arraycopy(fresh, 0, pages, count, missing);
        count += missing;
        if (shared) {
            int own = fresh[missing];
            try {
                pool.copy(pages[last], own, filled);
            } catch (RuntimeException | Error e) {
                pool.give(fresh, missing, missing + 1);
                throw e;
            }
            pool.give(pages, last, last + 1);
            pages[last] = own;
        }
    }

    @Override
    int layers() {
        return pool.layers();
    }

    @Override
    void write(int layer, Tensor k, Tensor v) {
        write(k.view().select(0, 0).permute(1, 0, 2), pool.keys(layer));
        write(v.view().select(0, 0).permute(1, 0, 2), pool.values(layer));
    }

    /** Rows [Hkv, N, D] into the pages behind those inside. */
    private void write(View rows, View to) {
        long n = rows.size(1);
        long at = length();
        for (long from = 0; from < n; ) {
            long inside = (at + from) % PagePool.TOKENS;
            long some = Math.min(n - from, PagePool.TOKENS - inside);
            copy(rows.slice(1, from, from + some), PagePool.part(to, page(at + from), inside, inside + some));
            from += some;
        }
    }

    private int page(long token) {
        return pages[(int) (token / PagePool.TOKENS)];
    }

    @Override
    Tensor keys(int layer, long more) {
        return gathered(pool.keys(layer), more);
    }

    @Override
    Tensor values(int layer, long more) {
        return gathered(pool.values(layer), more);
    }

    /** A copy in one piece, a head after the other, as a {@link KeyValueCache} has it. */
    private Tensor gathered(View from, long more) {
        long all = length() + more;
        Tensor piece = Tensor.empty(from.dtype(), 1, from.size(1), all, from.size(3));
        View rows = piece.view().select(0, 0);
        for (long at = 0; at < all; at += PagePool.TOKENS) {
            long some = Math.min(PagePool.TOKENS, all - at);
            copy(PagePool.part(from, page(at), 0, some), rows.slice(1, at, at + some));
        }
        return piece.permute(0, 2, 1, 3);
    }

    @Override
    Paging paging() {
        return pool.paging();
    }

    @Override
    void table(long tokens, View row) {
        for (int i = 0; i < PagePool.pagesOf(tokens); i++) {
            row.setLongAt(row.index(i), pages[i]);
        }
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("this cache was closed");
        }
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            pool.give(pages, 0, count);
            count = 0;
        }
    }
}
