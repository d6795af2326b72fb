package io.aegis.training.data;

/** Data that cannot be used. The message is for the person who gave it: where, what was given, what was expected. */
public final class DataException extends RuntimeException {
    private static final long serialVersionUID = 1;

    public DataException(String message) {
        super(message);
    }

    public DataException(String message, Throwable cause) {
        super(message, cause);
    }
}
