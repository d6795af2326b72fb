package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.View;

/**
 * One matrix product as its kernels take it: c [M, N] from a [M, K] and b [K, N], for each of a batch.
 *
 * @param a across K: M
 * @param b across K: N; null where weights are given beside the product
 * @param c its address, type and strides, as an operand across M and along N
 * @param bias address of float32 [N], or 0
 * @param other address of the matrix that comes in behind it, with the strides of c; or 0
 * @param batches sizes of the two batch dimensions; strides are in the operands
 */
record Product(
        int m,
        int n,
        int k,
        Operand a,
        Operand b,
        Operand c,
        long bias,
        long other,
        Epilogue epilogue,
        Batches batches) {
    private static final int FOUR = 4;
    /** How another matrix comes in, as product.cuh numbers it: a {@link io.aegis.kernels.Matmul.Merge} is one more than its ordinal. */
    private static final int ALONE = 0;

    private static final int PLUS = 1;

    static Product of(Cuda cuda, View a, View b, View c, Epilogue epilogue, Batches batches) {
        Operand left = operand(cuda.read(a), a, -2, -1, batches, 0);
        Operand right = operand(cuda.read(b), b, -1, -2, batches, 1);
        return of(cuda, left, right, c, epilogue, batches).withJoinedRows();
    }

    /** Of one matrix with weights that are no view of numbers, which are given beside it: there is no {@code b}. */
    static Product of(Cuda cuda, View a, View c, Epilogue epilogue) {
        Batches one = new Batches(1, 1, new long[3], new long[3]);
        return of(cuda, operand(cuda.read(a), a, -2, -1, one, 0), null, c, epilogue, one);
    }

    private static Product of(Cuda cuda, Operand a, Operand b, View c, Epilogue epilogue, Batches batches) {
        long bias = cuda.readOrNull(epilogue.bias());
        long other = cuda.readOrNull(epilogue.other());
        long address = epilogue.accumulate() ? cuda.update(c) : cuda.write(c);
        Operand to = operand(address, c, -2, -1, batches, 2);
        return new Product(
                (int) to.across(), (int) to.along(), (int) a.along(), a, b, to, bias, other, epilogue, batches);
    }

    private static Operand operand(long address, View v, int across, int along, Batches batches, int index) {
        return new Operand(
                address,
                v.dtype(),
                v.size(across),
                v.size(along),
                v.stride(across),
                v.stride(along),
                batches.innerStrides()[index],
                batches.outerStrides()[index]);
    }

    /** Where b is the same for all of the inner batch dimension, and its rows of a and c follow each other, they are one matrix. */
    private Product withJoinedRows() {
        long inner = batches.inner();
        boolean joined = inner > 1
                && b.innerStride() == 0
                && (m == 1 || a.innerStride() == m * a.acrossStride() && c.innerStride() == m * c.acrossStride())
                && m * inner < Integer.MAX_VALUE;
        if (!joined) {
            return this;
        }
        return new Product(
                        (int) (m * inner),
                        n,
                        k,
                        rows(a, m == 1 ? a.innerStride() : a.acrossStride()),
                        new Operand(
                                b.address(),
                                b.dtype(),
                                b.across(),
                                b.along(),
                                b.acrossStride(),
                                b.alongStride(),
                                b.outerStride(),
                                0),
                        rows(c, m == 1 ? c.innerStride() : c.acrossStride()),
                        bias,
                        other,
                        epilogue,
                        batches.withoutInner())
                .withJoinedRows();
    }

    private Operand rows(Operand x, long stride) {
        long across = x.across() * batches.inner();
        return new Operand(x.address(), x.dtype(), across, x.along(), stride, x.alongStride(), x.outerStride(), 0);
    }

    /** The same of another copy of a. */
    Product of(Operand left) {
        return new Product(m, n, k, left, b, c, bias, other, epilogue, batches);
    }

    /** The same, with its sums stored elsewhere as they are. */
    Product into(Operand to) {
        return new Product(m, n, k, a, b, to, 0, 0, Epilogue.NONE, batches);
    }

    /** The same from one row on, as far as c goes. */
    Product fromRow(long row) {
        long address = c.address() + row * c.acrossStride() * c.dtype().bytes();
        Operand rest = new Operand(
                address,
                c.dtype(),
                c.across(),
                c.along(),
                c.acrossStride(),
                c.alongStride(),
                c.innerStride(),
                c.outerStride());
        long otherRest =
                other == 0 ? 0 : other + row * c.acrossStride() * otherType().bytes();
        return new Product(m, n, k, a, b, rest, bias, otherRest, epilogue, batches);
    }

    private DType otherType() {
        return epilogue.other() == null ? c.dtype() : epilogue.other().dtype();
    }

    /** Elements from row to row of a part. */
    long partLeading() {
        return Math.ceilDiv(n, FOUR) * (long) FOUR;
    }

    /** The struct Output of product.cuh, for c from one of the batch on. */
    Arguments output(Arguments arguments, long inner, long outer) {
        // To be added to is to be merged with itself.
        DType type = otherType();
        long merged = epilogue.accumulate() ? c.address() : other;
        int merge = epilogue.accumulate()
                ? PLUS
                : epilogue.merge() == null ? ALONE : 1 + epilogue.merge().ordinal();
        long from = merge == ALONE ? 0 : merged + (inner * c.innerStride() + outer * c.outerStride()) * type.bytes();
        boolean aligned = (n == 1 || c.alongStride() == 1)
                && c.address() % ((long) FOUR * c.dtype().bytes()) == 0
                && merged % ((long) FOUR * type.bytes()) == 0
                && c.acrossStride() % FOUR == 0
                && c.innerStride() % FOUR == 0
                && c.outerStride() % FOUR == 0;
        return arguments
                .pointer(c.at(inner, outer))
                .pointer(bias)
                .pointer(from)
                .i64(c.acrossStride())
                .i64(n == 1 ? 1 : c.alongStride())
                .i32(code(c.dtype()))
                .i32(epilogue.activation().ordinal())
                .i32(merge)
                .i32(code(type))
                .i32(aligned ? 1 : 0)
                .i32(0);
    }

    /** The number of a type in product.cuh. */
    static int code(DType dtype) {
        return switch (dtype) {
            case F32 -> 0;
            case F16 -> 1;
            case BF16 -> 2;
            default -> throw new IllegalArgumentException("products are of F32, F16 and BF16, not of " + dtype);
        };
    }
}
