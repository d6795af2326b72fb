package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;
import io.aegis.kernels.Embedding;
import io.aegis.kernels.View;
import java.util.List;

/** embedding.cu: tables of float32, bf16 and f16, of any strides; all else is the host's. */
final class CudaEmbedding implements Embedding {
    static final Variant FILE = Variant.of("embedding.cu");
    private static final int THREADS = 256;

    private final Cuda cuda;
    private final Embedding host;
    private final Entry lookup;

    CudaEmbedding(Cuda cuda, Embedding host) {
        this.cuda = cuda;
        this.host = host;
        lookup = new Entry(cuda, FILE, "lookup");
    }

    static List<Variant> variants() {
        return List.of(FILE);
    }

    static List<String> entries() {
        return List.of("lookup", "lookup_quantized");
    }

    @Override
    public void lookup(View table, View ids, View y) {
        if (y.elements() == 0) {
            return;
        }
        int dtype =
                switch (table.dtype()) {
                    case F32 -> 0;
                    case BF16 -> 1;
                    case F16 -> 2;
                    default -> -1;
                };
        boolean served = dtype >= 0 && table.size(0) > 0 && ids.dtype() == DType.I64 && y.dtype() == DType.F32;
        Space space = served ? Space.ofRows(table.slice(0, 0, 1).expand(y.shape()), y) : null;
        if (space == null || !space.fits()) {
            host.lookup(table, ids, y);
            return;
        }
        long from = cuda.read(table);
        long numbers = cuda.read(ids);
        long to = cuda.write(y);
        if (table.stride(0) % 4 == 0 && space.step(0, 0) == 1) {
            space.widenWhole(from, to);
        }
        Arguments a = space.begin(from, to);
        a.pointer(numbers).i64(ids.stride(0)).i64(table.size(0)).i64(table.stride(0));
        a.i32(dtype).i32(0);
        lookup.launch(Engine.Grid.of(Math.ceilDiv(space.count(), (long) THREADS), THREADS), a);
    }
}
