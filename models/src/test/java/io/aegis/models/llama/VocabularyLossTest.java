package io.aegis.models.llama;

import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.tensor.GradientCheck;
import io.aegis.tensor.Gradients;
import io.aegis.tensor.Pool;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import java.util.Arrays;
import java.util.List;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class VocabularyLossTest {
    /** Loss, and gradients of hidden states and of the output matrix, one behind the other. */
    private record Outcome(double loss, double[] gradients, long peak) {}

    private static LlamaConfig config(boolean tied) {
        return new LlamaConfig(300, 8, 12, 1, 2, 1, 4, 1e-5, 100, RopeScaling.NONE, tied, 64);
    }

    private static Outcome outcome(Kernels kernels, DType dtype, boolean tied, int tokens, int rows) {
        try (TinyLlama own = new TinyLlama(config(tied), dtype, false);
                Scope scope = Scope.open(kernels);
                Tape tape = Tape.record()) {
            Tensor hidden =
                    Tensor.wrap(Tensor.of(dtype, noise(tokens * 8), tokens, 8).view(), true);
            long[] targets = new long[tokens];
            Arrays.setAll(targets, i -> 7L * i % 300);
            Tensor matrix = own.parameters
                    .get(tied ? "embed_tokens.weight" : "lm_head.weight")
                    .tensor();
            Pool.host().trim();
            Pool.host().resetPeak();
            long before = Pool.host().liveBytes();
            Tensor loss = own.network.vocabularyLoss(rows).of(hidden, targets);
            try (Gradients g = tape.gradients(loss.times(3), List.of(hidden, matrix))) {
                long peak = Pool.host().peakBytes() - before;
                double[] a = g.of(hidden).toDoubles();
                double[] b = g.of(matrix).toDoubles();
                double[] both = Arrays.copyOf(a, a.length + b.length);
                System.arraycopy(b, 0, both, a.length, b.length);
                return new Outcome(loss.item(), both, peak);
            }
        }
    }

    private static double[] noise(int n) {
        double[] out = new double[n];
        Arrays.setAll(out, i -> Math.sin(3.7 * i + 1));
        return out;
    }

    @ParameterizedTest
    @CsvSource({"false, 33, 8", "true, 33, 8", "false, 32, 16", "false, 5, 1", "true, 17, 16"})
    void aFewRowsAtATimeAreTheWhole(boolean tied, int tokens, int rows) {
        Outcome whole = outcome(Backends.scalar(), DType.F64, tied, tokens, tokens);
        Outcome some = outcome(Backends.scalar(), DType.F64, tied, tokens, rows);
        assertThat(some.loss).isCloseTo(whole.loss, Offset.offset(1e-14));
        assertThat(some.gradients).containsExactly(whole.gradients, Offset.offset(1e-14));

        // Rounding of float32: eight significant digits of sums of 33 terms below one.
        Outcome fast = outcome(Backends.best(), DType.F32, tied, tokens, tokens);
        Outcome fastSome = outcome(Backends.best(), DType.F32, tied, tokens, rows);
        assertThat(fastSome.loss).isCloseTo(fast.loss, Offset.offset(1e-6));
        assertThat(fastSome.gradients).containsExactly(fast.gradients, Offset.offset(1e-6));
    }

    @Test
    void gradientsAreThoseOfFiniteDifferences() {
        try (TinyLlama own = new TinyLlama(config(false), DType.F64, true);
                Scope scope = Scope.open(Backends.scalar())) {
            Tensor hidden = Tensor.of(DType.F64, noise(5 * 8), 5, 8);
            GradientCheck.check(
                    "vocabulary loss",
                    in -> own.network.vocabularyLoss(2).of(in.getFirst(), new long[] {1, 2, 3, 299, 0}),
                    hidden);
        }
    }

    /** Of 64 rows, whose scores alone are 76,800 bytes, an eighth at a time. */
    @Test
    void scoresOfAllRowsAreNeverThereAtOnce() {
        long scores = 64 * 300 * 4;
        assertThat(outcome(Backends.best(), DType.F32, false, 64, 64).peak).isGreaterThan(2 * scores);
        assertThat(outcome(Backends.best(), DType.F32, false, 64, 8).peak).isLessThan(scores);
    }

    @Test
    void rowsHaveRoom() {
        assertThat(VocabularyLoss.rows(128_256)).isEqualTo(64);
        assertThat(VocabularyLoss.rows(32_000)).isEqualTo(256);
        assertThat(VocabularyLoss.rows(1L << 40)).isEqualTo(1);
    }
}
