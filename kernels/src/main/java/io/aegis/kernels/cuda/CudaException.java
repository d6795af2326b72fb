package io.aegis.kernels.cuda;

/** What went wrong on a GPU or on the way to it: the call, the kernel with its launch shape, the driver's message. */
public final class CudaException extends RuntimeException {
    private static final long serialVersionUID = 1;

    public CudaException(String message) {
        super(message);
    }

    public CudaException(String message, Throwable cause) {
        super(message, cause);
    }
}
