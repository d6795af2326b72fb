package io.aegis.models.llama;

import static io.aegis.models.llama.TinyLlama.ids;
import static io.aegis.models.llama.TinyLlama.prompt;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.layers.Pass;
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
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class LlamaGradientTest {
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

    /** The gradients of all weights, of prompts one behind the other and of the same ones padded. */
    @Test
    void packedPromptsTeachWhatPaddedOnesDo() {
        int[][] prompts = {prompt(6, 9), prompt(2, 4), prompt(4, 1)};
        int[] packed = new int[12];
        long[] positions = new long[12];
        long[] labels = new long[12];
        int[][] padded = new int[3][6];
        double[] mask = new double[3 * 6];
        long[] paddedLabels = new long[3 * 6];
        Arrays.fill(paddedLabels, LlamaNetwork.IGNORED);
        int at = 0;
        for (int b = 0; b < 3; b++) {
            for (int i = 0; i < prompts[b].length; i++, at++) {
                packed[at] = padded[b][i] = prompts[b][i];
                positions[at] = i;
                // The first token of a prompt is behind none of its own.
                labels[at] = i == 0 ? LlamaNetwork.IGNORED : prompts[b][i];
                paddedLabels[6 * b + i] = prompts[b][i];
                mask[6 * b + i] = 1;
            }
        }
        try (TinyLlama own = new TinyLlama(TinyLlama.CONFIG, DType.F32, false);
                Scope scope = Scope.open()) {
            double[][] ours = gradients(
                    own,
                    ids(packed),
                    Tensor.of(positions, 12),
                    AttentionMask.packed(true, 0, 6, 8, 12),
                    Tensor.of(labels, 1, 12));
            double[][] expected = gradients(
                    own,
                    ids(padded),
                    LlamaNetwork.positions(0, 6),
                    AttentionMask.of(true, Tensor.of(DType.U8, mask, 3, 6)),
                    Tensor.of(paddedLabels, 3, 6));
            for (int i = 0; i < expected.length; i++) {
                double largest = Arrays.stream(expected[i]).map(Math::abs).max().orElse(0);
                assertThat(largest).isPositive();
                assertThat(ours[i]).as("weight %d", i).containsExactly(expected[i], within(1e-4 * largest));
            }
        }
    }

    private static double[][] gradients(
            TinyLlama own, Tensor ids, Tensor positions, AttentionMask mask, Tensor labels) {
        try (Tape tape = Tape.record()) {
            Tensor hidden = own.network.hidden(own.network.embed(ids), positions, mask, Pass.EVALUATION, true);
            List<Tensor> leaves = new ArrayList<>();
            own.parameters.trainable().forEach(p -> leaves.add(p.tensor()));
            try (Gradients g = tape.gradients(own.network.loss(hidden, labels), leaves)) {
                return leaves.stream().map(l -> g.of(l).toDoubles()).toArray(double[][]::new);
            }
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
            double[][] expected = llama.whole(prompt);
            Adapter.fresh(llama.network, LoraConfig.of(3, 6, 0.5), adapter);
            adapter.initialize(DType.F32, 1);
            assertThat(adapter.all()).hasSize(2 * 7 * 2);
            assertThat(llama.whole(prompt)).isDeepEqualTo(expected);

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
}
