package io.aegis.kernels.cuda;

/** What went wrong on a GPU or on the way to it: the call, the kernel with its launch shape, the driver's message. */
public final class CudaException extends RuntimeException {
    private static final long serialVersionUID = 1;

    /** The driver's number for it, 0 when it did not come from the driver. */
    private final int code;

    public CudaException(String message) {
        this(message, null, 0);
    }

    public CudaException(String message, Throwable cause) {
        this(message, cause, 0);
    }

    CudaException(String message, Throwable cause, int code) {
        super(message, cause);
        this.code = code;
    }

    int code() {
        return code;
    }
}
