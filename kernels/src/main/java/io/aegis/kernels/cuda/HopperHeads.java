package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;
import io.aegis.kernels.cuda.AttentionCall.Operand;

/** How the attention kernels of compute capability 9.0 see heads: columns and slabs in shared memory, maps, the order of tiles. */
final class HopperHeads {
    /** Columns that a head has in shared memory. */
    static final int[] DIMS = {64, 80, 96, 128};
    /** A map's strides are below it, in bytes. */
    private static final long FARTHEST = 1L << 40;

    private HopperHeads() {}

    static Variant variant(String file, DType type, int dim) {
        return Variant.of(file)
                .with("TYPE", type == DType.BF16 ? "bf16" : "f16")
                .with("DIM", dim);
    }

    /** Columns in shared memory. */
    static int dim(int d) {
        for (int dim : DIMS) {
            if (d <= dim) {
                return dim;
            }
        }
        throw new IllegalArgumentException("a head of " + d + " columns, at most " + MatrixAttention.WIDEST);
    }

    /** Elements of a row of a slab of shared memory: the widest that divide the columns. */
    private static int slab(int dim) {
        return Math.min(64, Integer.lowestOneBit(dim));
    }

    /** Whether a map can describe an operand: rows that do not overlap, not too far apart. */
    static boolean isMapped(AttentionCall call, Operand x, int rows) {
        long farthest = Math.max(x.row(), Math.max(x.head(), x.batch()));
        return (rows == 1 || x.row() >= call.d) && farthest * x.dtype().bytes() < FARTHEST;
    }

    /** Which of the outer dimensions an operand has, 1 heads and 2 batches; the others it is the same for. */
    static int has(Operand x) {
        return (x.head() > 0 ? 1 : 0) | (x.batch() > 0 ? 2 : 0);
    }

    /** @param tile rows that one copy brings */
    static TensorMap map(AttentionCall call, Operand x, int rows, int heads, int tile) {
        // A dimension of one element is never stepped through, but a map wants a stride all the same.
        long some = Math.max(x.row(), 128);
        long[] sizes = {call.d, rows, x.head() > 0 ? heads : 1, x.batch() > 0 ? call.batch : 1};
        long[] strides = {x.row() > 0 ? x.row() : some, x.head() > 0 ? x.head() : some, x.batch() > 0 ? x.batch() : some
        };
        return new TensorMap(x.address(), x.dtype(), sizes, strides, new int[] {slab(dim(call.d)), tile, 1, 1});
    }

    /**
     * How many heads are computed together. Under a causal mask long tiles should come before short ones, over as many heads
     * as have what their blocks go through, two operands, in half of the second-level cache; without one all tiles are as long, so
     * it is head by head.
     *
     * @param rows of each of the two operands
     * @param sharing heads that go through the same ones
     * @param heads in all
     */
    static int section(Cuda cuda, AttentionCall call, long rows, int sharing, long heads) {
        if (!call.mask.causal()) {
            return 1;
        }
        long bytes = 2 * Math.max(1, rows) * call.d * DType.BF16.bytes();
        long fit = Math.max(1, cuda.properties().cacheBytes() / 2 / bytes) * sharing;
        return (int) Math.min(fit, heads);
    }
}
