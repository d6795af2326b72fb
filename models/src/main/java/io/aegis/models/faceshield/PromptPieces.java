package io.aegis.models.faceshield;

import io.aegis.models.llama.Generator;
import io.aegis.models.llama.SequenceCache;
import java.util.concurrent.CancellationException;
import java.util.function.BooleanSupplier;

/**
 * How the language model reads a prompt: always in the same three pieces, up to the picture, the picture and the rest. So a
 * piece that is there already, from another prompt, has the bits that this one would give it.
 */
record PromptPieces(Generator generator, Preamble preamble) {
    /**
     * Reads a prompt up to its picture's end into an empty cache.
     *
     * @param ids of the prompt's text
     * @return the tokens that it took
     * @throws CancellationException when it was cancelled
     */
    long readPicture(long[] ids, Sequence s, SequenceCache cache, BooleanSupplier cancelled) {
        int from = s.preamble();
        int read = preamble.begin(cache, ids, s, cancelled);
        if (s.prefix() > from) { // nothing is left of a picture whose tokens are all masked away
            generator.read(s.rows(from, s.prefix()), s.positions(from, s.prefix(), 0), cache, cancelled);
        }
        return (long) read + s.prefix() - from;
    }

    /**
     * Reads what comes behind the picture.
     *
     * @return logits behind the prompt's last token
     * @throws CancellationException when it was cancelled
     */
    double[] readRest(Sequence s, SequenceCache cache, BooleanSupplier cancelled) {
        return generator.readLast(
                s.rows(s.prefix(), s.length()), s.positions(s.prefix(), s.length(), 0), cache, cancelled);
    }
}
