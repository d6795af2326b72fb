package io.aegis.kernels.cuda;

import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.QuantizedMatmul.Linear;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.View;
import java.util.ArrayList;
import java.util.List;

/**
 * Products of few rows with frozen weights of 8 or 4 bits ({@link QuantizedRows}). As in {@link CudaMatmul}, a row's bits do
 * not depend on the others. Codes have rows that begin at multiples of 16 bytes. Where a row of x has NaN or an infinity, its outputs
 * are NaN.
 */
final class CudaQuantized {
    private static final int ALIGNMENT = 16;

    private final Cuda cuda;
    private final MatmulAround around;
    private final QuantizedRows rows;

    CudaQuantized(Cuda cuda) {
        this(cuda, cuda.properties().sharedBytes());
    }

    /** @param sharedBytes the most dynamic shared memory that is used */
    CudaQuantized(Cuda cuda, int sharedBytes) {
        this.cuda = cuda;
        this.around = new MatmulAround(cuda);
        this.rows = new QuantizedRows(cuda, sharedBytes);
    }

    /**
     * Up to three weights a launch, if they have one format and group.
     *
     * @param x [M, K] F32, F16 or BF16, any strides
     * @param parts each with y [M, N] F32, F16 or BF16, any strides; none reads what another writes
     */
    void multiplyRows(View x, List<Linear> parts) {
        List<Linear> alike = new ArrayList<>();
        for (Linear p : parts) {
            check(x, p);
            if (p.y().elements() == 0) {
                continue;
            }
            boolean full = alike.size() == QuantizedRows.SEGMENTS
                    || !alike.isEmpty()
                            && !QuantizedRows.isAlike(alike.getFirst().w(), p.w());
            if (full) {
                multiply(x, alike, false);
                alike.clear();
            }
            alike.add(p);
        }
        if (!alike.isEmpty()) {
            multiply(x, alike, false);
        }
    }

    /**
     * y = silu(x gate^T) (x up^T) in one launch.
     *
     * @param up of gate's shape, format and group
     */
    void multiplyGated(View x, QuantizedWeight gate, QuantizedWeight up, View y) {
        Linear first = new Linear(gate, y, Epilogue.NONE);
        Linear second = new Linear(up, y, Epilogue.NONE);
        check(x, first);
        check(x, second);
        require(QuantizedRows.isAlike(gate, up), "both weights of a gate have one format and group", up.codes());
        if (y.elements() > 0) {
            multiply(x, List.of(first, second), true);
        }
    }

    private void multiply(View x, List<Linear> parts, boolean gated) {
        List<QuantizedRows.Segment> segments = new ArrayList<>();
        for (Linear p : parts) {
            long codes = cuda.read(p.w().codes());
            require(codes % ALIGNMENT == 0, "rows are 16-byte aligned", p.w().codes());
            Product product = Product.of(cuda, x, p.y(), p.epilogue());
            segments.add(new QuantizedRows.Segment(product, p.w(), codes, cuda.read(p.w().scales())));
        }
        try (Cuda.Scratch scratch = cuda.scratch()) {
            rows.multiply(around.floats(segments.getFirst().product(), scratch), segments, gated);
        }
    }

    private static void check(View x, Linear p) {
        long n = p.w().rows();
        long k = p.w().columns();
        require(x.rank() == 2 && x.size(1) == k, "x is [M, " + k + "] beside these weights", x);
        View y = p.y();
        require(y.rank() == 2 && y.size(0) == x.size(0) && y.size(1) == n, "y is [" + x.size(0) + ", " + n + "]", y);
        require(p.w().codes().stride(0) % ALIGNMENT == 0, "rows are 16-byte aligned", p.w().codes());
    }

    private static void require(boolean condition, String expected, View given) {
        if (!condition) {
            throw new IllegalArgumentException(expected + "; given: " + given);
        }
    }
}
