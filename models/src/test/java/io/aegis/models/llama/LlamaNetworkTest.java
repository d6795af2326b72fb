package io.aegis.models.llama;

import static io.aegis.models.llama.TinyLlama.ids;
import static io.aegis.models.llama.TinyLlama.prompt;
import static io.aegis.models.llama.TinyLlama.rows;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.DType;
import io.aegis.layers.Probe;
import io.aegis.tensor.AttentionMask;
import io.aegis.tensor.Pool;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class LlamaNetworkTest {
    /** Float32 sums in another order, of values of a few units. */
    private static final Offset<Double> ROUNDING = within(1e-4);

    private TinyLlama llama;
    private long before;

    @BeforeEach
    void open() {
        before = Pool.host().liveBlocks();
        llama = TinyLlama.frozen();
    }

    @AfterEach
    void nothingIsLeftBehind() {
        llama.close();
        assertThat(Pool.host().liveBlocks() - before)
                .as("blocks not given back")
                .isZero();
    }

    private double[][] append(KeyValueCache cache, int[] tokens, long position) {
        return rows(llama.network.hidden(
                llama.network.embed(ids(tokens)),
                LlamaNetwork.positions(position, tokens.length),
                AttentionMask.causal(),
                cache,
                Probe.NONE));
    }

    private static void assertSame(double[][] ours, double[][] expected, int from) {
        for (int i = 0; i < ours.length; i++) {
            assertThat(ours[i]).as("token " + i).containsExactly(expected[from + i], ROUNDING);
        }
    }

    @Test
    void piecesAndStepsOverACacheGiveWhatTheWholePromptGives() {
        int[] prompt = prompt(13, 1);
        try (Scope scope = Scope.open();
                KeyValueCache cache = new KeyValueCache(TinyLlama.CONFIG, 1)) {
            double[][] expected = llama.whole(prompt);
            assertSame(append(cache, Arrays.copyOf(prompt, 5), 0), expected, 0);
            assertSame(append(cache, Arrays.copyOfRange(prompt, 5, 11), 5), expected, 5);
            for (int i = 11; i < 13; i++) {
                Tensor x = llama.network.embed(ids(new int[] {prompt[i]}));
                assertSame(rows(llama.network.step(x, List.of(cache))), expected, i);
            }
            assertThat(cache.length()).isEqualTo(13);
            assertThat(cache.nextPosition()).isEqualTo(13);
        }
    }

    @Test
    void aCacheCutBackToAPrefixGoesOnWithTheSameBits() {
        int[] prefix = prompt(7, 2);
        int[] rest = prompt(4, 3);
        try (Scope scope = Scope.open();
                KeyValueCache cache = new KeyValueCache(TinyLlama.CONFIG, 8)) {
            append(cache, prefix, 0);
            double[][] first = append(cache, rest, 7);
            cache.truncate(7, 7);
            append(cache, prompt(6, 9), 7);
            cache.truncate(7, 7);
            assertThat(append(cache, rest, 7)).isDeepEqualTo(first);
            assertThatThrownBy(() -> cache.truncate(12, 12)).hasMessageContaining("a cache of 11 tokens");
        }
    }

    @Test
    void positionsMayHaveGaps() {
        int[] prompt = prompt(6, 4);
        long[] positions = {0, 1, 5, 6, 9, 20};
        try (Scope scope = Scope.open();
                KeyValueCache cache = new KeyValueCache(TinyLlama.CONFIG, 6)) {
            Tensor x = llama.network.embed(ids(prompt));
            double[][] expected =
                    rows(llama.network.hidden(x, Tensor.of(positions, 6), AttentionMask.causal(), null, Probe.NONE));
            llama.network.hidden(
                    x.slice(1, 0, 5),
                    Tensor.of(Arrays.copyOf(positions, 5), 5),
                    AttentionMask.causal(),
                    cache,
                    Probe.NONE);
            assertThat(cache.length()).isEqualTo(5);
            assertThat(cache.nextPosition()).isEqualTo(10);
            double[][] last = rows(llama.network.hidden(
                    x.slice(1, 5, 6), LlamaNetwork.positions(20, 1), AttentionMask.causal(), cache, Probe.NONE));
            assertSame(last, expected, 5);
            assertThat(cache.nextPosition()).isEqualTo(21);
        }
    }

    @Test
    void paddingOnEitherSideChangesNothing() {
        int[] prompt = prompt(5, 5);
        try (Scope scope = Scope.open()) {
            double[][] expected = llama.whole(prompt);
            for (int before = 0; before <= 3; before++) {
                int[] padded = new int[8];
                double[] mask = new double[8];
                long[] positions = new long[8];
                Arrays.fill(positions, 1);
                for (int i = 0; i < 5; i++) {
                    padded[before + i] = prompt[i];
                    mask[before + i] = 1;
                    positions[before + i] = i;
                }
                double[][] ours = rows(llama.network.hidden(
                        llama.network.embed(ids(padded)),
                        Tensor.of(positions, 1, 8),
                        AttentionMask.of(true, Tensor.of(DType.U8, mask, 1, 8)),
                        null,
                        Probe.NONE));
                assertSame(Arrays.copyOfRange(ours, before, before + 5), expected, 0);
            }
        }
    }

    /** Prompts of several lengths one behind the other, instead of each padded to the longest. */
    @Test
    void packedPromptsAreWhatTheyArePadded() {
        int[] lengths = {5, 1, 8, 3};
        try (Scope scope = Scope.open()) {
            int[][] padded = new int[4][8];
            double[] mask = new double[4 * 8];
            int[] packed = new int[17];
            long[] positions = new long[17];
            long[] offsets = new long[5];
            for (int b = 0; b < 4; b++) {
                int[] prompt = prompt(lengths[b], 5 + b);
                offsets[b + 1] = offsets[b] + lengths[b];
                for (int i = 0; i < lengths[b]; i++) {
                    padded[b][i] = prompt[i];
                    mask[8 * b + i] = 1;
                    packed[(int) offsets[b] + i] = prompt[i];
                    positions[(int) offsets[b] + i] = i;
                }
            }
            double[][] expected = rows(llama.network.hidden(
                    llama.network.embed(ids(padded)),
                    LlamaNetwork.positions(0, 8),
                    AttentionMask.of(true, Tensor.of(DType.U8, mask, 4, 8)),
                    null,
                    Probe.NONE));
            double[][] ours = rows(llama.network.hidden(
                    llama.network.embed(ids(packed)),
                    Tensor.of(positions, 17),
                    AttentionMask.packed(true, offsets),
                    null,
                    Probe.NONE));
            for (int b = 0; b < 4; b++) {
                int from = (int) offsets[b];
                assertSame(Arrays.copyOfRange(ours, from, from + lengths[b]), expected, 8 * b);
            }
        }
    }

    @Test
    void nothingSeesWhatComesLater() {
        int[] one = prompt(8, 6);
        int[] other = one.clone();
        other[6] = (one[6] + 1) % 40;
        try (Scope scope = Scope.open()) {
            double[][] a = llama.whole(one);
            double[][] b = llama.whole(other);
            assertSame(Arrays.copyOf(a, 6), b, 0);
            assertThat(a[7]).isNotEqualTo(b[7]);
        }
    }

    @Test
    void theProbeSeesEveryBlockAndTheLossOnlyWhatLabelsAskFor() {
        List<String> seen = new ArrayList<>();
        int[] prompt = prompt(5, 7);
        long[] labels = {-100, -100, prompt[2], -100, prompt[4]};
        try (Scope scope = Scope.open()) {
            Tensor hidden = llama.network.hidden(
                    llama.network.embed(ids(prompt)),
                    LlamaNetwork.positions(0, 5),
                    AttentionMask.causal(),
                    null,
                    (name, value) -> seen.add(name));
            assertThat(seen).containsExactly("layer_out.0", "layer_out.1");
            double[] logits = llama.network.logits(hidden).toDoubles();
            double expected = (crossEntropy(logits, 1, prompt[2]) + crossEntropy(logits, 3, prompt[4])) / 2;
            assertThat(llama.network.loss(hidden, Tensor.of(labels, 1, 5)).item())
                    .isCloseTo(expected, ROUNDING);
            Tensor nothing = Tensor.of(new long[] {-100, -100, -100, -100, -100}, 1, 5);
            assertThatThrownBy(() -> llama.network.loss(hidden, nothing)).hasMessageContaining("no label");
        }
    }

    private static double crossEntropy(double[] logits, int row, int target) {
        double[] own = Arrays.copyOfRange(logits, row * 40, (row + 1) * 40);
        return Math.log(Arrays.stream(own).map(Math::exp).sum()) - own[target];
    }

    @Test
    void aCacheBelongsToOneSequence() {
        try (Scope scope = Scope.open();
                KeyValueCache cache = new KeyValueCache(TinyLlama.CONFIG, 4)) {
            Tensor two = llama.network.embed(ids(prompt(3, 1), prompt(3, 2)));
            assertThatThrownBy(() -> llama.network.hidden(
                            two, LlamaNetwork.positions(0, 3), AttentionMask.causal(), cache, Probe.NONE))
                    .hasMessageContaining("one sequence");
            assertThatThrownBy(() -> llama.network.step(two, List.of(cache, cache)))
                    .hasMessageContaining("one token a sequence");
        }
    }
}
