package io.aegis.weights;

import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** Makes tensors' bytes when they are written, so that a file may be larger than memory. */
@FunctionalInterface
public interface TensorSource {
    /**
     * Hands over one tensor: dense, row-major, little-endian, from the first byte to the last, in as many pieces as it
     * likes.
     *
     * @param sink takes a piece, which need be valid during the call only
     */
    void write(TensorInfo tensor, IoConsumer<MemorySegment> sink) throws IOException;
}
