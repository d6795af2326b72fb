package io.aegis.training;

/** A run that cannot start, go on or be resumed. The message is one sentence for the person who runs it. */
public final class TrainingException extends RuntimeException {
    private static final long serialVersionUID = 1;

    public TrainingException(String message) {
        super(message);
    }

    public TrainingException(String message, Throwable cause) {
        super(message, cause);
    }
}
