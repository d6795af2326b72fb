package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;
import io.aegis.kernels.cuda.Tiling.Tile;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/**
 * Products of many rows: 16-bit operands on the matrix units (matmul.cu), or float32 throughout (matmul_f32.cu). Operands
 * that lie well are read where they are, others are rounded or copied into scratch memory first. Few tiles and a long K are
 * cut into parts of K, whose sums are added in their order.
 */
final class CudaGemm {
    /** Shared memory that the system takes of a block. */
    private static final int RESERVED = 1 << 10;

    private final Cuda cuda;
    private final MatmulAround around;
    private final Chooser chooser;
    private final HopperGemm hopper;
    private final LibraryShare share;
    /** By type and layout. */
    private final Map<Layout, List<Tile>> tiles = new ConcurrentHashMap<>();

    CudaGemm(Cuda cuda, MatmulAround around, Chooser chooser) {
        this.cuda = cuda;
        this.around = around;
        this.chooser = chooser;
        this.hopper = HopperGemm.of(cuda);
        this.share = LibraryShare.of(cuda.route(), cuda.properties().description());
    }

    /** @param lowRank whether a second product is added, which is along K as the first is */
    private record Layout(DType type, boolean aAlongK, boolean bAlongK, boolean lowRank) {}

    /** A second product of the same c, whose sum goes on where the first one's ends; of readable operands. */
    private record LowRank(Operand left, Operand right) {
        int rank() {
            return (int) left.along();
        }
    }

    /** Cuts a product; {@link Tiling#of}, or a test's own wish. */
    interface Chooser {
        Tiling choose(List<Tile> tiles, int multiprocessors, long m, long n, long k, long batches);
    }

    /**
     * A tile of matmul.cu.
     *
     * @param blocks at most so many a multiprocessor, of the registers
     * @param rate as {@link Tile#rate}
     */
    private record Shape(int m, int n, int warpsM, int warpsN, int depth, int stages, int blocks, double rate) {
        int shared() {
            return (m + n) * depth * stages * DType.BF16.bytes();
        }

        Variant variant(DType type, boolean aAlongK, boolean bAlongK) {
            return Variant.of("matmul.cu")
                    .with("T", type == DType.BF16 ? "bf16" : "f16")
                    .with("A_ALONG_K", aAlongK ? 1 : 0)
                    .with("B_ALONG_K", bAlongK ? 1 : 0)
                    .with("TILE_M", m)
                    .with("TILE_N", n)
                    .with("WARPS_M", warpsM)
                    .with("WARPS_N", warpsN)
                    .with("DEPTH", depth)
                    .with("STAGES", stages)
                    .with("BLOCKS", blocks);
        }

        /** With a second product behind the first. */
        Variant lowRank(DType type) {
            return variant(type, true, true).with("LOW_RANK", 1);
        }

        Tile tile(Entry kernel, int sharedBytes) {
            int resident = Math.min(blocks, (sharedBytes + RESERVED) / (shared() + RESERVED));
            return new Tile(kernel, m, n, warpsM * warpsN * 32, shared(), resident, rate);
        }
    }

    private static final Shape LARGE = new Shape(128, 256, 2, 4, 64, 3, 1, 1150);
    /** The same for devices with less shared memory. */
    private static final Shape LARGE_SHALLOW = new Shape(128, 256, 2, 4, 32, 4, 1, 1050);

    private static final Shape MEDIUM = new Shape(128, 128, 2, 2, 32, 4, 2, 950);
    private static final Shape SMALL = new Shape(64, 64, 2, 2, 64, 3, 4, 550);
    private static final List<Shape> SHAPES = List.of(LARGE, LARGE_SHALLOW, MEDIUM, SMALL);
    private static final String ENTRY = "matmul";

    private static final List<DType> TYPES = List.of(DType.F16, DType.BF16);

    private static Variant float32(boolean aAlongK, boolean bAlongK) {
        return Variant.of("matmul_f32.cu").with("A_ALONG_K", aAlongK ? 1 : 0).with("B_ALONG_K", bAlongK ? 1 : 0);
    }

    /** All that any device can ask for. */
    static List<Variant> variants() {
        List<Variant> all = new ArrayList<>(List.of(MatmulAround.FILE));
        all.addAll(HopperGemm.variants());
        for (int layout = 0; layout < 4; layout++) {
            boolean a = (layout & 1) != 0;
            boolean b = (layout & 2) != 0;
            all.add(float32(a, b));
            for (Shape shape : SHAPES) {
                TYPES.forEach(type -> all.add(shape.variant(type, a, b)));
            }
        }
        SHAPES.forEach(shape -> TYPES.forEach(type -> all.add(shape.lowRank(type))));
        return all;
    }

