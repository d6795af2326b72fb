package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import java.util.List;
import java.util.stream.Stream;

/**
 * Layer norm and RMS norm of rows of one type by row_norm.cu: x, y and their gradients of that type, in any layout of up to two leading
 * strides; vectors dense, of float32 or of that type; mean and rstd dense float32. Every method says whether it did it.
 */
final class RowNorms {
    /** Of rows. */
    static final List<DType> TYPES = List.of(DType.F32, DType.BF16, DType.F16);

    private static final Variant FILE = Variant.of("row_norm.cu");
    private static final int THREADS = 256;
    private static final int WARPS = THREADS / 32;
    /** Bytes of shared memory that a kernel declares itself, rounded up. */
    private static final int FIXED = 1024;
    /** Blocks of a multiprocessor that registers leave room for. */
    private static final int RESIDENT = 4;

    private final Cuda cuda;
    private final DType type;
    private final Entry layerNorm;
    private final Entry rmsNorm;
    private final Entry layerNormBackward;
    private final Entry rmsNormBackward;
    private final Entry sumPartials;

    RowNorms(Cuda cuda, DType type) {
        Variant variant = FILE.stored(type);
        this.cuda = cuda;
        this.type = type;
        this.layerNorm = new Entry(cuda, variant, "layer_norm");
        this.rmsNorm = new Entry(cuda, type == DType.F32 ? Programmatic.of(cuda, variant) : variant, "rms_norm");
        this.layerNormBackward = new Entry(cuda, variant, "layer_norm_backward");
        this.rmsNormBackward = new Entry(cuda, variant, "rms_norm_backward");
        this.sumPartials = new Entry(cuda, variant, "sum_partials");
    }

    static List<Variant> variants() {
        Stream<Variant> narrow = Stream.of(FILE.stored(DType.BF16), FILE.stored(DType.F16));
        return Stream.concat(Programmatic.both(FILE).stream(), narrow).toList();
    }

    /** Rows of some width, as many at a time as the device has room for. */
    static void shared(DynamicShared out) {
        for (Variant rows : variants()) {
            for (String entry : new String[] {"layer_norm", "rms_norm", "layer_norm_backward", "rms_norm_backward"}) {
                out.of(rows, entry, DynamicShared.BY_LAUNCH);
            }
        }
    }

    boolean layerNorm(View x, View gamma, View beta, double eps, View y, View mean, View rstd) {
        return forward(layerNorm, x, gamma, beta, eps, y, mean, rstd);
    }

    boolean rmsNorm(View x, View weight, double eps, View y, View rstd) {
        return forward(rmsNorm, x, weight, null, eps, y, null, rstd);
    }

    private boolean forward(Entry entry, View x, View gamma, View beta, double eps, View y, View mean, View rstd) {
        Rows from = Rows.of(x, type);
        Rows to = Rows.of(y, type);
        DType vectors = gamma.dtype();
        if (from == null || to == null || !areVectors(vectors, gamma, beta) || !dense(DType.F32, mean, rstd)) {
            return false;
        }
        long width = x.size(-1);
        Teams teams = teams(rows(x), width, 1024, 1, 0);
        if (width == 0 || teams == null) {
            return false;
        }
        if (rows(x) == 0) {
            return true;
        }
        long in = cuda.read(x);
        long g = cuda.read(gamma);
        long b = cuda.readOrNull(beta);
        long out = cuda.write(y);
        Arguments a = Arguments.begin();
        from.pack(a, in);
        to.pack(a, out);
        a.pointer(g).pointer(b).pointer(cuda.writeOrNull(mean)).pointer(cuda.writeOrNull(rstd));
        teams.pack(a, rows(x), width, from.isWide(in) && to.isWide(out) && (g | b) % 16 == 0)
                .i32(narrow(vectors))
                .f32(eps)
                .i32(0);
        entry.launch(teams.grid(), a);
        return true;
    }

    boolean layerNormBackward(View x, View gamma, View mean, View rstd, View dy, View dx, View dgamma, View dbeta) {
        return backward(layerNormBackward, x, gamma, mean, rstd, dy, dx, dgamma, dbeta);
    }

    boolean rmsNormBackward(View x, View weight, View rstd, View dy, View dx, View dweight) {
        return backward(rmsNormBackward, x, weight, null, rstd, dy, dx, dweight, null);
    }

