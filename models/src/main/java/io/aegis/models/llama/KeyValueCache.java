package io.aegis.models.llama;

import io.aegis.kernels.Buffer;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import java.lang.foreign.Arena;
import java.util.Arrays;

/**
 * What a sequence has left behind in every block: its keys, already turned, and its values, [Hkv, capacity, D] each. It
 * belongs to one sequence and one thread at a time, and grows as needed. Positions may have gaps (tokens that were masked
 * away), so the next one is kept beside the number of tokens.
 */
public final class KeyValueCache implements AutoCloseable {
    private final int layers;
    private final int heads;
    private final int headSize;
    private final DType dtype;
    private Arena arena = Arena.ofShared();
    private View[] keys;
    private View[] values;
    private long capacity;
    private long length;
    private long nextPosition;

    /**
     * @param capacity tokens to have room for at once
     * @param dtype what the model computes in
     */
    public KeyValueCache(LlamaConfig config, long capacity, DType dtype) {
        this.layers = config.layers();
        this.heads = config.keyHeads();
        this.headSize = config.headSize();
        this.dtype = dtype;
        this.capacity = Math.max(1, capacity);
        this.keys = allocate(arena, this.capacity);
        this.values = allocate(arena, this.capacity);
    }

    /** For a model that computes in float32. */
    public KeyValueCache(LlamaConfig config, long capacity) {
        this(config, capacity, DType.F32);
    }

    /** Tokens inside. */
    public long length() {
        return length;
    }

    /** The position of the next token: one behind the last, which need not be the number of tokens. */
    public long nextPosition() {
        return nextPosition;
    }

    /** Memory held, in bytes. */
    public long bytes() {
        return 2L * layers * heads * capacity * headSize * dtype.bytes();
    }

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

    /** Room for {@code more} tokens behind those inside. */
    void reserve(long more) {
        if (length + more <= capacity) {
            return;
        }
        long wanted = Math.max(length + more, 2 * capacity);
        Arena larger = Arena.ofShared();
        View[] k = allocate(larger, wanted);
        View[] v = allocate(larger, wanted);
        for (int i = 0; i < layers; i++) {
            copy(keys[i].slice(1, 0, length), k[i].slice(1, 0, length));
            copy(values[i].slice(1, 0, length), v[i].slice(1, 0, length));
        }
        free();
        arena = larger;
        keys = k;
        values = v;
        capacity = wanted;
    }

    /** Writes keys and values [1, N, Hkv, D] of new tokens behind those inside; {@link #advance} makes them count. */
    void write(int layer, Tensor k, Tensor v) {
        long n = k.size(1);
        copy(k.view().select(0, 0).permute(1, 0, 2), keys[layer].slice(1, length, length + n));
        copy(v.view().select(0, 0).permute(1, 0, 2), values[layer].slice(1, length, length + n));
    }

    /** Keys of all tokens inside and {@code more} that were written behind them, [1, M, Hkv, D]. */
    Tensor keys(int layer, long more) {
        return read(keys[layer], more);
    }

    /** Values likewise. */
    Tensor values(int layer, long more) {
        return read(values[layer], more);
    }

    /** Counts what every layer has written. */
    void advance(long tokens, long nextPosition) {
        length += tokens;
        this.nextPosition = nextPosition;
    }

    private Tensor read(View all, long more) {
        return Tensor.wrap(all.slice(1, 0, length + more).permute(1, 0, 2).unsqueeze(0), false);
    }

    private View[] allocate(Arena in, long tokens) {
        View[] out = new View[layers];
        long bytes = Math.multiplyExact((long) heads * tokens, (long) headSize * dtype.bytes());
        Arrays.setAll(out, i -> View.of(Buffer.allocate(in, bytes), dtype, heads, tokens, headSize));
        return out;
    }

    private static void copy(View from, View to) {
        Scope.current().kernels().elementwise().copy(from, to);
    }

    /** Frees the memory. */
    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            free();
        }
    }

    private void free() {
        for (int i = 0; i < layers; i++) {
            keys[i].buffer().discardMirror();
            values[i].buffer().discardMirror();
        }
        arena.close();
    }
}
