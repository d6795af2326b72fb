package io.aegis.kernels;

/**
 * Where a buffer lives.
 *
 * @param kind the class of machine
 * @param index which one of that kind, from 0
 */
public record Device(Kind kind, int index) {
    public static final Device CPU = new Device(Kind.CPU, 0);

    /** The classes of machine that a buffer can live on. */
    public enum Kind {
        CPU,
        CUDA
    }

    @Override
    public String toString() {
        return kind == Kind.CPU ? "cpu" : "cuda:" + index;
    }
}
