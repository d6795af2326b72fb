package io.aegis.models.llama;

import io.aegis.kernels.View;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;

/**
 * What a sequence has left behind in every block: its keys, already turned, and its values. It belongs to one sequence and
 * one thread at a time. Positions may have gaps (tokens that were masked away), so the next one is kept beside the number
 * of tokens.
 *
 * <p>A {@link KeyValueCache} is one piece of memory that grows: nothing is faster for a sequence that is alone, and nothing
 * but the machine bounds it. {@link PagedCache}s take pages from one {@link PagePool}: sequences that begin alike share
 * pages, all of them together have a bound, and what one gives back the next one takes. In both a sequence has the same bits.
 */
public abstract sealed class SequenceCache implements AutoCloseable permits KeyValueCache, PagedCache {
    private long length;
    private long nextPosition;

    SequenceCache() {}

    /** Tokens inside. */
    public final long length() {
        return length;
    }

    /** The position of the next token: one behind the last, which need not be the number of tokens. */
    public final long nextPosition() {
        return nextPosition;
    }

    /** Memory held, in bytes. */
    public abstract long bytes();

    /**
     * Forgets all but the first tokens, so that another continuation may follow them.
     *
     * @param length tokens to keep
     * @param nextPosition what {@link #nextPosition} was behind them
     */
    public void truncate(long length, long nextPosition) {
        if (length < 0 || length > this.length || nextPosition < length || nextPosition > this.nextPosition) {
            throw new IllegalArgumentException("a cache of " + this.length + " tokens up to position "
                    + this.nextPosition + " cannot be cut to " + length + " up to " + nextPosition);
        }
        this.length = length;
        this.nextPosition = nextPosition;
    }

    /** Room for {@code more} tokens behind those inside, which they may be written into. */
    abstract void reserve(long more);

    /**
     * Writes keys and values [1, N, Hkv, D] of new tokens behind those inside, where there is room; {@link #advance} makes
     * them count.
     */
    abstract void write(int layer, Tensor k, Tensor v);

    /** Keys of all tokens inside and {@code more} that were written behind them, [1, M, Hkv, D], in the current scope. */
    abstract Tensor keys(int layer, long more);

    /** Values likewise. */
    abstract Tensor values(int layer, long more);

    /** What its pages lie in, as long as nothing more is reserved. */
    abstract Paging paging();

    /** Writes the numbers of the pages of the first tokens into a row of a table, and nothing behind them. */
    abstract void table(long tokens, View row);

    /** Counts what every layer has written. */
    final void advance(long tokens, long nextPosition) {
        length += tokens;
        this.nextPosition = nextPosition;
    }

    /**
     * Begins as another sequence does: with copies of the first tokens of its cache, whatever its kind. This one is empty.
     *
     * @param length tokens to take
     * @param nextPosition what {@link #nextPosition} was behind them
     */
    public final void beginAs(SequenceCache other, long length, long nextPosition) {
        if (this.length > 0) {
            throw new IllegalArgumentException("a sequence of " + this.length + " tokens has begun already");
        }
        try (Scope scope = Scope.open()) {
            reserve(length);
            long beyond = length - other.length;
            for (int layer = 0; layer < layers(); layer++) {
                write(layer, other.keys(layer, beyond), other.values(layer, beyond));
            }
        }
        advance(length, nextPosition);
    }

    abstract int layers();

    static void copy(View from, View to) {
        Scope.current().kernels().elementwise().copy(from, to);
    }

    /** Frees the memory, or gives the pages back; the second time does nothing. */
    @Override
    public abstract void close();
}
