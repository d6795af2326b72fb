package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;
import java.util.ArrayList;
import java.util.List;

/**
 * Products of few rows (gemv.cu), float32 arithmetic on the weights as they are stored, in every precision: the time is what
 * it takes to read them. A row's bits do not depend on the others, nor on how many there are.
 */
final class CudaGemv {
    /** Rows that one reading of the weights serves. */
    static final int TOGETHER = 8;

    private static final int THREADS = 256;
    private static final int WARPS = THREADS / 32;
    /** Outputs of a warp, of weights along K. */
    private static final int OUTPUTS = 2;
    /** Columns of a block, of weights along N, in units of 16 bytes. */
    private static final int SIDE_BY_SIDE = 4;
    /** Warps a multiprocessor that have enough loads on their way. */
    private static final int BUSY = 16;

    private static final int WARP_BYTES = 32 * 16;
    private static final int MOST_GROUPS = 65535;
    private static final long FARTHEST_ROW = 1 << 28;

    private final Cuda cuda;

    CudaGemv(Cuda cuda) {
        this.cuda = cuda;
    }

    private static Variant variant(String weight, boolean alongK) {
        return Variant.of("gemv.cu").with("WEIGHT", weight).with("ALONG_K", alongK ? 1 : 0);
    }

    static List<Variant> variants() {
        List<Variant> all = new ArrayList<>();
        for (DType type : List.of(DType.F32, DType.F16, DType.BF16)) {
            all.add(variant(type.name(), true));
            all.add(variant(type.name(), false));
        }
        all.add(variant("INT8", true));
        all.add(variant("INT4", true));
        return all;
    }

    void multiply(Product p) {
        try (Cuda.Scratch scratch = cuda.scratch()) {
            Operand w = p.b().isReadable() ? p.b() : p.dense(cuda, scratch, p.b(), p.b().dtype());
            Weights weights = new Weights(w.dtype().name(), w, 8 * w.dtype().bytes(), 0, 0);
            multiply(p, x(p, scratch), weights);
        }
    }

    /**
     * Weights as gemv.cu reads them.
     *
     * @param name of its macro WEIGHT
     * @param w strides in elements of the operand's dtype; of packed weights in bytes
     * @param bits of a weight
     * @param scales address of float32 [N, K / group], or 0
     * @param group a power of two
     */
    record Weights(String name, Operand w, int bits, long scales, int group) {}

    /** As {@link #multiply(Product)} with other weights than numbers. */
    void multiplyQuantised(Product p, Weights weights) {
        try (Cuda.Scratch scratch = cuda.scratch()) {
            multiply(p, x(p, scratch), weights);
        }
    }

    /** x as float32, along K. */
    private Operand x(Product p, Cuda.Scratch scratch) {
        Operand a = p.a();
        boolean asItLies = a.dtype() == DType.F32 && a.isAlongK() && a.isReadable() && a.acrossStride() < FARTHEST_ROW;
        return asItLies ? a : p.denseRows(cuda, scratch, a, DType.F32);
    }

    private void multiply(Product p, Operand x, Weights weights) {
        Operand w = weights.w();
        boolean alongK = w.isAlongK();
        int chunk = 128 / weights.bits();
        int splits = alongK ? splits(p) : 1;
        long blocks = alongK
                ? Math.ceilDiv((long) p.n(), OUTPUTS * (WARPS / splits))
                : Math.ceilDiv((long) p.n(), SIDE_BY_SIDE * chunk);
        int together = p.m() > 4 ? TOGETHER : p.m() == 3 ? 4 : p.m();
        long bytes = w.dtype().bytes();
        int shift = weights.group() == 0 ? 0 : Integer.numberOfTrailingZeros(weights.group() / chunk);
        for (long row = 0; row < p.m(); row += (long) MOST_GROUPS * together) {
            long first = row;
            int rows = (int) Math.min(p.m() - row, (long) MOST_GROUPS * together);
            p.batches().each(1, (i, o, inner, outer) -> {
                Arguments arguments = Arguments.begin()
                        .pointer(x.at(i, o) + first * x.acrossStride() * Float.BYTES)
                        .pointer(w.at(i, o))
                        .pointer(weights.scales())
                        .i64(x.acrossStride())
                        .i64(x.innerStride())
                        .i64(x.outerStride())
                        .i64(w.leading() * bytes)
                        .i64(w.innerStride() * bytes)
                        .i64(w.outerStride() * bytes)
                        .i64(p.c().innerStride())
                        .i64(p.c().outerStride());
                p.fromRow(first)
                        .output(arguments, i, o)
                        .i32(rows)
                        .i32(p.n())
                        .i32(p.k())
                        .i32((int) inner)
                        .i32(splits)
                        .i32(shift);
                cuda.launch(
                        variant(weights.name(), alongK),
                        "gemv_" + together,
                        new Engine.Grid(blocks, Math.ceilDiv(rows, together), inner * outer, THREADS, 0),
                        arguments);
            });
        }
    }

    /** Warps that share a weight's row: so many that the device is busy, of N and K alone. */
    private int splits(Product p) {
        long warps = Math.ceilDiv(p.n(), OUTPUTS);
        long wanted = (long) BUSY * cuda.properties().multiprocessors();
        long most = (long) p.k() * Float.BYTES / WARP_BYTES;
        int splits = 1;
        while (splits < WARPS && warps * splits < wanted && 2L * splits <= most) {
            splits *= 2;
        }
        return splits;
    }
}
