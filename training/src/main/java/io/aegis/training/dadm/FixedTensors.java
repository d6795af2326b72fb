package io.aegis.training.dadm;

import io.aegis.kernels.Buffer;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.View;
import io.aegis.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/** Tensors of a device that stay at their places as long as this is open: what recorded work is handed, and hands on. */
final class FixedTensors implements AutoCloseable {
    private final Kernels kernels;
    private final List<Buffer> buffers = new ArrayList<>();

    FixedTensors(Kernels kernels) {
        this.kernels = kernels;
    }

    /** Of zeros: a buffer has its place on the device once something was written there, which must be before anything is recorded. */
    Tensor make(DType dtype, long... shape) {
        Buffer buffer = kernels.memory().acquire(View.count(shape) * dtype.bytes());
        buffers.add(buffer);
        View view = View.of(buffer, dtype, shape);
        kernels.elementwise().fill(view, 0);
        return Tensor.wrap(view, false);
    }

    @Override
    public void close() {
        buffers.forEach(kernels.memory()::release);
        buffers.clear();
    }
}