    /** Dynamic shared memory of the variants. */
    static void shared(DynamicShared out) {
        for (Shape shape : SHAPES) {
            for (DType type : TYPES) {
                for (int layout = 0; layout < 4; layout++) {
                    out.of(shape.variant(type, (layout & 1) != 0, (layout & 2) != 0), ENTRY, shape.shared());
                }
                out.of(shape.lowRank(type), ENTRY, shape.shared());
            }
        }
    }

    private List<Tile> tiles(Layout l) {
        if (l.type == DType.F32) {
            Variant variant = float32(l.aAlongK, l.bAlongK);
            return List.of(
                    new Tile(new Entry(cuda, variant, "product_128x64"), 128, 64, 128, 0, 3, 100),
                    new Tile(new Entry(cuda, variant, "product_64x64"), 64, 64, 256, 0, 3, 70));
        }
        int shared = cuda.properties().sharedBytes();
        return Stream.of(LARGE.shared() <= shared ? LARGE : LARGE_SHALLOW, MEDIUM, SMALL)
                .map(s -> s.tile(
                        new Entry(cuda, l.lowRank ? s.lowRank(l.type) : s.variant(l.type, l.aAlongK, l.bAlongK), ENTRY),
                        shared))
                .toList();
    }

    /**
     * Products of one a, which is rounded once for all of them: a rounded operand is what each of them would make of it.
     *
     * @param products of one a, whose batches are none; in their order
     */
    void multiply(List<Product> products) {
        Product first = products.getFirst();
        DType type = type(first);
        try (Cuda.Scratch scratch = cuda.scratch()) {
            Operand a = readable(first, first.a(), type, scratch);
            for (Product p : products) {
                multiply(type(p) == type ? p.of(a) : p);
            }
        }
    }

    void multiply(Product p) {
        DType type = type(p);
        try (Cuda.Scratch scratch = cuda.scratch()) {
            Operand a = readable(p, p.a(), type, scratch);
            Operand b = readable(p, p.b(), type, scratch);
            if (type != DType.F32 && multiplyByLibrary(p, a, b, scratch)) {
                return;
            }
            if (type != DType.F32 && hopper != null && hopper.takes(p, a, b)) {
                hopper.multiply(p, a, b);
                return;
            }
            multiplyByTiles(p, a, b, null, scratch);
        }
    }

    /** @param low what else is summed, or null */
    private void multiplyByTiles(Product p, Operand a, Operand b, LowRank low, Cuda.Scratch scratch) {
        Layout layout = new Layout(a.dtype(), a.isAlongK(), b.isAlongK(), low != null);
        Tiling tiling = chooser.choose(
                tiles.computeIfAbsent(layout, this::tiles),
                cuda.properties().multiprocessors(),
                p.m(),
                p.n(),
                low == null ? p.k() : Tiling.whole(p.k()) + low.rank(),
                p.batches().count());
        if (tiling.parts() == 1) {
            launch(p, a, b, low, tiling, p, 0);
            return;
        }
        long leading = p.partLeading();
        long matrix = p.m() * leading;
        long part = p.batches().count() * matrix;
        long parts = scratch.take(DType.F32, tiling.parts() * part);
        Operand c = new Operand(
                parts, DType.F32, p.m(), p.n(), leading, 1, matrix, p.batches().inner() * matrix);
        launch(p, a, b, low, tiling, p.into(c), part);
        around.sumParts(p, parts, tiling.parts());
    }

    /**
     * c = silu(a gate) (a up) in one launch, where a device has one for it, and {@link LibraryShare} does not leave it to the library.
     *
     * @param gate the product with the one
     * @param up with the other; of the same a and c
     * @return whether it was done
     */
    boolean multiplyGated(Product gate, Product up) {
        DType type = type(gate);
        boolean library = cuda.hasLibrary() && share.has(Behind.GATE, gate);
        if (hopper == null || library || type == DType.F32 || type(up) != type || !hopper.isLargeGate(gate)) {
            return false;
        }
        try (Cuda.Scratch scratch = cuda.scratch()) {
            Operand a = readable(gate, gate.a(), type, scratch);
            Operand first = readable(gate, gate.b(), type, scratch);
            Operand second = readable(up, up.b(), type, scratch);
            boolean taken = hopper.takesGated(gate, a, first, second);
            if (taken) {
                hopper.multiplyGated(gate, a, first, second);
            }
            return taken;
        }
    }

