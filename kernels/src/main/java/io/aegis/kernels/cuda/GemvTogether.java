package io.aegis.kernels.cuda;

import io.aegis.kernels.cuda.CudaGemv.Piece;
import io.aegis.kernels.cuda.CudaGemv.Weight;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Few rows times several weights in one launch (gemv.cu, TOGETHER): a token's step is short launches, each of which costs what seven
 * megabytes of weights do. Weights are float32 or 16 bits along K, read where they lie, of one type; every sum has the order that it has
 * in a launch of its own.
 */
final class GemvTogether {
    /** As many as {@code Several} of gemv.cu has room for: q, k and v. */
    private static final int MOST = 3;

    private final Cuda cuda;
    private final CudaGemv gemv;
    private final MatmulAround around;
    /** By the logarithm of the rows together. */
    private final Map<Weight, Entry[]> several = new EnumMap<>(Weight.class);

    private final Map<Weight, Entry[]> gated = new EnumMap<>(Weight.class);

    GemvTogether(Cuda cuda, CudaGemv gemv, MatmulAround around) {
        this.cuda = cuda;
        this.gemv = gemv;
        this.around = around;
        for (Weight weight : Weight.values()) {
            several.put(weight, entries(weight, "gemv_together_"));
            gated.put(weight, entries(weight, "gemv_gated_"));
        }
    }

    private Entry[] entries(Weight weight, String name) {
        Variant variant = Programmatic.of(cuda, variant(weight));
        return IntStream.of(1, 2, 4, 8)
                .mapToObj(rows -> new Entry(cuda, variant, name + rows))
                .toArray(Entry[]::new);
    }

    private static Variant variant(Weight weight) {
        return Variant.of("gemv.cu").with("WEIGHT", weight).with("ALONG_K", 1).with("TOGETHER", 1);
    }

    static List<Variant> variants() {
        return Stream.of(Weight.values())
                .flatMap(weight -> Programmatic.both(variant(weight)).stream())
                .toList();
    }

    /** @param products of one x and of up to {@link CudaGemv#TOGETHER} rows; false where they do not fit together */
    boolean multiply(List<Product> products) {
        if (products.size() < 2 || products.size() > MOST) {
            return false;
        }
        Product one = products.getFirst();
        if (!products.stream().allMatch(p -> fits(p) && p.b().dtype() == one.b().dtype())) {
            return false;
        }
        int together = CudaGemv.together(one.m());
        try (Cuda.Scratch scratch = cuda.scratch()) {
            Operand x = around.floats(one, scratch);
            Arguments arguments = Arguments.begin();
            int[] first = new int[MOST + 1];
            for (int i = 0; i < MOST; i++) {
                boolean there = i < products.size();
                Product p = products.get(there ? i : 0);
                pack(arguments, p, x);
                long blocks = there ? gemv.blocks(p, CudaGemv.outputs(together)) : 0;
                first[i + 1] = Math.toIntExact(first[i] + blocks);
            }
            for (int f : first) {
                arguments.i32(f);
            }
            launch(several, one, first[MOST], arguments);
        }
        return true;
    }

    /** c = silu(x gate) (x up); false where they do not fit together. */
    boolean multiplyGated(Product gate, Product up) {
        boolean fit = fits(gate)
                && fits(up)
                && gate.b().dtype() == up.b().dtype()
                && gate.b().leading() == up.b().leading();
        if (!fit) {
            return false;
        }
        try (Cuda.Scratch scratch = cuda.scratch()) {
            Operand x = around.floats(gate, scratch);
            Arguments arguments = Arguments.begin();
            pack(arguments, gate, x);
            arguments.pointer(up.b().address());
            launch(gated, gate, gemv.blocks(gate, CudaGemv.outputs(CudaGemv.together(gate.m())) / 2), arguments);
        }
        return true;
    }

    private static boolean fits(Product p) {
        return p.batches().count() == 1 && p.b().isAlongK() && p.b().isReadable();
    }

    private void pack(Arguments to, Product p, Operand x) {
        gemv.pack(to, p, x, p.b(), new Piece(0, p.m(), 0, 0, 1));
    }

    private static void launch(Map<Weight, Entry[]> kernels, Product p, long blocks, Arguments arguments) {
        int rows = CudaGemv.together(p.m());
        kernels.get(Weight.of(p.b().dtype()))[Integer.numberOfTrailingZeros(rows)].launch(
                new Engine.Grid(blocks, 1, 1, CudaGemv.THREADS, 0), arguments);
    }
}
