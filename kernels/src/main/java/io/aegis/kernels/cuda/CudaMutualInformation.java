package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;
import io.aegis.kernels.MutualInformation;
import io.aegis.kernels.View;
import java.util.List;

/** mutual_information.cu and means.cu: float32 tokens of any strides; all else is the host's. */
final class CudaMutualInformation implements MutualInformation {
    private static final Variant FILE = Variant.of("mutual_information.cu");
    private static final int THREADS = 256;
    private static final int WARP = 32;
    /** The most blocks of a sum. */
    private static final int BLOCKS = 64;
    /** Elements that are worth a block. */
    private static final int PER_BLOCK = 1024;

    private static final int MOST_ROWS = 65535;

    private final Cuda cuda;
    private final MutualInformation host;
    private final Entry sums;
    private final Entry loss;
    private final Entry backward;
    private final CudaMeans means;

    CudaMutualInformation(Cuda cuda, MutualInformation host) {
        this.cuda = cuda;
        this.host = host;
        sums = new Entry(cuda, FILE, "information_sums");
        loss = new Entry(cuda, FILE, "information_loss");
        backward = new Entry(cuda, FILE, "information_backward");
        means = new CudaMeans(cuda);
    }

    static List<Variant> variants() {
        return List.of(FILE, CudaMeans.FILE);
    }

    static List<String> entries() {
        return List.of("information_sums", "information_loss", "information_backward");
    }

    @Override
    public void forward(View a, View b, View permuteA, View permuteB, View to) {
        if (!served(a, b, to) || permuteA.dtype() != DType.I64 || permuteB.dtype() != DType.I64) {
            host.forward(a, b, permuteA, permuteB, to);
            return;
        }
        try (Cuda.Scratch scratch = cuda.scratch()) {
            long pa = cuda.read(a);
            long pb = cuda.read(b);
            Arguments args = arguments(a, pa, b, pb, null, null, permuteA, permuteB);
            args.pointer(scratch.take(DType.F64, 2 * BLOCKS)).pointer(0).pointer(cuda.write(to));
            sums(a, args);
            loss.launch(Engine.Grid.of(1, WARP), args);
        }
    }

    @Override
    public void backward(View a, View b, View permuteA, View permuteB, View dloss, View da, View db) {
        if (da == null && db == null) {
            return;
        }
        boolean numbers = permuteA.dtype() == DType.I64 && permuteB.dtype() == DType.I64;
        if (!numbers || !served(a, b, dloss, da, db) || a.size(0) > MOST_ROWS) {
            host.backward(a, b, permuteA, permuteB, dloss, da, db);
            return;
        }
        try (Cuda.Scratch scratch = cuda.scratch()) {
            long pa = cuda.read(a);
            long pb = cuda.read(b);
            long slope = cuda.read(dloss);
            Arguments args = arguments(a, pa, b, pb, da, db, permuteA, permuteB);
            args.pointer(scratch.take(DType.F64, 2 * BLOCKS)).pointer(slope).pointer(0);
            sums(a, args);
            long columns = Math.ceilDiv(a.size(1), (long) THREADS);
            backward.launch(new Engine.Grid(columns, a.size(0), 2, THREADS, 0), args);
        }
    }

    @Override
    public void means(List<View> tokens, View to) {
        if (!means.means(tokens, to)) {
            host.means(tokens, to);
        }
    }

    private Arguments arguments(View a, long pa, View b, long pb, View da, View db, View permuteA, View permuteB) {
        long numbersA = cuda.read(permuteA);
        long numbersB = cuda.read(permuteB);
        Arguments args = Arguments.begin();
        matrix(args, a, pa);
        matrix(args, b, pb);
        matrix(args, da, cuda.writeOrNull(da));
        matrix(args, db, cuda.writeOrNull(db));
        args.pointer(numbersA).i64(permuteA.stride(0));
        args.pointer(numbersB).i64(permuteB.stride(0));
        return args;
    }

    /** Completes the arguments and launches the sums. */
    private void sums(View a, Arguments args) {
        int blocks = Math.clamp(Math.ceilDiv(a.elements(), (long) PER_BLOCK), 1, BLOCKS);
        args.i32((int) a.size(0)).i32((int) a.size(1)).i32(blocks).i32(0);
        sums.launch(Engine.Grid.of(blocks, THREADS), args);
    }

    /** The struct Matrix. */
    private static void matrix(Arguments a, View v, long address) {
        a.pointer(address).i64(v == null ? 0 : v.stride(0)).i64(v == null ? 0 : v.stride(1));
    }

    private static boolean served(View... floats) {
        boolean yes = true;
        for (View v : floats) {
            yes &= v == null || v.dtype() == DType.F32 && v.elements() < 1L << 31 && v.elements() > 0;
        }
        return yes;
    }
}
