package io.aegis.bench.peers;

/** A peer is not here; the message says how to get it. */
final class AbsentException extends RuntimeException {
    private static final long serialVersionUID = 1;

    AbsentException(String message) {
        super(message);
    }
}
