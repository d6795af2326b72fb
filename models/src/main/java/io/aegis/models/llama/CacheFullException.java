package io.aegis.models.llama;

/** A sequence wanted more pages than its pool has left; it is as it was before. */
public final class CacheFullException extends RuntimeException {
    private static final long serialVersionUID = 1;

    CacheFullException(String message) {
        super(message);
    }
}
