package io.aegis.weights;

import io.aegis.kernels.Backends;
import io.aegis.kernels.View;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * A tensor on its way into a file.
 *
 * @param info name, type and shape
 * @param bytes dense, row-major, little-endian; exactly as many as type and shape need
 */
public record StoredTensor(TensorInfo info, MemorySegment bytes) {
    /**
     * Checks the size.
     *
     * @throws IllegalArgumentException when the segment has another size than type and shape need
     */
    public StoredTensor {
        Objects.requireNonNull(bytes);
        if (bytes.byteSize() != info.bytes()) {
            throw new IllegalArgumentException(
                    "tensor " + info + " needs " + info.bytes() + " bytes, given " + bytes.byteSize());
        }
    }

    public static StoredTensor of(String name, StoredType dtype, long[] shape, MemorySegment bytes) {
        return new StoredTensor(new TensorInfo(name, dtype, shape), bytes);
    }

    /** A view on the host as it is; only one that is not contiguous is copied, into {@code arena}. */
    public static StoredTensor of(String name, View view, Arena arena) {
        View dense = view;
        if (!view.isContiguous()) {
            dense = View.allocate(arena, view.dtype(), view.shape());
            Backends.best().elementwise().copy(view, dense);
        }
        return of(name, StoredType.of(view.dtype()), view.shape(), dense.segment());
    }
}
