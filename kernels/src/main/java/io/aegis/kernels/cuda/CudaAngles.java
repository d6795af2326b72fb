package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;
import io.aegis.kernels.Loss.AngleParts;
import io.aegis.kernels.Loss.Angles;
import io.aegis.kernels.View;
import java.util.ArrayList;
import java.util.List;

/** angles.cu: three modalities of float32 features of any strides, three domains; all is decided on the device. */
final class CudaAngles {
    private static final Variant FILE = Variant.of("angles.cu");
    private static final int THREADS = 256;
    private static final int WARP = 32;
    private static final int MODALITIES = 3;
    private static final int DOMAINS = 3;
    /** {@code SUMS} of the file. */
    private static final int SUMS = 36;
    /** Numbers of pairs of rows stay below 2^32. */
    private static final int MOST_ROWS = 1 << 15;

    private final Cuda cuda;
    private final Entry products;
    private final Entry sums;
    private final Entry loss;
    private final Entry slopes;

    CudaAngles(Cuda cuda) {
        this.cuda = cuda;
        products = new Entry(cuda, FILE, "angle_products");
        sums = new Entry(cuda, FILE, "angle_sums");
        loss = new Entry(cuda, FILE, "angle_loss");
        slopes = new Entry(cuda, FILE, "angle_slopes");
    }

    static List<Variant> variants() {
        return List.of(FILE);
    }

    /** @return false where it is not for these kernels; nothing has happened then */
    boolean forward(Angles of, View to, AngleParts kept) {
        if (!served(of, kept, to)) {
            return false;
        }
        try (Cuda.Scratch scratch = cuda.scratch()) {
            Arguments a = arguments(of, null);
            a.pointer(cuda.write(kept.products())).pointer(cuda.write(kept.lengths()));
            a.pointer(cuda.write(kept.cells())).pointer(scratch.take(DType.F64, SUMS));
            a.pointer(0).pointer(cuda.write(to));
            sizes(of, a);
            products.launch(Engine.Grid.of(MODALITIES * rows(of), THREADS), a);
            sums.launch(Engine.Grid.of(SUMS, THREADS), a);
            loss.launch(Engine.Grid.of(1, WARP), a);
        }
        return true;
    }

    /** @return false where it is not for these kernels; nothing has happened then */
    boolean backward(Angles of, AngleParts kept, View dloss, List<View> to) {
        if (!served(of, kept, dloss) || !to.stream().allMatch(v -> v == null || v.dtype() == DType.F32)) {
            return false;
        }
        long slope = cuda.read(dloss);
        long known = cuda.read(kept.products());
        long lengths = cuda.read(kept.lengths());
        long cells = cuda.read(kept.cells());
        Arguments a = arguments(of, to);
        a.pointer(known)
                .pointer(lengths)
                .pointer(cells)
                .pointer(0)
                .pointer(slope)
                .pointer(0);
        sizes(of, a);
        long columns = Math.ceilDiv(of.features().getFirst().size(1), (long) THREADS);
        slopes.launch(new Engine.Grid(MODALITIES * rows(of), columns, 1, THREADS, 0), a);
        return true;
    }

    /** @param to gradients; null for none */
    private Arguments arguments(Angles of, List<View> to) {
        List<long[]> matrices = new ArrayList<>();
        of.features().forEach(v -> matrices.add(matrix(v, cuda.read(v))));
        for (int k = 0; k < MODALITIES; k++) {
            View v = to == null ? null : to.get(k);
            matrices.add(matrix(v, cuda.writeOrNull(v)));
        }
        long live = cuda.read(of.live());
        long domain = cuda.read(of.domain());
        Arguments a = Arguments.begin();
        for (long[] m : matrices) {
            a.pointer(m[0]).i64(m[1]).i64(m[2]);
        }
        return a.pointer(live)
                .pointer(domain)
                .i64(of.live().stride(0))
                .i64(of.domain().stride(0));
    }

    /** The struct Matrix. */
    private static long[] matrix(View v, long address) {
        return v == null ? new long[3] : new long[] {address, v.stride(0), v.stride(1)};
    }

    private static void sizes(Angles of, Arguments a) {
        a.f64(of.tauLive()).f64(of.tauAttack());
        a.i32((int) rows(of)).i32((int) of.features().getFirst().size(1));
    }

    private static long rows(Angles of) {
        return of.features().getFirst().size(0);
    }

    private static boolean served(Angles of, AngleParts kept, View scalar) {
        boolean yes = of.features().size() == MODALITIES && of.domains() == DOMAINS;
        yes &= of.live().dtype() == DType.I64 && of.domain().dtype() == DType.I64;
        yes &= kept.products().isContiguous()
                && kept.lengths().isContiguous()
                && kept.cells().isContiguous();
        yes &= kept.products().dtype() == DType.F32 && scalar.dtype() == DType.F32 && rows(of) < MOST_ROWS;
        for (View v : of.features()) {
            yes &= v.dtype() == DType.F32 && v.elements() > 0 && v.elements() < 1L << 31;
        }
        return yes;
    }
}
