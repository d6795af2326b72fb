package io.aegis.weights;

import java.util.Arrays;

/**
 * What a checkpoint says about a tensor before its bytes are touched.
 *
 * @param name its name in the file
 * @param dtype how its elements are stored
 * @param shape sizes, outermost first; empty for a scalar
 */
public record TensorInfo(String name, StoredType dtype, long[] shape) {
    public TensorInfo {
        shape = shape.clone();
    }

    @Override
    public long[] shape() {
        return shape.clone();
    }

    /** Number of elements; 1 for a scalar. */
    public long elements() {
        return Arrays.stream(shape).reduce(1, (a, b) -> a * b);
    }

    /** Bytes when dense. */
    public long bytes() {
        return dtype.bytes(shape);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof TensorInfo(String n, StoredType d, long[] s)
                && n.equals(name)
                && d == dtype
                && Arrays.equals(s, shape);
    }

    @Override
    public int hashCode() {
        return 31 * (31 * name.hashCode() + dtype.hashCode()) + Arrays.hashCode(shape);
    }

    /** {@code name F32[2, 3]}. */
    @Override
    public String toString() {
        return name + " " + dtype + Arrays.toString(shape);
    }
}
