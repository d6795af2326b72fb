package io.aegis.weights;

import java.nio.file.Path;

/** A weight file or its configuration is not what it should be. The message is one sentence that begins with the file. */
public final class WeightsException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public WeightsException(String message) {
        super(message);
    }

    public WeightsException(String message, Throwable cause) {
        super(message, cause);
    }

    /** A complaint about a file: {@code file: what is wrong}. */
    public static WeightsException of(Path file, String what) {
        return new WeightsException(file + ": " + what);
    }

    /** A complaint about one tensor of a file: {@code file: tensor name what is wrong}. */
    public static WeightsException of(Path file, String tensor, String what) {
        return new WeightsException(file + ": tensor " + tensor + " " + what);
    }
}
