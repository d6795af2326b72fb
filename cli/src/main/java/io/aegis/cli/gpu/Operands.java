package io.aegis.cli.gpu;

import io.aegis.kernels.Buffer;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.View;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Large views on the device, filled with normal values there: a block of them again and again, of a length that fits no tile. */
final class Operands implements AutoCloseable {
    private static final int BLOCK = 1_000_003;

    private final Kernels kernels;
    private final List<Buffer> buffers = new ArrayList<>();
    private final Arena arena = Arena.ofShared();
    private final View block;
    private final Map<Double, View> blocks = new HashMap<>();

    Operands(Kernels kernels) {
        this.kernels = kernels;
        block = View.allocate(arena, DType.F32, BLOCK);
        Random random = new Random(1);
        for (int i = 0; i < BLOCK; i++) {
            block.setAt(i, random.nextGaussian());
        }
    }

    /** Any content. */
    View empty(DType dtype, long... shape) {
        Buffer buffer = kernels.memory().acquire(Math.multiplyExact(View.count(shape), dtype.bytes()));
        buffers.add(buffer);
        return View.of(buffer, dtype, shape);
    }

    /** Normal values of this standard deviation. */
    View normal(double scale, DType dtype, long... shape) {
        View v = empty(dtype, shape);
        View flat = v.reshape(v.elements());
        View scaled = block;
        if (scale != 1) {
            scaled = blocks.computeIfAbsent(scale, s -> {
                View fresh = empty(DType.F32, BLOCK);
                kernels.elementwise().affine(block, s, 0, fresh);
                return fresh;
            });
        }
        long n = v.elements();
        long whole = n / BLOCK;
        if (whole > 0) {
            kernels.elementwise()
                    .copy(
                            scaled.unsqueeze(0).expand(whole, BLOCK),
                            flat.slice(0, 0, whole * BLOCK).reshape(whole, BLOCK));
        }
        if (whole * BLOCK < n) {
            kernels.elementwise().copy(scaled.slice(0, 0, n - whole * BLOCK), flat.slice(0, whole * BLOCK, n));
        }
        return v;
    }

    View normal(DType dtype, long... shape) {
        return normal(1, dtype, shape);
    }

    /** Gives the views made so far back. */
    void free() {
        kernels.synchronize();
        buffers.forEach(kernels.memory()::release);
        buffers.clear();
        blocks.clear();
        kernels.memory().trim();
    }

    @Override
    public void close() {
        free();
        block.buffer().discardMirror();
        arena.close();
    }
}
