package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Large products of 16-bit operands on compute capability 9.0 (matmul_sm90a.cu), where {@link Hopper} lets them be taken. */
final class HopperGemm {
    static final String FILE = "matmul_sm90a.cu";

    private static final String ENTRY = "matmul_sm90a";

    private static final int TILE_M = 128;
    private static final int TILE_N = 256;
    private static final int DEPTH = 64;
    private static final int STAGES = 4;
    private static final int THREADS = 384;
    private static final int SHARED = STAGES * (TILE_M + TILE_N) * DEPTH * DType.BF16.bytes();
    /** Coordinates and numbers of tiles are 32 bits wide. */
    private static final long MOST = 1L << 31;

    private final Cuda cuda;
    private final Map<Variant, Entry> entries = new ConcurrentHashMap<>();

    HopperGemm(Cuda cuda) {
        this.cuda = cuda;
    }

    /** For a device that has what it needs, when it was asked for; else null. */
    static HopperGemm of(Cuda cuda) {
        return Hopper.isAskedFor(cuda) ? new HopperGemm(cuda) : null;
    }

    static List<Variant> variants() {
        List<Variant> all = new ArrayList<>();
        for (DType type : List.of(DType.BF16, DType.F16)) {
            for (int layout = 0; layout < 4; layout++) {
                all.add(variant(type, (layout & 1) != 0, (layout & 2) != 0));
            }
        }
        return all;
    }

    private static Variant variant(DType type, boolean aAcross, boolean bAcross) {
        return Variant.of(FILE)
                .with("T", type == DType.BF16 ? "bf16" : "f16")
                .with("A_ACROSS", aAcross ? 1 : 0)
                .with("B_ACROSS", bAcross ? 1 : 0);
    }

    /** Whether there is a tile for half of the multiprocessors, and the operands can be described. */
    boolean takes(Product p, Operand a, Operand b) {
        return tiles(p) * 2 >= cuda.properties().multiprocessors() && tiles(p) < MOST && isMapped(a) && isMapped(b);
    }

    /** Maps need every stride to be positive or of one element. */
    private static boolean isMapped(Operand x) {
        return x.isReadable() && (x.leading() > 0 || x.across() == 1 || x.along() == 1);
    }

    private static long tiles(Product p) {
        return Math.ceilDiv((long) p.m(), TILE_M)
                * Math.ceilDiv(p.n(), TILE_N)
                * p.batches().count();
    }

    /** @param a readable and of the same type as {@code b} */
    void multiply(Product p, Operand a, Operand b) {
        Variant variant = variant(a.dtype(), !a.isAlongK(), !b.isAlongK());
        int inner = (int) p.batches().inner();
        int outer = (int) p.batches().outer();
        int tiles = (int) tiles(p);
        Arguments arguments = Arguments.begin()
                .map(cuda.engine(), map(a, inner, outer, TILE_M))
                .map(cuda.engine(), map(b, inner, outer, TILE_N));
        p.output(arguments, 0, 0)
                .i64(p.c().innerStride())
                .i64(p.c().outerStride())
                .i32(p.m())
                .i32(p.n())
                .i32(p.k())
                .i32(inner)
                .i32(batches(a))
                .i32(batches(b))
                .i32(Math.ceilDiv(p.m(), TILE_M))
                .i32(Math.ceilDiv(p.n(), TILE_N))
                .i32(tiles);
        int blocks = Math.min(tiles, cuda.properties().multiprocessors());
        entries.computeIfAbsent(variant, v -> new Entry(cuda, v, ENTRY))
                .launch(new Engine.Grid(blocks, 1, 1, THREADS, SHARED), arguments);
    }

    /** Which of the batch dimensions an operand has, 1 the inner and 2 the outer; the others it is the same for. */
    private static int batches(Operand x) {
        return (x.innerStride() > 0 ? 1 : 0) | (x.outerStride() > 0 ? 2 : 0);
    }

    private static TensorMap map(Operand x, int inner, int outer, int tile) {
        long row = x.isAlongK() ? x.across() : x.along();
        long[] sizes = {
            x.isAlongK() ? x.along() : x.across(), row, x.innerStride() > 0 ? inner : 1, x.outerStride() > 0 ? outer : 1
        };
        // A dimension of one element is never stepped through, but a map wants a stride all the same.
        long some = Math.max(x.leading(), 8);
        long[] strides = {
            some, x.innerStride() > 0 ? x.innerStride() : some, x.outerStride() > 0 ? x.outerStride() : some
        };
        int[] box = {DEPTH, x.isAlongK() ? tile : DEPTH, 1, 1};
        return new TensorMap(x.address(), x.dtype(), sizes, strides, box);
    }
}
