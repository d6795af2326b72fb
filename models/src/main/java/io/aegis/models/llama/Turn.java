package io.aegis.models.llama;

import java.util.Optional;

/** A question that waits until it can be answered beside others: {@link Generator#answer(java.util.Iterator, int,
 * java.util.function.BooleanSupplier)}. */
public interface Turn {
    /** How its tokens are chosen, and when to stop. */
    GenerationOptions options();

    /**
     * Reads the prompt. What may run out is to be reserved here, for the whole answer, so that an answer that has begun can
     * end.
     *
     * @return what to go on from, with a cache that is the batch's from now on, which closes it; empty when there is nothing to
     *     answer after all
     * @throws CacheFullException when there is no room yet: it is asked again when another question's answer has ended
     */
    Optional<Generator.Start> begin();

    /**
     * Hears of the answer, once; its cache has been closed. A question that was not begun when somebody cancelled hears
     * nothing.
     *
     * @param seconds its share of the time that steps took
     */
    void end(Generation answer, double seconds);
}
