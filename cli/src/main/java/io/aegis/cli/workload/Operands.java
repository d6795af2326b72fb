package io.aegis.cli.workload;

import io.aegis.kernels.Buffer;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.View;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * Large views in the memory of a device, filled with normal
 * values there: a block of them again and again, of a length that fits no tile.
 */
public final class Operands implements AutoCloseable {
    private static final int BLOCK = 1_000_003;

    /** The largest of quantised weights: three times the deviation of {@link RandomWeights}. */
    private static final double SPREAD = 0.06;

    private final Kernels kernels;
    private final List<Buffer> buffers = new ArrayList<>();
    private final Arena arena = Arena.ofShared();

    /** Where views lie when the device has no memory of its own. */
    private Arena host = Arena.ofShared();

    private final View block;
    private final Map<Double, View> blocks = new HashMap<>();
    private final Map<QuantizedWeight.Format, MemorySegment> patterns = new EnumMap<>(QuantizedWeight.Format.class);

    public Operands(Kernels kernels) {
        this.kernels = kernels;
        block = View.allocate(arena, DType.F32, BLOCK);
        Random random = new Random(1);
        for (int i = 0; i < BLOCK; i++) {
            block.setAt(i, random.nextGaussian());
        }
    }

    /** Whose memory it is. */
    public Kernels kernels() {
        return kernels;
    }

    /** Any content. */
    public View empty(DType dtype, long... shape) {
        long bytes = Math.multiplyExact(View.count(shape), dtype.bytes());
        if (kernels.memory() == null) {
            return View.of(Buffer.allocate(host, bytes), dtype, shape);
        }
        Buffer buffer = kernels.memory().acquire(bytes);
        buffers.add(buffer);
        return View.of(buffer, dtype, shape);
    }

    /** Normal values of this standard deviation. */
    public View normal(double scale, DType dtype, long... shape) {
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

    public View normal(DType dtype, long... shape) {
        return normal(1, dtype, shape);
    }

    /** A matrix [n, k] of 8 or 4 bits a weight: any codes, and scales that make its weights as large as others are. */
    public QuantizedWeight quantized(QuantizedWeight.Format format, int group, long n, long k) {
        View codes = empty(format.codes(), n, format.width(k));
        MemorySegment pattern = patterns.computeIfAbsent(format, Operands::anyCodes);
        MemorySegment to = codes.segment();
        for (long at = 0; at < to.byteSize(); at += BLOCK) {
            MemorySegment.copy(pattern, 0, to, at, Math.min(BLOCK, to.byteSize() - at));
        }
        View scales = empty(DType.F32, n, k / group);
        kernels.elementwise().fill(scales, SPREAD / format.largest());
        return new QuantizedWeight(codes, scales);
    }

    private static MemorySegment anyCodes(QuantizedWeight.Format format) {
        byte[] codes = new byte[BLOCK];
        new Random(2).nextBytes(codes);
        for (int i = 0; format == QuantizedWeight.Format.INT8 && i < BLOCK; i++) {
            codes[i] = (byte) Math.max(-format.largest(), codes[i]);
        }
        return MemorySegment.ofArray(codes);
    }

    /** Gives the views made so far back. */
    public void free() {
        kernels.synchronize();
        blocks.clear();
        host.close();
        host = Arena.ofShared();
        if (kernels.memory() != null) {
            buffers.forEach(kernels.memory()::release);
            buffers.clear();
            kernels.memory().trim();
        }
    }

    @Override
    public void close() {
        free();
        host.close();
        block.buffer().discardMirror();
        arena.close();
    }
}
