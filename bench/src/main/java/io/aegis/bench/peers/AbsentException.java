package io.aegis.bench.peers;

/** A peer is not here, or is no more; the message says how to get it, or how it ended. */
final class AbsentException extends RuntimeException {
    private static final long serialVersionUID = 1;

    AbsentException(String message) {
        super(message);
    }
}
