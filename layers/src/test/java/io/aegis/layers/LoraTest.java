package io.aegis.layers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.tensor.GradientCheck;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class LoraTest {
    private static final int IN = 16;
    private static final int OUT = 5;

    private static double[] noise(int n, double phase) {
        double[] out = new double[n];
        Arrays.setAll(out, i -> Math.sin(1.3 * i + phase));
        return out;
    }

    private static void fill(Parameter p, double phase) {
        View v = p.view();
        double[] values = noise((int) v.elements(), phase);
        for (int i = 0; i < values.length; i++) {
            v.setAt(i, values[i]);
        }
    }

    private static Pass dropping(long step, long... samples) {
        return new Pass(false, false, true, 1, step, Tensor.of(samples, samples.length));
    }

    @Test
    void aFreshOneAddsNothingAndBeginsAsKaimingHasIt() {
        try (Parameters p = new Parameters();
                Scope scope = Scope.open()) {
            Lora lora = new Lora(p.at("q_proj"), IN, OUT, 64, 2, 0, 0);
            p.initialize(DType.F32, 3);
            Tensor x = Tensor.of(DType.F32, noise(3 * IN, 0), 3, IN);
            assertThat(lora.of(x, Pass.EVALUATION).toDoubles()).containsOnly(0).hasSize(3 * OUT);
            double[] a = p.get("q_proj.lora_A.weight").view().toDoubles();
            // Uniform within 1/sqrt(16): standard deviation 0.144, over 1024 draws.
            assertThat(Arrays.stream(a).map(Math::abs).max().orElseThrow()).isBetween(0.24, 0.25);
            assertThat(Math.sqrt(Arrays.stream(a).map(v -> v * v).average().orElseThrow()))
                    .isBetween(0.134, 0.154);
        }
    }

    @Test
    void itIsTheScaledProductAndDifferentiatesAsSuch() {
        try (Parameters p = new Parameters();
                Scope scope = Scope.open()) {
            Lora lora = new Lora(p, IN, OUT, 2, 3, 0.5, 0);
            p.initialize(DType.F64, 3);
            fill(p.get("lora_A.weight"), 1);
            fill(p.get("lora_B.weight"), 2);
            double[] a = p.get("lora_A.weight").view().toDoubles();
            double[] b = p.get("lora_B.weight").view().toDoubles();
            double[] x = noise(IN, 0);
            double[] expected = new double[OUT];
            for (int o = 0; o < OUT; o++) {
                for (int i = 0; i < IN; i++) {
                    expected[o] += 3 * (b[2 * o] * a[i] + b[2 * o + 1] * a[IN + i]) * x[i];
                }
            }
            GradientCheck.check("lora", in -> lora.of(in.getFirst(), Pass.EVALUATION), Tensor.of(DType.F64, x, 1, IN));
            try (Scope doubles = Scope.open(Backends.scalar())) {
                assertThat(lora.of(Tensor.of(DType.F64, x, 1, IN), Pass.EVALUATION)
                                .toDoubles())
                        .containsExactly(expected, within(1e-12));
            }
        }
    }

    /** Dropout follows the sample, wherever a batch has it. */
    @Test
    void dropoutFollowsTheSampleAndTheStep() {
        try (Parameters p = new Parameters();
                Scope scope = Scope.open()) {
            Lora lora = new Lora(p, IN, OUT, 2, 1, 0.5, 7);
            p.initialize(DType.F32, 3);
            fill(p.get("lora_B.weight"), 2);
            double[] row = noise(IN, 0);
            Tensor alone = Tensor.of(DType.F32, row, 1, 1, IN);
            double[] two = Arrays.copyOf(row, 2 * IN);
            System.arraycopy(row, 0, two, IN, IN);
            Tensor both = Tensor.of(DType.F32, two, 2, 1, IN);
            double[] seven = lora.of(alone, dropping(0, 7)).toDoubles();
            double[] pair = lora.of(both, dropping(0, 9, 7)).toDoubles();
            assertThat(Arrays.copyOfRange(pair, OUT, 2 * OUT)).containsExactly(seven, within(1e-6));
            assertThat(Arrays.copyOf(pair, OUT)).isNotEqualTo(seven);
            assertThat(lora.of(alone, dropping(1, 7)).toDoubles()).isNotEqualTo(seven);
            assertThat(lora.of(alone, Pass.EVALUATION).toDoubles()).isNotEqualTo(seven);
        }
    }

    @Test
    void rowsByThemselvesHaveTheBitsOfRowsAlone() {
        try (Parameters p = new Parameters();
                Scope scope = Scope.open()) {
            Lora lora = new Lora(p, IN, OUT, 3, 2, 0.1, 0);
            p.initialize(DType.F32, 3);
            fill(p.get("lora_B.weight"), 2);
            Tensor x = Tensor.of(DType.F32, noise(4 * IN, 5), 4, IN);
            double[] together = lora.ofRows(x).toDoubles();
            for (int i = 0; i < 4; i++) {
                assertThat(lora.ofRows(x.slice(0, i, i + 1)).toDoubles())
                        .isEqualTo(Arrays.copyOfRange(together, i * OUT, (i + 1) * OUT));
            }
        }
    }
}
