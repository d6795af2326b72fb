package io.aegis.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.aegis.kernels.Activation;
import io.aegis.kernels.DType;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.Matmul.Merge;
import io.aegis.kernels.View;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What oneDNN does behind its sums, beside the passes of {@link Part#finish} behind the same product: last bits apart. */
class OneDnnBehindTest {
    private static final int M = 37;
    private static final int N = 50;
    private static final int K = 70;
    /** Distance of rows beyond their length. */
    private static final int GAP = 5;

    private final Random random = new Random(3);

    @ParameterizedTest
    @EnumSource(
            value = Activation.class,
            names = {"NONE", "RELU", "GELU", "QUICK_GELU", "GELU_TANH", "SILU", "SIGMOID"})
    void epilogues(Activation f) {
        OneDnnLibrary library = OneDnnLibrary.find();
        assumeTrue(library != null, "no oneDNN");
        Gemm fused = new OneDnnMatmul(library, DType.F32, null);
        Gemm apart = fused::multiply;
        try (Arena arena = Arena.ofConfined()) {
            Operand a = Operand.of(random(arena, M, K));
            Operand b = Operand.of(random(arena, K, N));
            View bias = random(arena, N);
            View other = random(arena, M, N + GAP).slice(1, 0, N);
            // What is not finite stays so.
            a.memory().set(ValueLayout.JAVA_FLOAT, 4L * K * 20, Float.NaN);
            View before = random(arena, M, N + GAP);
            for (boolean add : new boolean[] {false, true}) {
                for (View row : new View[] {null, bias}) {
                    for (View residual : new View[] {null, other}) {
                        Epilogue e = residual == null
                                ? new Epilogue(row, f, false)
                                : new Epilogue(row, f, Merge.PLUS, residual, false);
                        View expected = copy(arena, before);
                        View got = copy(arena, before);
                        // A part in the middle of the matrix, as threads have them.
                        Part all = part(expected);
                        Part mine = part(got);
                        Operand rows = a.rows(16, M - 16);
                        Operand columns = b.columns(16, N - 16);
                        apart.multiply(rows, columns, add, all, e);
                        fused.multiply(rows, columns, add, mine, e);
                        for (int i = 0; i < M; i++) {
                            for (int j = 0; j < N + GAP; j++) {
                                double want = expected.get(i, j);
                                String what = f + ", " + (add ? "added, " : "") + (row == null ? "" : "bias, ")
                                        + (residual == null ? "" : "residual, ") + i + ", " + j;
                                if (Double.isNaN(want)) {
                                    assertThat(got.get(i, j)).as(what).isNaN();
                                } else {
                                    assertThat(got.get(i, j))
                                            .as(what)
                                            .isCloseTo(want, within(2e-6 * Math.max(1, Math.abs(want))));
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    private static Part part(View c) {
        return new Part(16, M, 16, N, c.segment(), 0, N + GAP);
    }

    private View random(Arena arena, long... shape) {
        View v = View.allocate(arena, DType.F32, shape);
        for (long i = 0; i < v.elements(); i++) {
            Lanes.set(v.segment(), i, (float) random.nextGaussian());
        }
        return v;
    }

    private static View copy(Arena arena, View x) {
        View v = View.allocate(arena, DType.F32, x.shape());
        v.segment().copyFrom(x.segment());
        return v;
    }
}
