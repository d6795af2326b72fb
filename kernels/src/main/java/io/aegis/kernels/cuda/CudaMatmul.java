package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;
import io.aegis.kernels.Matmul;
import io.aegis.kernels.View;
import java.util.ArrayList;
import java.util.List;

/**
 * Matrix products. Operands and results may be F32, F16 or BF16, in any layout.
 *
 * <p>Many rows are multiplied in the kernels' {@link Precision}: on the matrix units float32 operands are rounded first, F16
 * and BF16 ones are taken as they are where both are of one type, and rounded to the precision's where they are not. A
 * single row, rows that must not know of each other, and up to eight rows are float32 arithmetic on the operands as they are
 * stored.
 */
final class CudaMatmul implements Matmul {
    /** Rows of a dense copy stay below what {@link Operand#isReadable} asks for. */
    private static final long LARGEST = (1 << 25) - 8;

    private final Matmul host;
    private final Cuda cuda;
    private final MatmulAround around;
    private final CudaGemm gemm;
    private final CudaGemv gemv;

    CudaMatmul(Cuda cuda, Matmul host) {
        this(cuda, host, Tiling::of);
    }

    CudaMatmul(Cuda cuda, Matmul host, CudaGemm.Chooser chooser) {
        this.host = host;
        this.cuda = cuda;
        this.around = new MatmulAround(cuda);
        this.gemm = new CudaGemm(cuda, around, chooser);
        this.gemv = new CudaGemv(cuda, around);
    }

    /** All that any device can ask for. */
    static List<Variant> variants() {
        List<Variant> all = new ArrayList<>(CudaGemm.variants());
        all.addAll(CudaGemv.variants());
        return all;
    }

    @Override
    public void multiply(View a, View b, View c, Epilogue epilogue) {
        if (!fits(a, b, c, epilogue)) {
            host.multiply(a, b, c, epilogue);
        } else if (c.elements() > 0) {
            run(a, b, c, epilogue, c.size(-2) == 1);
        }
    }

    @Override
    public void multiply(View a, List<Right> rights) {
        if (!rights.stream().allMatch(r -> isLarge(a, r.b(), r.c(), r.epilogue()))) {
            Matmul.super.multiply(a, rights);
        } else if (!rights.isEmpty()) {
            gemm.multiply(rights.stream()
                    .map(r -> product(a, r.b(), r.c(), r.epilogue()))
                    .toList());
        }
    }

    @Override
    public void multiplyRows(View a, View b, View c, Epilogue epilogue) {
        if (!fits(a, b, c, epilogue)) {
            host.multiplyRows(a, b, c, epilogue);
        } else if (c.elements() > 0) {
            run(a, b, c, epilogue, true);
        }
    }

    @Override
    public void multiplyRows(View a, List<View> b, List<View> c) {
        List<Product> products = new ArrayList<>();
        for (int i = 0; i < b.size() && few(a, b.get(i), c.get(i)); i++) {
            products.add(product(a, b.get(i), c.get(i)));
        }
        if (products.size() < b.size() || !gemv.multiplyTogether(products)) {
            Matmul.super.multiplyRows(a, b, c);
        }
    }

    @Override
    public void multiplyRowsGated(View a, View gate, View up, View room, View c) {
        boolean few = few(a, gate, c) && few(a, up, c);
        if (!few || !gemv.multiplyGated(product(a, gate, c), product(a, up, c))) {
            Matmul.super.multiplyRowsGated(a, gate, up, room, c);
        }
    }

    /** Whether it is of matrices, and of so few rows that one reading of the weights serves them. */
    private static boolean few(View a, View b, View c) {
        boolean few = c.rank() == 2 && c.size(0) <= CudaGemv.TOGETHER && c.elements() > 0 && a.size(1) > 0;
        return few && fits(a, b, c, Epilogue.NONE);
    }

    private Product product(View a, View b, View c) {
        return product(a, b, c, Epilogue.NONE);
    }

    private Product product(View a, View b, View c, Epilogue epilogue) {
        return Product.of(cuda, a, b, c, epilogue, Batches.of(a, b, c));
    }

    @Override
    public void multiplyGated(View a, View gate, View up, View room, View c) {
        Product first = large(a, gate, c);
        if (first == null || !gemm.multiplyGated(first, product(a, up, c))) {
            Matmul.super.multiplyGated(a, gate, up, room, c);
        }
    }

    @Override
    public void multiplyBoth(View a, View b, View left, View right, View room, View c) {
        Product full = large(a, b, c);
        if (full == null || !gemm.multiplyBoth(full, product(left, right, c))) {
            Matmul.super.multiplyBoth(a, b, left, right, room, c);
        }
    }

    /** A product of two matrices that is not of a few rows; null for any other. */
    private Product large(View a, View b, View c) {
        return isLarge(a, b, c, Epilogue.NONE) ? product(a, b, c) : null;
    }

    private static boolean isLarge(View a, View b, View c, Epilogue epilogue) {
        boolean large = c.rank() == 2 && c.size(0) > CudaGemv.TOGETHER && c.size(1) > 0 && a.size(1) > 0;
        return large && fits(a, b, c, epilogue);
    }

    private static boolean fits(View a, View b, View c, Epilogue epilogue) {
        View bias = epilogue.bias();
        return isFloat(a)
                && isFloat(b)
                && isFloat(c)
                && c.size(-2) <= LARGEST
                && c.size(-1) <= LARGEST
                && a.size(-1) <= LARGEST
                && (bias == null || bias.dtype() == DType.F32 && bias.isContiguous())
                && (epilogue.other() == null || isMerged(epilogue.other(), c));
    }

    /** Whether another matrix lies as c does, so that one place serves both. */
    static boolean isMerged(View other, View c) {
        boolean same = isFloat(other) && other.sameShape(c);
        for (int d = 0; same && d < c.rank(); d++) {
            same = c.size(d) == 1 || other.stride(d) == c.stride(d);
        }
        return same;
    }

    private static boolean isFloat(View v) {
        return v.dtype() == DType.F32 || v.dtype() == DType.F16 || v.dtype() == DType.BF16;
    }

    /** @param alone whether rows must not know of each other */
    private void run(View a, View b, View c, Epilogue epilogue, boolean alone) {
        Batches batches = Batches.of(a, b, c);
        if (batches == null) {
            for (long i = 0; i < c.size(0); i++) {
                run(a.select(0, i), b.select(0, i), c.select(0, i), epilogue.select(i), alone);
            }
            return;
        }
        Product p = Product.of(cuda, a, b, c, epilogue, batches);
        if (p.k() == 0) {
            around.sumParts(p, 0, 0);
        } else if (alone || p.m() <= CudaGemv.TOGETHER && p.b().isReadable()) {
            gemv.multiply(p);
        } else {
            gemm.multiply(p);
        }
    }
}
