package io.aegis.image;

/** A picture that cannot be used as asked; the message is one sentence for whoever gave it. */
public class ImageException extends RuntimeException {
    private static final long serialVersionUID = 1;

    public ImageException(String message) {
        super(message);
    }

    public ImageException(String message, Throwable cause) {
        super(message, cause);
    }
}