    private boolean backward(
            Entry entry, View x, View gamma, View mean, View rstd, View dy, View dx, View dgamma, View dbeta) {
        Rows from = Rows.of(x, type);
        Rows slope = Rows.of(dy, type);
        Rows to = Rows.of(dx == null ? x : dx, type);
        DType vectors = gamma.dtype();
        if (from == null
                || slope == null
                || to == null
                || !areVectors(vectors, gamma, dgamma, dbeta)
                || !dense(DType.F32, mean, rstd)) {
            return false;
        }
        boolean sums = dgamma != null || dbeta != null;
        long rows = rows(x);
        long width = x.size(-1);
        Teams teams = teams(rows, width, 426, 2, sums ? 2 : 0);
        if (width == 0 || teams == null) {
            return false;
        }
        if (dx == null && !sums) {
            return true;
        }
        try (Cuda.Scratch scratch = cuda.scratch()) {
            long in = cuda.read(x);
            long dout = cuda.read(dy);
            long g = cuda.read(gamma);
            long partial = sums ? scratch.take(DType.F32, 2 * width * teams.blocks()) : 0;
            Arguments a = Arguments.begin();
            from.pack(a, in);
            slope.pack(a, dout);
            long m = cuda.readOrNull(mean);
            long r = cuda.read(rstd);
            long din = cuda.writeOrNull(dx);
            to.pack(a, din).pointer(g).pointer(m).pointer(r).pointer(partial);
            boolean wide = from.isWide(in) && slope.isWide(dout) && to.isWide(din) && g % 16 == 0;
            entry.launch(teams.grid(), teams.pack(a, rows, width, wide).i32(narrow(vectors)));
            if (sums) {
                Arguments s = Arguments.begin()
                        .pointer(partial)
                        .pointer(cuda.writeOrNull(dgamma))
                        .pointer(cuda.writeOrNull(dbeta))
                        .i32((int) teams.blocks())
                        .i32((int) width)
                        .i32(narrow(vectors))
                        .i32(0);
                sumPartials.launch(Engine.Grid.of(Math.ceilDiv(2 * width, 32), THREADS), s);
            }
        }
        return true;
    }

    private static long rows(View v) {
        return v.size(-1) == 0 ? 0 : v.elements() / v.size(-1);
    }

    private boolean areVectors(DType vectors, View... all) {
        return (vectors == DType.F32 || vectors == type) && dense(vectors, all);
    }

    private static boolean dense(DType dtype, View... vectors) {
        for (View v : vectors) {
            if (v != null && !(v.dtype() == dtype && v.isContiguous())) {
                return false;
            }
        }
        return true;
    }

    /** Whether vectors are of 16 bits. */
    private static int narrow(DType vectors) {
        return vectors == DType.F32 ? 0 : 1;
    }

    /**
     * How rows are dealt out to teams of warps.
     *
     * @param warps of a team
     * @param stages rows in shared memory at once
     * @param shared bytes of a block
     */
    private record Teams(int warps, int stages, long blocks, int shared) {
        Engine.Grid grid() {
            return new Engine.Grid(blocks, 1, 1, THREADS, shared);
        }

        Arguments pack(Arguments a, long rows, long width, boolean wide) {
            return a.i32((int) rows).i32((int) width).i32(warps).i32(stages).i32(wide ? 1 : 0);
        }
    }

    /**
     * @param comfortable how wide a row one warp takes when there are rows enough
     * @param operands what is kept of a row, times its width
     * @param sums what a team keeps throughout in float32, times a row's width
     * @return null when a row does not fit into shared memory
     */
    private Teams teams(long rows, long width, int comfortable, int operands, int sums) {
        Engine.Properties device = cuda.properties();
        int warps = 1;
        while (warps < WARPS
                && (width > (long) comfortable * warps
                        || rows * warps / WARPS < device.multiprocessors() && width > 128L * warps)) {
            warps *= 2;
        }
        int teams = WARPS / warps;
        int word = 16 / type.bytes();
        long pitch = Math.ceilDiv(width, word) * word * teams;
        long row = pitch * type.bytes() * operands;
        long throughout = pitch * Float.BYTES * sums;
        long wanted = Math.max(1, Math.ceilDiv(rows, (long) teams));
        long one = row + throughout;
        long two = 2 * row + throughout;
        long most = device.sharedBytes() - FIXED;
        if (one > most) {
            return null;
        }
        boolean ahead = wanted > resident(device, one) && two <= most;
        long shared = ahead ? two : one;
        return new Teams(warps, ahead ? 2 : 1, Math.min(wanted, resident(device, shared)), (int) shared);
    }

    private static long resident(Engine.Properties device, long shared) {
        return device.multiprocessors() * Math.clamp(device.sharedBytes() / (shared + FIXED), 1, RESIDENT);
    }
}
