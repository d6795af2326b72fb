package io.aegis.kernels.cuda;

import io.aegis.kernels.Buffer;
import io.aegis.kernels.DType;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.Embedding;
import io.aegis.kernels.Matmul;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.QuantizedMatmul;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.QuantizedWeight.Format;
import io.aegis.kernels.View;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.function.Consumer;

/**
 * Products with weights of 8 and 4 bits: rows by {@link CudaQuantized}, which reads the weights once for up to eight; many
 * rows, and gradients, by an ordinary product with the weights widened into memory that is given back behind it.
 */
final class CudaQuantizedMatmul implements QuantizedMatmul {
    /** Rows from which widening costs less than reading the weights for every eight. */
    private static final int MANY = 65;

    private static final int ALIGNMENT = 16;
    private static final int THREADS = 256;
    /** Bytes whose two weights are looked up at a time: their numbers take eight times the room. */
    private static final long AT_ONCE = 1 << 23;
    /** Weights that are widened at a time: 256 MB of float32. */
    private static final long WIDEST = 1L << 26;

    private final Cuda cuda;
    private final QuantizedMatmul host;
    private final Matmul matmul;
    private final Elementwise elementwise;
    private final Embedding embedding;
    private final CudaQuantized rows;
    private final Entry lookup;
    private final long widest;
    /** The two weights of every byte: [256, 2]. */
    private final View pairs = CudaQuantizedMatmul.pairs();

    CudaQuantizedMatmul(Cuda cuda, QuantizedMatmul host, Matmul matmul, Elementwise elementwise, Embedding embedding) {
        this(cuda, host, matmul, elementwise, embedding, WIDEST);
    }

    /** @param widest most weights that are widened at a time */
    CudaQuantizedMatmul(
            Cuda cuda, QuantizedMatmul host, Matmul matmul, Elementwise elementwise, Embedding embedding, long widest) {
        this.widest = widest;
        this.cuda = cuda;
        this.host = host;
        this.matmul = matmul;
        this.elementwise = elementwise;
        this.embedding = embedding;
        this.rows = new CudaQuantized(cuda);
        this.lookup = new Entry(cuda, CudaEmbedding.FILE, "lookup_quantized");
    }

    private static View pairs() {
        View v = View.allocate(Arena.ofAuto(), DType.F32, 256, 2);
        for (int i = 0; i < 256; i++) {
            v.set((i & 15) - 8, i, 0);
            v.set((i >> 4) - 8, i, 1);
        }
        return v;
    }

    @Override
    public void multiply(View x, QuantizedWeight w, View y, Epilogue epilogue) {
        if (x.size(0) < MANY) {
            multiplyRows(x, w, y, epilogue);
        } else {
            inParts(
                    w,
                    (part, from, to) -> widened(
                            part,
                            wide -> matmul.multiply(
                                    x, wide.transpose(0, 1), y.slice(1, from, to), epilogue.columns(from, to))));
        }
    }

    /** Many rows of x are rounded to what products take before the first of them, as each would do by itself. */
    @Override
    public void multiply(View x, List<Linear> parts) {
        DType type = cuda.precision().dtype();
        if (x.size(0) < MANY || parts.size() < 2 || x.dtype() != DType.F32 || type == DType.F32) {
            QuantizedMatmul.super.multiply(x, parts);
        } else {
            temporary(type, x.shape(), rounded -> {
                elementwise.copy(x, rounded);
                QuantizedMatmul.super.multiply(rounded, parts);
            });
        }
    }

    @Override
    public void multiplyRows(View x, QuantizedWeight w, View y, Epilogue epilogue) {
        if (fits(x, w, y, epilogue)) {
            rows.multiplyRows(x, List.of(new Linear(w, y, epilogue)));
        } else {
            host.multiplyRows(x, w, y, epilogue);
        }
    }

    @Override
    public void multiplyRows(View x, List<Linear> parts) {
        if (parts.stream().allMatch(p -> fits(x, p.w(), p.y(), p.epilogue()))) {
            rows.multiplyRows(x, parts);
        } else {
            QuantizedMatmul.super.multiplyRows(x, parts);
        }
    }

    @Override
    public void multiplyRowsGated(View x, QuantizedWeight gate, QuantizedWeight up, View room, View y) {
        boolean together = fits(x, gate, y, Epilogue.NONE) && fits(x, up, y, Epilogue.NONE);
        if (together && QuantizedRows.isAlike(gate, up)) {
            rows.multiplyGated(x, gate, up, y);
        } else {
            QuantizedMatmul.super.multiplyRowsGated(x, gate, up, room, y);
        }
    }

