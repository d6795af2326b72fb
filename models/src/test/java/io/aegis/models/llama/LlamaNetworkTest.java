package io.aegis.models.llama;

import static io.aegis.models.llama.TinyLlama.ids;
import static io.aegis.models.llama.TinyLlama.prompt;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.layers.Pass;
import io.aegis.layers.Probe;
import io.aegis.models.lora.Adapter;
import io.aegis.models.lora.LoraConfig;
import io.aegis.tensor.AttentionMask;
import io.aegis.tensor.GradientCheck;
import io.aegis.tensor.Gradients;
import io.aegis.tensor.Pool;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
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

    /** Hidden states of all tokens of one prompt, without a cache. */
    private double[][] whole(int[] prompt) {
        Tensor x = llama.network.embed(ids(prompt));
        return rows(llama.network.hidden(
                x, LlamaNetwork.positions(0, prompt.length), AttentionMask.causal(), null, Probe.NONE));
    }

    private static double[][] rows(Tensor hidden) {
        double[] flat = hidden.toDoubles();
        int d = (int) hidden.size(-1);
        double[][] out = new double[flat.length / d][];
        Arrays.setAll(out, i -> Arrays.copyOfRange(flat, i * d, (i + 1) * d));
        return out;
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
            double[][] expected = whole(prompt);
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
            double[][] expected = whole(prompt);
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

    @Test
    void nothingSeesWhatComesLater() {
        int[] one = prompt(8, 6);
        int[] other = one.clone();
        other[6] = (one[6] + 1) % 40;
        try (Scope scope = Scope.open()) {
            double[][] a = whole(one);
            double[][] b = whole(other);
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
    void aTiedModelReadsItsEmbeddingTwice() {
        LlamaConfig c = TinyLlama.CONFIG;
        LlamaConfig tied = new LlamaConfig(
                c.vocabulary(),
                c.hidden(),
                c.intermediate(),
                c.layers(),
                c.heads(),
                c.keyHeads(),
                c.headSize(),
                c.eps(),
                c.theta(),
                c.scaling(),
                true,
                c.context());
        try (TinyLlama own = new TinyLlama(tied, DType.F32, false);
                Scope scope = Scope.open();
                Tape tape = Tape.record()) {
            assertThat(own.parameters.get("lm_head.weight")).isNull();
            int[] prompt = prompt(4, 8);
            Tensor hidden = own.network.hidden(
                    own.network.embed(ids(prompt)),
                    LlamaNetwork.positions(0, 4),
                    AttentionMask.causal(),
                    Pass.EVALUATION,
                    false);
            long[] labels = {-100, 39, 39, 39};
            Tensor table = own.parameters.get("embed_tokens.weight").tensor();
            try (Gradients g = tape.gradients(own.network.loss(hidden, Tensor.of(labels, 1, 4)), List.of(table))) {
                // Token 39 is in no prompt: its row learns as an output only.
                double[] row = Arrays.copyOfRange(g.of(table).toDoubles(), 39 * 24, 40 * 24);
                assertThat(Arrays.stream(row).map(Math::abs).sum()).isPositive();
            }
        }
    }

    @Test
    void gradientsAreThoseOfFiniteDifferences() {
        LlamaConfig small = new LlamaConfig(11, 8, 12, 2, 2, 1, 4, 1e-5, 100, RopeScaling.NONE, false, 16);
        try (TinyLlama own = new TinyLlama(small, DType.F64, true);
                Scope scope = Scope.open(Backends.scalar())) {
            Tensor x = Tensor.of(DType.F64, noise(2 * 3 * 8), 2, 3, 8);
            Tensor mask = Tensor.of(DType.U8, new double[] {1, 1, 1, 0, 1, 1}, 2, 3);
            GradientCheck.check(
                    "llama",
                    in -> own.network.hidden(
                            in.getFirst(),
                            Tensor.of(new long[] {0, 1, 2, 0, 0, 1}, 2, 3),
                            AttentionMask.of(true, mask),
                            Pass.EVALUATION,
                            false),
                    x);
        }
    }

    private static double[] noise(int n) {
        double[] out = new double[n];
        Arrays.setAll(out, i -> Math.sin(3.7 * i + 1));
        return out;
    }

    @Test
    void blocksThatAreComputedAgainGiveTheSameGradients() {
        try (TinyLlama own = new TinyLlama(TinyLlama.CONFIG, DType.F32, false)) {
            double[][] kept = gradients(own, false);
            assertThat(gradients(own, true)).isDeepEqualTo(kept);
        }
    }

    private static double[][] gradients(TinyLlama own, boolean checkpointed) {
        int[] prompt = prompt(6, 9);
        try (Scope scope = Scope.open();
                Tape tape = Tape.record()) {
            Tensor hidden = own.network.hidden(
                    own.network.embed(ids(prompt)),
                    LlamaNetwork.positions(0, 6),
                    AttentionMask.causal(),
                    Pass.EVALUATION,
                    checkpointed);
            Tensor loss = own.network.loss(hidden, ids(prompt));
            List<Tensor> leaves = new ArrayList<>();
            own.parameters.trainable().forEach(p -> leaves.add(p.tensor()));
            try (Gradients g = tape.gradients(loss, leaves)) {
                return leaves.stream().map(l -> g.of(l).toDoubles()).toArray(double[][]::new);
            }
        }
    }

    @Test
    void newAdaptersAddNothingAndLearnWhileTheBaseStays() {
        int[] prompt = prompt(6, 10);
        try (Parameters adapter = new Parameters();
                Scope scope = Scope.open();
                Tape tape = Tape.record()) {
            double[][] expected = whole(prompt);
            Adapter.fresh(llama.network, LoraConfig.of(3, 6, 0.5), adapter);
            adapter.initialize(DType.F32, 1);
            assertThat(adapter.all()).hasSize(2 * 7 * 2);
            assertThat(whole(prompt)).isDeepEqualTo(expected);

            Tensor x = Tensor.wrap(
                    Tensor.copyOf(llama.network.embed(ids(prompt)).view(), DType.F32)
                            .view(),
                    true);
            Pass pass = new Pass(false, false, true, 3, 0, Tensor.of(new long[] {17}, 1));
            Tensor loss = llama.network.loss(
                    llama.network.hidden(x, LlamaNetwork.positions(0, 6), AttentionMask.causal(), pass, true),
                    ids(prompt));
            List<Tensor> leaves = new ArrayList<>(List.of(x));
            adapter.trainable().forEach(p -> leaves.add(p.tensor()));
            assertThat(llama.parameters.trainable()).isEmpty();
            try (Gradients g = tape.gradients(loss, leaves)) {
                assertThat(g.of(x)).isNotNull();
                for (Parameter p : adapter.all()) {
                    double sum = Arrays.stream(g.of(p.tensor()).toDoubles())
                            .map(Math::abs)
                            .sum();
                    // With B at zero nothing reaches A yet.
                    assertThat(sum > 0).as(p.name()).isEqualTo(p.name().endsWith("lora_B.weight"));
                }
            }
        }
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
