package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;

/** What goes before a product and behind it (matmul_around.cu). */
final class MatmulAround {
    static final Variant FILE = Variant.of("matmul_around.cu");

    private static final int THREADS = 256;
    /** Elements of a thread. */
    private static final int EIGHT = 8;

    private static final int FOUR = 4;
    private static final int ALIGNMENT = 16;

    private final Entry dense;
    private final Entry sumParts;

    MatmulAround(Cuda cuda) {
        dense = new Entry(cuda, FILE, "dense");
        sumParts = new Entry(cuda, FILE, "sum_parts");
    }

    /**
     * An operand in memory of its own, rounded or widened: rows along what lies side by side already, a multiple of 8 long and
     * zero behind their end.
     */
    Operand dense(Product p, Cuda.Scratch scratch, Operand x, DType to) {
        return dense(p, scratch, x, to, x.isAlongK() || x.acrossStride() != 1);
    }

    /** As the other, rows along K or across it whatever lies side by side. */
    Operand dense(Product p, Cuda.Scratch scratch, Operand x, DType to, boolean alongK) {
        long rows = alongK ? x.across() : x.along();
        long columns = alongK ? x.along() : x.across();
        long leading = Math.ceilDiv(columns, EIGHT) * EIGHT;
        // What is the same for all of a batch dimension is there once.
        long inner = x.innerStride() == 0 ? 1 : p.batches().inner();
        long outer = x.outerStride() == 0 ? 1 : p.batches().outer();
        long matrix = rows * leading;
        long address = scratch.take(to, inner * outer * matrix);
        long rowStride = alongK ? x.acrossStride() : x.alongStride();
        long columnStride = alongK ? x.alongStride() : x.acrossStride();
        boolean aligned = (columns == 1 || columnStride == 1)
                && x.address() % ALIGNMENT == 0
                && isAligned(x, rowStride)
                && isAligned(x, x.innerStride())
                && isAligned(x, x.outerStride());
        Arguments arguments = Arguments.begin()
                .pointer(x.address())
                .pointer(address)
                .i64(rows)
                .i64(columns)
                .i64(inner * outer)
                .i64(inner)
                .i64(rowStride)
                .i64(columnStride)
                .i64(x.innerStride())
                .i64(x.outerStride())
                .i32(Product.code(x.dtype()))
                .i32(Product.code(to))
                .i32(aligned ? 1 : 0)
                .i32(0)
                .divisor(leading / EIGHT)
                .divisor(rows);
        dense.launch(Engine.Grid.cover(inner * outer * matrix / EIGHT, THREADS), arguments);
        return new Operand(
                address,
                to,
                x.across(),
                x.along(),
                alongK ? leading : 1,
                alongK ? 1 : leading,
                x.innerStride() == 0 ? 0 : matrix,
                x.outerStride() == 0 ? 0 : inner * matrix);
    }

    /** The left operand as float32 along K, where it lies if it is that. */
    Operand floats(Product p, Cuda.Scratch scratch) {
        Operand a = p.a();
        boolean asItLies = a.dtype() == DType.F32 && a.isAlongK() && a.isReadable();
        return asItLies ? a : dense(p, scratch, a, DType.F32, true);
    }

    private static boolean isAligned(Operand x, long stride) {
        return stride * x.dtype().bytes() % ALIGNMENT == 0;
    }

    /** c from float32 parts [parts, batch, M, N rounded up to 4], or from none where there is nothing to be summed over. */
    void sumParts(Product p, long address, int parts) {
        long leading = p.partLeading();
        long part = p.batches().count() * p.m() * leading;
        Arguments arguments = p.output(Arguments.begin().pointer(address).i64(part), 0, 0)
                .i64(p.m())
                .i64(p.n())
                .i64(p.batches().count())
                .i64(p.batches().inner())
                .i64(p.c().innerStride())
                .i64(p.c().outerStride())
                .i32(parts)
                .i32(0)
                .divisor(leading / FOUR)
                .divisor(p.m());
        sumParts.launch(Engine.Grid.cover(part / FOUR, THREADS), arguments);
    }
}