    @Override
    public void multiplyTransposed(View y, QuantizedWeight w, View x, boolean accumulate) {
        inParts(
                w,
                (part, from, to) -> widened(
                        part,
                        wide -> matmul.multiply(
                                y.slice(1, from, to),
                                wide,
                                x,
                                accumulate || from > 0 ? Epilogue.ACCUMULATE : Epilogue.NONE)));
    }

    /** Some rows of a weight. */
    private interface Rows {
        void take(QuantizedWeight part, long from, long to);
    }

    /** An output matrix of a large vocabulary would take gigabytes at once. */
    private void inParts(QuantizedWeight w, Rows use) {
        long rows = Math.max(1, widest / Math.max(1, w.columns()));
        for (long from = 0; from == 0 || from < w.rows(); from += rows) {
            long to = Math.min(w.rows(), from + rows);
            use.take(rows < w.rows() ? w.rows(from, to) : w, from, to);
        }
    }

    @Override
    public void widen(QuantizedWeight w, View out) {
        if (out.dtype() != DType.F32 || out.elements() == 0) {
            host.widen(w, out);
        } else if (out.isContiguous()) {
            widenDense(w, out);
        } else {
            widened(w, wide -> elementwise.copy(wide, out));
        }
    }

    private void widenDense(QuantizedWeight w, View out) {
        long k = w.columns();
        if (w.format() == Format.INT8) {
            elementwise.copy(w.codes(), out);
        } else {
            long bytes = k / 2;
            long step = Math.max(1, AT_ONCE / bytes);
            for (long n = 0; n < w.rows(); n += step) {
                View codes = w.codes().slice(0, n, Math.min(w.rows(), n + step));
                View to = out.slice(0, n, n + codes.size(0)).reshape(codes.elements(), 2);
                temporary(DType.I64, codes.shape(), numbers -> {
                    elementwise.copy(codes, numbers);
                    embedding.lookup(pairs, numbers.reshape(codes.elements()), to);
                });
            }
        }
        View groups = out.reshape(w.rows(), w.scales().size(1), w.group());
        View scales = w.scales().unsqueeze(2).expand(groups.shape());
        elementwise.binary(Elementwise.Binary.MULTIPLY, groups, scales, groups);
    }

    /** In one launch that finds the rows itself, for few ids as for many. */
    @Override
    public void lookup(QuantizedWeight w, View ids, View out) {
        long quarter = w.columns() / 4;
        long count = ids.size(0) * quarter;
        boolean served = out.dtype() == DType.F32 && out.isContiguous() && ids.dtype() == DType.I64 && count < 1L << 31;
        if (!served || count == 0) {
            QuantizedMatmul.super.lookup(w, ids, out);
            return;
        }
        Arguments a = Arguments.begin();
        a.pointer(cuda.read(w.codes())).pointer(cuda.read(w.scales()));
        a.pointer(cuda.read(ids)).pointer(cuda.write(out));
        a.i64(ids.stride(0)).i64(w.rows()).i64(w.codes().stride(0));
        a.i32((int) count).i32((int) quarter).i32(Integer.numberOfTrailingZeros(w.group()));
        a.i32(w.format() == Format.INT4 ? 1 : 0);
        lookup.launch(Engine.Grid.cover(count, THREADS), a);
    }

    private void widened(QuantizedWeight w, Consumer<View> use) {
        temporary(DType.F32, new long[] {w.rows(), w.columns()}, wide -> {
            widen(w, wide);
            use.accept(wide);
        });
    }

    private void temporary(DType dtype, long[] shape, Consumer<View> use) {
        Buffer buffer = cuda.memory().acquire(Math.max(1, View.count(shape)) * dtype.bytes());
        try {
            use.accept(View.of(buffer, dtype, shape));
        } finally {
            cuda.memory().release(buffer);
        }
    }

    private static boolean fits(View x, QuantizedWeight w, View y, Epilogue epilogue) {
        View bias = epilogue.bias();
        return isFloat(x)
                && isFloat(y)
                && (bias == null || bias.dtype() == DType.F32 && bias.isContiguous())
                && (epilogue.other() == null || CudaMatmul.isMerged(epilogue.other(), y))
                && w.codes().stride(0) % ALIGNMENT == 0
                && w.codes().offset() % ALIGNMENT == 0;
    }

    private static boolean isFloat(View v) {
        return v.dtype() == DType.F32 || v.dtype() == DType.F16 || v.dtype() == DType.BF16;
    }
}
