package io.aegis.models.llama;

import io.aegis.kernels.Buffer;
import io.aegis.kernels.DType;
import io.aegis.kernels.Memory;
import io.aegis.kernels.View;
import io.aegis.tensor.Scope;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;

/**
 * Where keys and values lie: in memory of the device whose kernels compute here, with any content, or, where those use the
 * host's, in zeroed memory of the host. Memory of the host would do for a device too, but all of it would go there first:
 * 400 MB for a prompt of 1500 tokens of an 8B model.
 */
final class CacheMemory implements AutoCloseable {
    private final Memory device;
    private final DType operands;
    private final Arena host = Arena.ofShared();
    private final List<Buffer> taken = new ArrayList<>();

    /** Of the kernels of the scope around, or of those that were chosen. */
    CacheMemory() {
        try (Scope scope = Scope.open()) {
            device = scope.kernels().memory();
            operands = scope.kernels().operands();
        }
    }

    /**
     * What keys and values of a model are kept as that computes in {@code dtype}: itself, or what a device's attention would
     * round float32 to at every token, which is half to read.
     */
    DType kept(DType dtype) {
        return device != null && dtype == DType.F32 ? operands : dtype;
    }

    /**
     * So many arrays of one shape, or none.
     *
     * @throws ArithmeticException when one cannot be addressed
     */
    View[] allocate(int count, DType dtype, long... shape) {
        long bytes = Math.multiplyExact(View.count(shape), (long) dtype.bytes());
        View[] out = new View[count];
        try {
            for (int i = 0; i < count; i++) {
                Buffer buffer = device == null ? Buffer.allocate(host, bytes) : device.acquire(bytes);
                taken.add(buffer);
                out[i] = View.of(buffer, dtype, shape);
            }
        } catch (RuntimeException | Error e) {
            close();
            throw e;
        }
        return out;
    }

    boolean isOpen() {
        return host.scope().isAlive();
    }

    /** Frees it all; the second time does nothing. */
    @Override
    public void close() {
        if (!isOpen()) {
            return;
        }
        for (Buffer buffer : taken) {
            if (device == null) {
                buffer.discardMirror();
            } else {
                device.release(buffer);
            }
        }
        host.close();
    }
}
