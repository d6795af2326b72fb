package io.aegis.models.faceshield;

import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.layers.Probe;
import io.aegis.models.llama.KeyValueCache;
import io.aegis.models.llama.LlamaNetwork;
import io.aegis.models.llama.TinyLlama;
import io.aegis.tensor.AttentionMask;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class TeacherForcingTest {
    private static final long[] PROMPT = {3, 17, 8, 30, 11, 2, 25, 39, 6, 14, 21, 33};

    /** So many tokens that their products are of few rows, which bfloat16 leaves alone; the longer one's are not. */
    private static final long[] SHORT = {7, 19, 4, 28, 36, 12, 9, 31};

    private static final long[] LONG = {7, 19, 4, 28, 36, 12, 9, 31, 22, 5};

    private static double[][] force(Kernels kernels, long[]... answers) {
        try (TinyLlama llama = TinyLlama.frozen();
                Scope scope = Scope.open(kernels);
                KeyValueCache cache = new KeyValueCache(TinyLlama.CONFIG, PROMPT.length)) {
            LlamaNetwork network = llama.network;
            Tensor hidden = network.hidden(
                    network.embed(Tensor.of(PROMPT, 1, PROMPT.length)),
                    LlamaNetwork.positions(0, PROMPT.length),
                    AttentionMask.causal(),
                    cache,
                    Probe.NONE);
            double[] last = network.logits(hidden.slice(1, PROMPT.length - 1, PROMPT.length))
                    .toDoubles();
            double[][] forced = TeacherForcing.logProbabilities(network, cache, last, answers);
            assertThat(cache.length()).isEqualTo(PROMPT.length);
            assertThat(cache.nextPosition()).isEqualTo(PROMPT.length);
            return forced;
        }
    }

    /** The tokens that two answers share are equally likely, to the last bit, whatever the products are rounded to. */
    @ParameterizedTest
    @EnumSource(names = {"F32", "BF16"})
    void answersAreComputedAlike(DType operands) {
        System.setProperty("aegis.bf16", "emulated");
        try {
            Kernels kernels = Backends.best().rounding(operands);
            double[][] forced = force(kernels, SHORT, LONG);
            assertThat(forced[0]).isEqualTo(Arrays.copyOf(forced[1], SHORT.length));
            assertThat(force(kernels, LONG, SHORT)[1]).isEqualTo(forced[0]);
            // Alone, the short one's products are exact, and differ from rounded ones by more than their order of sums.
            assertThat(largestDifference(force(kernels, SHORT)[0], forced[0]) > 1e-4)
                    .isEqualTo(operands == DType.BF16);
        } finally {
            System.clearProperty("aegis.bf16");
        }
    }

    private static double largestDifference(double[] a, double[] b) {
        return IntStream.range(0, a.length)
                .mapToDouble(i -> Math.abs(a[i] - b[i]))
                .max()
                .orElseThrow();
    }

    @Test
    void anAnswerOfOneTokenNeedsThePromptAlone() {
        double[][] forced = force(Backends.best(), new long[] {7}, SHORT);
        assertThat(forced[0]).containsExactly(forced[1][0]);
        assertThat(force(Backends.best(), new long[] {7})[0]).isEqualTo(forced[0]);
    }
}
