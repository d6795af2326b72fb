package io.aegis.models.llama;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.tensor.Scope;
import java.util.Arrays;

/**
 * The memory of all {@link PagedCache}s of a model's sequences: a fixed number of pages, each with room for the keys and
 * values of {@value #TOKENS} tokens in every block (Kwon et al., arXiv 2309.06180). A page is held by one sequence, or by
 * several that begin alike, and is free again when the last of them gives it up. It may be used by several threads; whoever
 * closes it sees to it that no cache of it is in use.
 *
 * <p>Why {@value #TOKENS}: half a page is lost at a sequence's end, 2 % of a prompt with a picture of 1500 tokens; the
 * processor's kernel meets that many keys at a time, and the GPU's cuts a sequence at multiples of it, so that neither looks
 * twice at where a page lies.
 */
public final class PagePool implements AutoCloseable {
    /** Tokens of a page. */
    public static final int TOKENS = 64;

    private final CacheMemory memory = new CacheMemory();
    private final View[] keys;
    private final View[] values;
    private final Paging paging = new Paging(this, this::keys, this::values);
    /** Sequences that hold each page. */
    private final int[] holders;
    /** The free pages' numbers, {@link #left} of them. */
    private final int[] free;

    private int left;

    /**
     * Allocates all pages.
     *
     * @param pages at least 1
     * @param dtype what the model computes in
     * @throws IllegalArgumentException for no page, or more than memory can be addressed by
     */
    public PagePool(LlamaConfig config, int pages, DType dtype) {
        if (pages < 1) {
            throw new IllegalArgumentException("a pool of " + pages + " pages, expected at least 1");
        }
        long[] shape = {pages, config.keyHeads(), TOKENS, config.headSize()};
        keys = memory.allocate(config.layers(), memory.kept(dtype), shape);
        values = memory.allocate(config.layers(), memory.kept(dtype), shape);
        holders = new int[pages];
        free = new int[pages];
        Arrays.setAll(free, i -> pages - 1 - i);
        left = pages;
    }

    /** Pages that so many tokens fill, the last of them perhaps in part. */
    public static int pagesOf(long tokens) {
        return Math.toIntExact(Math.ceilDiv(tokens, (long) TOKENS));
    }

    /** Bytes of one page of a model, all blocks together. */
    public static long pageBytes(LlamaConfig config, DType dtype) {
        return 2L * config.layers() * config.keyHeads() * TOKENS * config.headSize() * dtype.bytes();
    }

    /** All pages. */
    public int pages() {
        return holders.length;
    }

    /** Pages that nobody holds. */
    public synchronized int freePages() {
        return left;
    }

    /** Memory held, in bytes, whoever uses it. */
    public long bytes() {
        return pages() * pageBytes();
    }

    long pageBytes() {
        return 2L * keys.length * keys[0].bytes() / pages();
    }

    int layers() {
        return keys.length;
    }

    Paging paging() {
        return paging;
    }

    /** Keys of a block, [P, Hkv, {@value #TOKENS}, D]. */
    View keys(int layer) {
        return keys[layer];
    }

    /** Values likewise. */
    View values(int layer) {
        return values[layer];
    }

    /**
     * Hands out so many pages, or none.
     *
     * @param tokens for which they are wanted, for the message
     * @throws CacheFullException when there are not so many
     */
    synchronized int[] take(int count, long tokens) {
        if (!memory.isOpen()) {
            throw new IllegalStateException("this pool of pages was closed");
        }
        if (count > left) {
            throw new CacheFullException("the key/value cache is full: " + tokens + " more tokens need " + count
                    + (count == 1 ? " page of " : " pages of ") + TOKENS + ", " + left + " of " + pages()
                    + " are free");
        }
        left -= count;
        int[] taken = Arrays.copyOfRange(free, left, left + count);
        for (int page : taken) {
            holders[page] = 1;
        }
        return taken;
    }

    /** Has somebody else hold the first {@code count} of these pages too. */
    synchronized void share(int[] pages, int count) {
        for (int i = 0; i < count; i++) {
            holders[pages[i]]++;
        }
    }

    /** Gives pages {@code from} to {@code to} of these up; those that nobody else holds are free. */
    synchronized void give(int[] pages, int from, int to) {
        for (int i = from; i < to; i++) {
            int page = pages[i];
            if (holders[page] == 0) {
                throw new IllegalStateException("page " + page + " was given back twice");
            }
            if (--holders[page] == 0) {
                free[left++] = page;
            }
        }
    }

    /** Whether somebody else holds a page too. */
    synchronized boolean isShared(int page) {
        return holders[page] > 1;
    }

    /** Copies the first tokens of a page, of every block. */
    void copy(int from, int to, long tokens) {
        try (Scope scope = Scope.open()) { // of whoever asks, or of nobody
            for (int i = 0; i < keys.length; i++) {
                SequenceCache.copy(part(keys[i], from, 0, tokens), part(keys[i], to, 0, tokens));
                SequenceCache.copy(part(values[i], from, 0, tokens), part(values[i], to, 0, tokens));
            }
        }
    }

    /** Tokens {@code from} to {@code to} of a page, [Hkv, to - from, D]. */
    static View part(View pages, int page, long from, long to) {
        return pages.select(0, page).slice(1, from, to);
    }

    /** Frees the memory. */
    @Override
    public synchronized void close() {
        memory.close();
    }
}
