package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.Twin.garbage;
import static io.aegis.kernels.cpu.Twin.random;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Matmul;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Products that are too large to be packed at once, beside the Vector API's. */
class MachineProductTest {
    private static final int DEEP = 4700;

    private final Matmul vectors = by(new VectorGemm());
    private Matmul machine;

    private static Matmul by(Gemm product) {
        return new CpuMatmul(Backends.scalar().matmul(), Twin.fast().elementwise(), product);
    }

    @BeforeEach
    void machineCode() {
        assumeTrue(MachineCode.available(), "no machine code: " + MachineCode.reason());
        machine = by(new MachineGemm());
    }

    @Test
    void theDepthIsCutWithoutGapsByItsLengthAlone() {
        for (int k : new int[] {1, 4608, 4609, 14336, 20001}) {
            List<int[]> steps = new ArrayList<>();
            MachineProduct.along(k, (from, depth, first, last) -> {
                assertThat(from).isEqualTo(steps.stream().mapToInt(s -> s[1]).sum());
                assertThat(first).isEqualTo(from == 0);
                assertThat(last).isEqualTo(from + depth == k);
                assertThat(depth).isBetween(1, 4608);
                steps.add(new int[] {from, depth});
            });
            assertThat(steps.stream().mapToInt(s -> s[1]).sum()).isEqualTo(k);
        }
    }

    @Test
    void linesAreCutEvenlyInWholePanels() {
        assertThat(MachineProduct.together(6, 512, 4096)).isEqualTo(516);
        assertThat(MachineProduct.together(6, 1522, 4096)).isEqualTo(762);
        assertThat(MachineProduct.together(16, 5, 4096)).isEqualTo(16);
    }

    /** Rows and the depth in two pieces each, columns shared out; the right operand stored both ways, and in 16 bits. */
    @Test
    void manyRowsOfGreatDepth() {
        View a = random(1, 1100, DEEP);
        for (DType type : new DType[] {DType.F32, DType.BF16}) {
            compare(a, TestViews.random(2, type, 260, DEEP).transpose(0, 1));
            compare(a, TestViews.random(2, type, DEEP, 260));
        }
    }

    /** Rows shared out, columns few; the left operand stored by columns. */
    @Test
    void fewColumnsOfGreatDepth() {
        compare(random(1, DEEP, 300).transpose(0, 1), random(2, 21, DEEP).transpose(0, 1));
        compare(random(1, 300, DEEP), random(2, DEEP, 21));
    }

    /** Every edge of a tile and of a panel, in whole numbers, whose sums are exact; what lies beside C stays. */
    @Test
    void allSmallSizes() {
        Gemm machineGemm = new MachineGemm();
        for (int m = 1; m <= 14; m++) {
            for (int n = 1; n <= 34; n++) {
                for (int k = 1; k <= 18; k += k < 9 ? 1 : 4) {
                    for (int kind = 0; kind < 8; kind++) {
                        small(machineGemm, m, n, k, (kind & 1) != 0, (kind & 2) != 0, kind >> 2 != 0);
                    }
                }
            }
        }
    }

    private static void small(Gemm product, int m, int n, int k, boolean turnA, boolean turnB, boolean add) {
        float[] a = whole(m * k, 7);
        float[] b = whole(k * n, 5);
        int ldc = n + 3;
        float[] expected = whole(m * ldc, 11);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment c = arena.allocateFrom(ValueLayout.JAVA_FLOAT, expected);
            MemorySegment left = arena.allocateFrom(ValueLayout.JAVA_FLOAT, a);
            MemorySegment right = arena.allocateFrom(ValueLayout.JAVA_FLOAT, b);
            product.multiply(
                    turnA ? Operand.floats(left, 0, k, m, m).transposed() : Operand.floats(left, 0, m, k, k),
                    turnB ? Operand.floats(right, 0, n, k, k).transposed() : Operand.floats(right, 0, k, n, n),
                    2,
                    add,
                    Part.all(m, n, c, 0, ldc));
            for (int i = 0; i < m; i++) {
                for (int j = 0; j < n; j++) {
                    float sum = 0;
                    for (int l = 0; l < k; l++) {
                        sum += a[turnA ? l * m + i : i * k + l] * b[turnB ? j * k + l : l * n + j];
                    }
                    expected[i * ldc + j] = 2 * sum + (add ? expected[i * ldc + j] : 0);
                }
            }
            assertThat(c.toArray(ValueLayout.JAVA_FLOAT))
                    .as("[%d, %d, %d] %s %s, added %s", m, n, k, turnA, turnB, add)
                    .isEqualTo(expected);
        }
    }

    private static float[] whole(int count, int modulus) {
        float[] x = new float[count];
        for (int i = 0; i < count; i++) {
            x[i] = i * 3 % modulus - modulus / 2;
        }
        return x;
    }

    private void compare(View a, View b) {
        View bias = random(3, b.size(1));
        for (Epilogue e : new Epilogue[] {Epilogue.bias(bias), Epilogue.ACCUMULATE}) {
            View expected = random(4, a.size(0), b.size(1));
            View got = random(4, a.size(0), b.size(1));
            vectors.multiply(a, b, expected, e);
            machine.multiply(a, b, got, e);
            double[] x = expected.toDoubles();
            double[] y = got.toDoubles();
            double largest = 0;
            for (double v : x) {
                largest = Math.max(largest, Math.abs(v));
            }
            for (int i = 0; i < x.length; i++) {
                if (!(Math.abs(x[i] - y[i]) <= 1e-5 * largest)) {
                    assertThat(y[i]).as("element %d", i).isEqualTo(x[i]);
                }
            }
        }
        // A part of the rows, and so of what is packed together, has the bits of the whole.
        View whole = garbage(a.size(0), b.size(1));
        View part = garbage(50, b.size(1));
        machine.multiply(a, b, whole, Epilogue.NONE);
        machine.multiply(a.slice(0, 200, 250), b, part, Epilogue.NONE);
        assertThat(part.toDoubles()).isEqualTo(whole.slice(0, 200, 250).toDoubles());
    }
}
