package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Products of few rows (gemv.cu), float32 arithmetic on the weights as they are stored, in every precision: the time is what
 * it takes to read them. A row's bits do not depend on the others, nor on how many there are.
 */
final class CudaGemv {
    /** Rows that one reading of the weights serves. */
    static final int TOGETHER = 8;

    static final int THREADS = 256;
    private static final int WARPS = THREADS / 32;
    /** Outputs of a warp, of weights along K; twice as many of four rows. */
    private static final int OUTPUTS = 2;
    /** Columns of a block, of weights along N, in units of 16 bytes. */
    private static final int SIDE_BY_SIDE = 4;
    /** Warps a multiprocessor that have enough loads on their way. */
    private static final int BUSY = 16;

    private static final int WARP_BYTES = 32 * 16;
    private static final int MOST_GROUPS = 65535;

    private final Cuda cuda;
    private final MatmulAround around;
    /** By weight, by whether it lies along K, by the logarithm of the rows together. */
    private final Entry[][][] kernels = new Entry[Weight.values().length][2][];

    private final GemvTogether several;

    CudaGemv(Cuda cuda, MatmulAround around) {
        this.cuda = cuda;
        this.around = around;
        this.several = new GemvTogether(cuda, this, around);
        for (Weight weight : Weight.values()) {
            for (int alongK = 0; alongK < 2; alongK++) {
                Variant variant = asked(weight, alongK);
                kernels[weight.ordinal()][alongK] = IntStream.of(1, 2, 4, 8)
                        .mapToObj(rows -> new Entry(cuda, variant, "gemv_" + rows))
                        .toArray(Entry[]::new);
            }
        }
    }

    /** How a weight is stored. */
    enum Weight {
        F32,
        F16,
        BF16;

        /** So many a lane takes at a time. */
        int chunk() {
            return this == F32 ? 4 : 8;
        }

        static Weight of(DType dtype) {
            return switch (dtype) {
                case F32 -> F32;
                case F16 -> F16;
                case BF16 -> BF16;
                default -> throw new IllegalArgumentException("weights are F32, F16 or BF16, not " + dtype);
            };
        }
    }

    /** A token's step is made of weights along K. */
    private Variant asked(Weight weight, int alongK) {
        Variant variant = variant(weight, alongK);
        return alongK == 1 ? Programmatic.of(cuda, variant) : variant;
    }

    private static Variant variant(Weight weight, int alongK) {
        return Variant.of("gemv.cu").with("WEIGHT", weight).with("ALONG_K", alongK);
    }

    static List<Variant> variants() {
        List<Variant> all = new ArrayList<>();
        for (Weight weight : Weight.values()) {
            all.addAll(Programmatic.both(variant(weight, 1)));
            all.add(variant(weight, 0));
        }
        all.addAll(GemvTogether.variants());
        return all;
    }

    void multiply(Product p) {
        try (Cuda.Scratch scratch = cuda.scratch()) {
            Operand w = p.b().isReadable() ? p.b() : around.dense(p, scratch, p.b(), p.b().dtype());
            multiply(p, around.floats(p, scratch), w);
        }
    }

    /** Several products of one x in one launch, each with the bits of its own; false where they are not for that. */
    boolean multiplyTogether(List<Product> products) {
        return several.multiply(products);
    }

    /** c = silu(x gate) (x up) in one launch; false where it is not for that. */
    boolean multiplyGated(Product gate, Product up) {
        return several.multiplyGated(gate, up);
    }

    private void multiply(Product p, Operand x, Operand w) {
        Weight weight = Weight.of(w.dtype());
        boolean alongK = w.isAlongK();
        int together = together(p.m());
        long blocks = alongK ? blocks(p, outputs(together)) : Math.ceilDiv((long) p.n(), SIDE_BY_SIDE * weight.chunk());
        Entry kernel = kernels[weight.ordinal()][alongK ? 1 : 0][Integer.numberOfTrailingZeros(together)];
        for (long row = 0; row < p.m(); row += (long) MOST_GROUPS * together) {
            long first = row;
            int rows = (int) Math.min(p.m() - row, (long) MOST_GROUPS * together);
            p.batches().each(1, (i, o, inner, outer) -> {
                Arguments arguments = Arguments.begin();
                pack(arguments, p, x, w, new Piece(first, rows, i, o, (int) inner));
                kernel.launch(
                        new Engine.Grid(blocks, Math.ceilDiv(rows, together), inner * outer, THREADS, 0), arguments);
            });
        }
    }

    /** Some of a product: rows from {@code first} on, of its batches those from i and o on, {@code inner} side by side. */
    record Piece(long first, int rows, long i, long o, int inner) {}

    /** The struct Args of gemv.cu. */
    void pack(Arguments to, Product p, Operand x, Operand w, Piece piece) {
        long bytes = w.dtype().bytes();
        to.pointer(x.at(piece.i, piece.o) + piece.first * x.acrossStride() * Float.BYTES)
                .pointer(w.at(piece.i, piece.o))
                .i64(x.acrossStride())
                .i64(x.innerStride())
                .i64(x.outerStride())
                .i64(w.leading() * bytes)
                .i64(w.innerStride() * bytes)
                .i64(w.outerStride() * bytes)
                .i64(p.c().innerStride())
                .i64(p.c().outerStride());
        p.fromRow(piece.first)
                .output(to, piece.i, piece.o)
                .i32(piece.rows)
                .i32(p.n())
                .i32(p.k())
                .i32(piece.inner)
                .i32(w.isAlongK() ? splits(p) : 1)
                .i32(0);
    }

    /** Rows of x that a kernel takes together. */
    static int together(int rows) {
        return rows > 4 ? TOGETHER : rows == 3 ? 4 : rows;
    }

    /** Of a warp, of weights along K. */
    static int outputs(int together) {
        return together == 4 ? 2 * OUTPUTS : OUTPUTS;
    }

    /** Blocks whose warps have so many columns, of weights along K. */
    long blocks(Product p, int columns) {
        return Math.ceilDiv((long) p.n(), columns * (WARPS / splits(p)));
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
