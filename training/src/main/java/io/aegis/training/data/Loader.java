package io.aegis.training.data;

/**
 * Makes a batch of what a plan names. Several threads call it at once, so it shares no state that changes; what it makes
 * follows from the plan alone.
 *
 * @param <T> a batch
 */
@FunctionalInterface
public interface Loader<T> {
    /** @throws Exception that whoever asks for the batch receives; {@link BatchPlan#read} names the sample */
    T load(BatchPlan plan) throws Exception;
}
