package io.aegis.kernels.cuda;

/** Which implementation serves large products and attention of more than a few queries; all else has one. */
public enum Route {
    /** What a program gets: the toolkit's library where it is installed, kernels of the device's own generation, portable ones. */
    BEST,
    /** The kernels that every device has. */
    PORTABLE,
    /** Those of compute capability 9.0 alone, left out or not, where they take a call; else, and for packed sequences, the portable ones. */
    HOPPER,
    /** The toolkit's cuBLASLt for products that it can compute; else the portable ones. */
    LIBRARY,
    /** cuDNN for attention that it takes; else the portable ones. */
    CUDNN;

    /** Whether what is measured this way is none of our kernels. */
    public boolean isLibrary() {
        return this == LIBRARY || this == CUDNN;
    }
}
