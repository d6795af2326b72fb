package io.aegis.kernels.cpu;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A small product of every layout, with and without a factor, compared with plain loops: what a native library is asked before it is trusted. Operands
 * are small multiples of 1/16, exact in 16 bits, so that only the order of additions may differ.
 */
final class SelfCheck {
    private static final int M = 17;
    private static final int N = 50;
    private static final int K = 70;
    /** Distance of rows beyond their length. */
    private static final int GAP = 3;

    private SelfCheck() {}

    /**
     * @param dtype of both operands: F32, BF16 or F16
     * @return what is wrong, or null when nothing is
     */
    static String problem(Gemm gemm, DType dtype) {
        double[] expected = new double[M * N];
        for (int i = 0; i < M; i++) {
            for (int j = 0; j < N; j++) {
                double sum = 0;
                for (int l = 0; l < K; l++) {
                    sum += a(i, l) * b(l, j);
                }
                expected[i * N + j] = sum;
            }
        }
        try (Arena arena = Arena.ofShared()) {
            for (int layout = 0; layout < 16; layout++) {
                boolean add = (layout & 4) != 0;
                float alpha = (layout & 8) != 0 ? 0.5f : 1;
                Operand a = operand(arena, dtype, (layout & 1) != 0, M, K, SelfCheck::a);
                Operand b = operand(arena, dtype, (layout & 2) != 0, K, N, SelfCheck::b);
                View c = View.allocate(arena, DType.F32, M, N + GAP);
                // What is not added to is not read.
                int before = layout;
                for (int i = 0; i < M * N; i++) {
                    c.set(add ? before : Double.NaN, i / N, i % N);
                }
                gemm.multiply(a, b, alpha, add, Part.all(M, N, c.segment(), 0, N + GAP));
                for (int i = 0; i < M * N; i++) {
                    double got = c.get(i / N, i % N);
                    double want = alpha * expected[i] + (add ? before : 0);
                    // Sums are below 300: a float of that size is exact to 2e-5.
                    if (!(Math.abs(got - want) <= 1e-3)) {
                        return String.format(
                                "wrong for %s%s%s%s%s: element %d, %d is %s, not %s",
                                dtype,
                                a.byColumns() ? ", A by columns" : "",
                                b.byColumns() ? ", B by columns" : "",
                                alpha == 1 ? "" : ", halved",
                                add ? ", added" : "",
                                i / N,
                                i % N,
                                got,
                                want);
                    }
                }
            }
            return null;
        } catch (RuntimeException e) {
            return e.getMessage();
        }
    }

    private interface Element {
        double at(int row, int column);
    }

    private static double a(int row, int column) {
        return ((row * 31 + column * 17) % 61 - 30) / 16.0;
    }

    private static double b(int row, int column) {
        return ((row * 13 + column * 29) % 59 - 29) / 16.0;
    }

    private static Operand operand(
            Arena arena, DType dtype, boolean transposed, int rows, int columns, Element element) {
        int leading = (transposed ? rows : columns) + GAP;
        View x = View.allocate(arena, dtype, transposed ? columns : rows, leading);
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                x.set(element.at(i, j), transposed ? j : i, transposed ? i : j);
            }
        }
        MemorySegment memory = x.segment();
        return new Operand(memory, dtype, 0, rows, columns, transposed, leading);
    }
}
