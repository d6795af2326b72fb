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
                all.add(variant(type, (layout & 1) != 0, (layout & 2) != 0, false));
            }
            all.add(variant(type, false, false, true));
        }
        return all;
    }

    /** Dynamic shared memory of the variants. */
    static void shared(DynamicShared out) {
        variants().forEach(v -> out.of(v, ENTRY, SHARED));
    }

    private static Variant variant(DType type, boolean aAcross, boolean bAcross, boolean gate) {
        return Variant.of(FILE)
                .with("T", type == DType.BF16 ? "bf16" : "f16")
                .with("A_ACROSS", aAcross ? 1 : 0)
                .with("B_ACROSS", bAcross ? 1 : 0)
                .with("GATE", gate ? 1 : 0);
    }

    /** Whether there is a tile for half of the multiprocessors, and the operands can be described. */
    boolean takes(Product p, Operand a, Operand b) {
        return isBusy(p, TILE_N) && isMapped(a) && isMapped(b);
    }

    /** Whether there are tiles for {@link #takesBoth}: to be asked before operands are copied for it. */
    boolean isLarge(Product p) {
        return isBusy(p, TILE_N);
    }

    /** As {@link #takes}, for {@link #multiplyBoth}: what is added lies as the rest does. */
    boolean takesBoth(Product p, Operand a, Operand b, Operand left, Operand right) {
        return takes(p, a, b)
                && isMapped(left)
                && isMapped(right)
                && left.isAlongK() == a.isAlongK()
                && right.isAlongK() == b.isAlongK();
    }

    /** As {@link #takes}, for {@link #multiplyGated}: activations by rows, weights as checkpoints store them. */
    boolean takesGated(Product p, Operand a, Operand gate, Operand up) {
        boolean alongK = a.isAlongK() && gate.isAlongK() && up.isAlongK();
        return alongK && isBusy(p, TILE_N / 2) && isMapped(a) && isMapped(gate) && isMapped(up);
    }

    /** Whether there are tiles for {@link #takesGated}: to be asked before operands are copied for it. */
    boolean isLargeGate(Product p) {
        return isBusy(p, TILE_N / 2);
    }

    private boolean isBusy(Product p, int columns) {
        long tiles = tiles(p, columns);
        return tiles * 2 >= cuda.properties().multiprocessors() && tiles < MOST;
    }

    /** Maps need every stride to be positive or of one element. */
    private static boolean isMapped(Operand x) {
        return x.isReadable() && (x.leading() > 0 || x.across() == 1 || x.along() == 1);
    }

    private static long tiles(Product p, int columns) {
        return Math.ceilDiv((long) p.m(), TILE_M)
                * Math.ceilDiv(p.n(), columns)
                * p.batches().count();
    }

    /** @param a readable and of the same type as {@code b} */
    void multiply(Product p, Operand a, Operand b) {
        launch(variant(a.dtype(), !a.isAlongK(), !b.isAlongK(), false), p, new Operands(a, b, null, null, 0), TILE_N);
    }

    /**
     * c = a b + left right, and then what follows a product.
     *
     * @param left across K: M; readable, and all four of one type
     * @param right across K: N
     */
    void multiplyBoth(Product p, Operand a, Operand b, Operand left, Operand right) {
        int rank = (int) left.along();
        launch(
                variant(a.dtype(), !a.isAlongK(), !b.isAlongK(), false),
                p,
                new Operands(a, b, left, right, rank),
                TILE_N);
    }

    /** c = silu(a gate) (a up), and then what follows a product; all along K. */
    void multiplyGated(Product p, Operand a, Operand gate, Operand up) {
        launch(variant(a.dtype(), false, false, true), p, new Operands(a, gate, null, up, 0), TILE_N / 2);
    }

    /**
     * What a launch reads.
     *
     * @param a2 null where it is not looked at
     * @param b2 as {@code a2}
     * @param rank how far the second pair's product goes, 0 where there is none
     */
    private record Operands(Operand a, Operand b, Operand a2, Operand b2, int rank) {}

    /** @param columns of c in a tile */
    private void launch(Variant variant, Product p, Operands x, int columns) {
        int inner = (int) p.batches().inner();
        int outer = (int) p.batches().outer();
        int tiles = (int) tiles(p, columns);
        int first = Math.ceilDiv(p.k(), DEPTH);
        Arguments arguments = Arguments.begin()
                .map(cuda.engine(), map(x.a, inner, outer, TILE_M))
                .map(cuda.engine(), map(x.b, inner, outer, columns))
                .map(cuda.engine(), map(x.a2, inner, outer, TILE_M))
                .map(cuda.engine(), map(x.b2, inner, outer, columns));
        p.output(arguments, 0, 0)
                .i64(p.c().innerStride())
                .i64(p.c().outerStride())
                .i32(p.m())
                .i32(p.n())
                .i32(first)
                .i32(first + Math.ceilDiv(x.rank, DEPTH))
                .i32(inner)
                .i32(batches(x.a))
                .i32(batches(x.b))
                .i32(Math.ceilDiv(p.m(), TILE_M))
                .i32(Math.ceilDiv(p.n(), columns))
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
        if (x == null) {
            return null;
        }
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
