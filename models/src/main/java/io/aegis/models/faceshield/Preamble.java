package io.aegis.models.faceshield;

import io.aegis.kernels.Kernels;
import io.aegis.models.llama.Generator;
import io.aegis.models.llama.KeyValueCache;
import io.aegis.models.llama.SequenceCache;
import io.aegis.tensor.Scope;
import java.util.Arrays;
import java.util.concurrent.CancellationException;
import java.util.function.BooleanSupplier;

/**
 * The text in front of every picture, as the language model has read it: once for all pictures, of which each begins with a
 * copy. It is a piece of its own also where it is read for the first time, so that a prompt has the same bits either way.
 *
 * <p>Bunny's is some 35 tokens of a prompt's 1500: 2 % of what each picture but the first costs.
 */
final class Preamble implements AutoCloseable {
    private final FaceShieldConfig config;
    private final Generator generator;

    /** What was read, by which kernels, and where; null while nothing was. */
    private long[] text;

    private Kernels by;
    private KeyValueCache cache;

    Preamble(FaceShieldConfig config, Generator generator) {
        this.config = config;
        this.generator = generator;
    }

    /**
     * Begins a prompt with the text in front of its picture.
     *
     * @param ids of the prompt's text
     * @param to an empty cache, which then holds {@link Sequence#preamble} tokens
     * @return how many of them had to be read: all or none
     * @throws CancellationException when it was cancelled; {@code to} is as before
     */
    synchronized int begin(SequenceCache to, long[] ids, Sequence s, BooleanSupplier cancelled) {
        int n = s.preamble();
        if (n == 0) {
            return 0;
        }
        boolean fresh = !isOf(ids, n);
        if (fresh) {
            close();
            cache = new KeyValueCache(config.language(), n);
            generator.read(s.rows(0, n), s.positions(0, n, 0), cache, cancelled);
            text = Arrays.copyOf(ids, n);
            by = kernels();
        }
        to.beginAs(cache, n, cache.nextPosition());
        return fresh ? n : 0;
    }

    private boolean isOf(long[] ids, int n) {
        return text != null && by == kernels() && Arrays.equals(text, 0, text.length, ids, 0, n);
    }

    private static Kernels kernels() {
        try (Scope scope = Scope.open()) {
            return scope.kernels();
        }
    }

    /** Forgets it, and frees the memory. */
    @Override
    public synchronized void close() {
        text = null;
        by = null;
        if (cache != null) {
            cache.close();
            cache = null;
        }
    }
}
