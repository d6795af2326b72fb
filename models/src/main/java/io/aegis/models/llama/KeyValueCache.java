package io.aegis.models.llama;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.tensor.Tensor;

/**
 * A {@link SequenceCache} in one piece of memory, [Hkv, capacity, D] for the keys and for the values of each block; it grows as
 * needed. On a device whose attention rounds its operands they are kept rounded.
 */
public final class KeyValueCache extends SequenceCache {
    private final int layers;
    private final int heads;
    private final int headSize;
    private final DType computed;
    private CacheMemory memory = new CacheMemory();
    private View[] keys;
    private View[] values;
    private long capacity;
    private DType dtype;

    /**
     * @param capacity tokens to have room for at once
     * @param dtype what the model computes in
     */
    public KeyValueCache(LlamaConfig config, long capacity, DType dtype) {
        this.layers = config.layers();
        this.heads = config.keyHeads();
        this.headSize = config.headSize();
        this.computed = dtype;
        this.dtype = memory.kept(dtype);
        this.capacity = whole(capacity);
        this.keys = allocate(memory, this.capacity);
        this.values = allocate(memory, this.capacity);
    }

    /** For a model that computes in float32. */
    public KeyValueCache(LlamaConfig config, long capacity) {
        this(config, capacity, DType.F32);
    }

    /** Of whole pages, as which it can be looked at too. */
    private static long whole(long tokens) {
        return Math.ceilDiv(Math.max(1, tokens), (long) PagePool.TOKENS) * PagePool.TOKENS;
    }

    @Override
    public long bytes() {
        return 2L * layers * heads * capacity * headSize * dtype.bytes();
    }

    @Override
    void reserve(long more) {
        if (length() + more <= capacity) {
            return;
        }
        long wanted = whole(Math.max(length() + more, 2 * capacity));
        CacheMemory larger = new CacheMemory();
        View[] k = allocate(larger, wanted);
        View[] v = allocate(larger, wanted);
        for (int i = 0; i < layers; i++) {
            copy(keys[i].slice(1, 0, length()), k[i].slice(1, 0, length()));
            copy(values[i].slice(1, 0, length()), v[i].slice(1, 0, length()));
        }
        memory.close();
        memory = larger;
        dtype = larger.kept(computed);
        keys = k;
        values = v;
        capacity = wanted;
    }

    @Override
    int layers() {
        return layers;
    }

    @Override
    void write(int layer, Tensor k, Tensor v) {
        long n = k.size(1);
        copy(k.view().select(0, 0).permute(1, 0, 2), keys[layer].slice(1, length(), length() + n));
        copy(v.view().select(0, 0).permute(1, 0, 2), values[layer].slice(1, length(), length() + n));
    }

    @Override
    Tensor keys(int layer, long more) {
        return read(keys[layer], more);
    }

    @Override
    Tensor values(int layer, long more) {
        return read(values[layer], more);
    }

    /** Each head's keys in pages one behind the other. */
    @Override
    Paging paging() {
        return new Paging(keys, layer -> inPages(keys[layer]), layer -> inPages(values[layer]));
    }

    private View inPages(View all) {
        long page = (long) PagePool.TOKENS * headSize;
        return View.of(
                all.buffer(),
                dtype,
                0,
                new long[] {capacity / PagePool.TOKENS, heads, PagePool.TOKENS, headSize},
                new long[] {page, capacity * headSize, headSize, 1});
    }

    @Override
    void table(long tokens, View row) {
        for (int i = 0; i < PagePool.pagesOf(tokens); i++) {
            row.setLongAt(row.index(i), i);
        }
    }

    private Tensor read(View all, long more) {
        return Tensor.wrap(all.slice(1, 0, length() + more).permute(1, 0, 2).unsqueeze(0), false);
    }

    private View[] allocate(CacheMemory in, long tokens) {
        return in.allocate(layers, in.kept(computed), heads, tokens, headSize);
    }

    @Override
    public void close() {
        memory.close();
    }
}