    /**
     * c = a b + left right in one launch, on the matrix units, unless {@link LibraryShare} leaves a b to the library: where there is a
     * kernel of the device's own, that is the faster one. Matrices, all along K or of a layout that a device's own kernel takes.
     *
     * @param full a b
     * @param low left right, of the same c
     * @return whether it was done
     */
    boolean multiplyBoth(Product full, Product low) {
        DType type = type(full);
        if (type == DType.F32 || type(low) != type || low.k() == 0) {
            return false;
        }
        boolean own = hopper != null && hopper.isLarge(full);
        boolean library = cuda.hasLibrary() && share.has(Behind.of(full, type), full);
        boolean alongK = Stream.of(full.a(), full.b(), low.a(), low.b()).allMatch(Operand::isAlongK);
        if (!own && (library || !alongK)) {
            return false;
        }
        try (Cuda.Scratch scratch = cuda.scratch()) {
            Operand a = readable(full, full.a(), type, scratch);
            Operand b = readable(full, full.b(), type, scratch);
            Operand left = readable(low, low.a(), type, scratch);
            Operand right = readable(low, low.b(), type, scratch);
            boolean taken = own && hopper.takesBoth(full, a, b, left, right);
            if (taken) {
                hopper.multiplyBoth(full, a, b, left, right);
                return true;
            }
            if (library || !alongK) {
                return false;
            }
            multiplyByTiles(full, a, b, new LowRank(left, right), scratch);
            return true;
        }
    }

    /** Products by the toolkit's library, where it is installed and {@link LibraryShare} leaves them to it; what it does not fuse follows in a pass. */
    private boolean multiplyByLibrary(Product p, Operand a, Operand b, Cuda.Scratch scratch) {
        Behind behind = Behind.of(p, a.dtype());
        if (!share.has(behind, p)) {
            return false;
        }
        Operand c = p.c();
        boolean sum = behind == Behind.SUM;
        if (behind != Behind.PASS) {
            long from = sum && p.other() != 0 ? p.other() : c.address();
            return cuda.multiplyByLibrary(a, b, from, c.address(), c.dtype(), c.acrossStride(), sum);
        }
        long part = scratch.take(DType.F32, p.m() * p.partLeading());
        if (!cuda.multiplyByLibrary(a, b, part, DType.F32, p.partLeading(), false)) {
            return false;
        }
        around.sumParts(p, part, 1);
        return true;
    }

    /**
     * Two operands of the same 16-bit type are multiplied as they are. Of two different ones the one that is not of the
     * precision's type is rounded to it, as float32 is.
     */
    private DType type(Product p) {
        DType precision = cuda.precision().dtype();
        boolean both = p.a().dtype() == p.b().dtype() && p.a().dtype() != DType.F32;
        return both && precision != DType.F32 ? p.a().dtype() : precision;
    }

    private Operand readable(Product p, Operand x, DType type, Cuda.Scratch scratch) {
        boolean asItLies = x.dtype() == type && x.isReadable() && (type != DType.F32 || x.isWhole(4));
        return asItLies ? x : around.dense(p, scratch, x, type);
    }

    private void launch(Product p, Operand a, Operand b, LowRank low, Tiling tiling, Product to, long part) {
        Tile tile = tiling.tile();
        p.batches().each(tiling.parts(), (i, o, inner, outer) -> {
            Arguments arguments = Arguments.begin()
                    .pointer(a.at(i, o))
                    .pointer(b.at(i, o))
                    .i64(a.leading())
                    .i64(b.leading())
                    .i64(a.innerStride())
                    .i64(a.outerStride())
                    .i64(b.innerStride())
                    .i64(b.outerStride())
                    .i64(to.c().innerStride())
                    .i64(to.c().outerStride())
                    .i64(part);
            to.output(arguments, i, o)
                    .i32(p.m())
                    .i32(p.n())
                    .i32(p.k())
                    .i32(tiling.part())
                    .i32(tiling.parts())
                    .i32((int) inner)
                    .i32(Math.ceilDiv(p.m(), tile.m()))
                    .i32(Math.ceilDiv(p.n(), tile.n()));
            if (low != null) {
                arguments
                        .pointer(low.left().address())
                        .pointer(low.right().address())
                        .i64(low.left().leading())
                        .i64(low.right().leading())
                        .i32((int) Tiling.whole(p.k()))
                        .i32(low.rank());
            }
            tile.kernel()
                    .launch(
                            new Engine.Grid(
                                    tile.blocks(p.m(), p.n()),
                                    1,
                                    inner * outer * tiling.parts(),
                                    tile.threads(),
                                    tile.shared()),
                            arguments);
        });
    }
}
