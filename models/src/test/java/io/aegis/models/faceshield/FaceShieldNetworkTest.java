package io.aegis.models.faceshield;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.layers.Pass;
import io.aegis.tensor.Gradients;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class FaceShieldNetworkTest {
    private static final long PICTURE = FaceShieldNetwork.PICTURE;
    private static final long[] QUESTION = {70, 71, 72};
    private static final long[] PROMPT = {256, 65, PICTURE, 10, 70, 71, 72};
    private static final long[] ANSWER = {32, 90, 257};
    private static final Draw DRAW = new Draw(1, 2, 3);

    @TempDir
    Path folder;

    private final Parameters parameters = new Parameters();

    private FaceShieldNetwork network(FaceShieldOptions options) {
        FaceShieldNetwork network = new FaceShieldNetwork(parameters, SmallFaceShield.config(folder, options));
        SmallFaceShield.fill(parameters, DType.F64, 5);
        return network;
    }

    @AfterEach
    void free() {
        parameters.close();
    }

    private static PvtmOptions pvtm(PromptVector prompt, SimilaritySpace space, TokenMasking masking) {
        return new PvtmOptions(
                prompt,
                space,
                TokenRanking.JOINT,
                50,
                50,
                masking,
                MaskingMode.STOCHASTIC,
                MaskingMode.OFF,
                OptionalDouble.of(1));
    }

    private static FaceShieldOptions with(PvtmOptions pvtm) {
        return FaceShieldOptions.DEFAULT.withPvtm(pvtm);
    }

    private static FaceShieldOptions with(Streams streams) {
        FaceShieldOptions d = FaceShieldOptions.DEFAULT;
        return new FaceShieldOptions(d.savp(), streams, d.pvtm(), d.boxes(), d.scoring(), d.prompts());
    }

    private static Tensor pixels() {
        SplittableRandom random = new SplittableRandom(11);
        double[] values = new double[2 * 3 * 32 * 32];
        Arrays.setAll(values, i -> random.nextDouble(-1, 1));
        return Tensor.of(DType.F64, values, 2, 3, 32, 32);
    }

    private static double loss(FaceShieldNetwork n, Tensor features, MaskingMode mode) {
        VisionTokens v = n.vision(features, QUESTION, mode, DRAW);
        return n.loss(n.sequence(PROMPT, v), ANSWER, Pass.EVALUATION, false).item();
    }

    @Test
    void positionsOfMaskedTokensAreLeftOut() {
        FaceShieldNetwork n = network(FaceShieldOptions.DEFAULT);
        try (Scope scope = Scope.open(Backends.scalar())) {
            Tensor z = n.project(n.features(pixels()));
            Sequence s = n.sequence(PROMPT, n.masked(z, KeptTokens.of(1, 6)));
            assertThat(s.positions()).containsExactly(0, 1, 3, 8, 10, 11, 12, 13);
            assertThat(s.next()).isEqualTo(14);
            assertThat(s.prefix()).isEqualTo(4);
            assertThat(s.rows().slice(0, 2, 3).toDoubles())
                    .isEqualTo(z.slice(0, 1, 2).toDoubles());
        }
    }

    @Test
    void aSlotForEachStream() {
        FaceShieldNetwork n = network(with(new Streams(Streams.Joined.TOKENS, Streams.Projectors.OWN, 2)));
        try (Scope scope = Scope.open(Backends.scalar())) {
            Tensor z = n.project(n.features(pixels()));
            KeptTokens some = KeptTokens.of(1, 4, 7);
            Sequence s = n.sequence(new long[] {256, PICTURE, 10, PICTURE, 70}, n.masked(z, some));
            assertThat(s.positions()).containsExactly(0, 2, 5, 6, 9, 10);
            assertThat(s.prefix()).isEqualTo(5);
            assertThatThrownBy(() -> n.sequence(PROMPT, n.masked(z, some)))
                    .hasMessage("the prompt has 1 places for pictures, expected 2");
        }
        assertThat(parameters.get("proj_sav.0.weight").shape()).containsExactly(16, 12);
    }

    @Test
    void streamsJoinedByChannels() {
        FaceShieldNetwork n = network(with(new Streams(Streams.Joined.CHANNELS, Streams.Projectors.SHARED, 1)));
        try (Scope scope = Scope.open(Backends.scalar())) {
            Tensor features = n.features(pixels());
            assertThat(n.project(features).shape()).containsExactly(4, 16);
            assertThat(loss(n, features, MaskingMode.TOPK_ONLY)).isFinite();
        }
        assertThat(parameters.get("proj.0.weight").shape()).containsExactly(16, 24);
    }

    /** What nobody may look at is the same as what is not there. */
    @Test
    void keyMasksEqualRemoval() {
        FaceShieldNetwork n = network(with(pvtm(PromptVector.MEAN, SimilaritySpace.LLM, TokenMasking.KEY_MASK)));
        try (Scope scope = Scope.open(Backends.scalar())) {
            Tensor features = n.features(pixels());
            Tensor z = n.project(features);
            KeptTokens kept =
                    n.rank(features, z, QUESTION, MaskingMode.TOPK_ONLY, DRAW).kept();
            Sequence masked = n.sequence(PROMPT, n.masked(z, kept));
            Sequence removed = n.sequence(PROMPT, n.pvtm().shown(z, kept));
            assertThat(masked.length()).isEqualTo(removed.length() + 4);
            double a = n.loss(masked, ANSWER, Pass.EVALUATION, false).item();
            double b = n.loss(removed, ANSWER, Pass.EVALUATION, false).item();
            assertThat(a).isCloseTo(b, within(1e-12));
            double[] last = n.logits(masked)
                    .slice(0, masked.length() - 1, masked.length())
                    .toDoubles();
            assertThat(n.logits(removed)
                            .slice(0, removed.length() - 1, removed.length())
                            .toDoubles())
                    .containsExactly(last, within(1e-12));
        }
    }

    @ParameterizedTest
    @EnumSource(PromptVector.class)
    void everyPromptVectorRanksInEitherSpace(PromptVector vector) {
        for (SimilaritySpace space : SimilaritySpace.values()) {
            try (Parameters p = new Parameters();
                    Scope scope = Scope.open(Backends.scalar())) {
                FaceShieldConfig config =
                        SmallFaceShield.config(folder, with(pvtm(vector, space, TokenMasking.REMOVE)));
                FaceShieldNetwork n = new FaceShieldNetwork(p, config);
                SmallFaceShield.fill(p, DType.F64, 5);
                Tensor features = n.features(pixels());
                Selection s = n.rank(features, n.project(features), QUESTION, MaskingMode.TOPK_ONLY, DRAW)
                        .selection();
                assertThat(n.prompt(QUESTION).shape())
                        .containsExactly(vector == PromptVector.MAX ? 3 : 1, space == SimilaritySpace.LLM ? 16 : 12);
                assertThat(s.kept()).hasSize(4).isEqualTo(s.top());
                for (double c : s.cosine()) {
                    assertThat(c).isBetween(-1.0, 1.0);
                }
            }
        }
    }

    /** LLaVA's tower has a class token, which is left out, and pictures of its own mean and spread. */
    @Test
    void aTowerWithAClassToken() {
        ObjectNode json = SmallFaceShield.json(FaceShieldOptions.DEFAULT);
        json.put("model_type", "llava_llama");
        ((ObjectNode) json.path("vision_config")).put("model_type", "clip_vision_model");
        FaceShieldConfig config = SmallFaceShield.config(folder, json);
        FaceShieldNetwork n = new FaceShieldNetwork(parameters, config);
        SmallFaceShield.fill(parameters, DType.F64, 5);
        assertThat(config.visionTokens()).isEqualTo(8);
        FacePictures pictures = FacePictures.of(SmallFaceShield.picture(1), config);
        // The bars above and below: CLIP's mean of red, rounded down.
        assertThat(pictures.pixels(config)[0]).isCloseTo((122 / 255f - 0.48145466f) / 0.26862954f, within(1e-6f));
        try (Scope scope = Scope.open(Backends.scalar())) {
            assertThat(n.features(pixels()).shape()).containsExactly(2, 4, 12);
            assertThat(loss(n, n.features(pixels()), MaskingMode.TOPK_ONLY)).isFinite();
        }
    }

    @Test
    void withoutAQuestionNothingIsMasked() {
        FaceShieldNetwork n = network(FaceShieldOptions.DEFAULT);
        try (Scope scope = Scope.open(Backends.scalar())) {
            Tensor features = n.features(pixels());
            assertThat(n.vision(features, new long[0], MaskingMode.TOPK_ONLY, DRAW)
                            .places())
                    .hasSize(8);
            Selection s = n.rank(features, n.project(features), new long[0], MaskingMode.TOPK_ONLY, DRAW)
                    .selection();
            assertThat(s.kept()).hasSize(8);
            assertThat(s.top()).containsExactly(0, 1, 2, 3);
            assertThat(s.cosine()).containsOnly(0);
            assertThat(s.importance()).containsOnly(0.125);
        }
    }

    /** Through projector, masking, splice and language model; checkpointed or not. */
    @ParameterizedTest
    @EnumSource(
            value = TokenMasking.class,
            names = {"REMOVE", "MASK_TOKEN"})
    void gradientsOfTheLoss(TokenMasking masking) {
        FaceShieldNetwork n = network(with(pvtm(PromptVector.MEAN, SimilaritySpace.LLM, masking)));
        try (Scope scope = Scope.open(Backends.scalar())) {
            Tensor features = n.features(pixels());
            List<Parameter> checked = parameters.all().stream()
                    .filter(p -> p.name().startsWith("proj") || p.name().startsWith("pvtm"))
                    .toList();
            try (Tape tape = Tape.record()) {
                VisionTokens v = n.vision(features, QUESTION, MaskingMode.TOPK_ONLY, DRAW);
                Tensor loss = n.loss(n.sequence(PROMPT, v), ANSWER, Pass.EVALUATION, true);
                try (Gradients g = tape.gradients(
                        loss, checked.stream().map(Parameter::tensor).toList())) {
                    for (Parameter p : checked) {
                        compare(n, features, p, g.of(p.tensor()).toDoubles());
                    }
                }
            }
        }
    }

    private static void compare(FaceShieldNetwork n, Tensor features, Parameter p, double[] got) {
        double h = 1e-5;
        View v = p.view();
        for (int i = 0; i < got.length; i += Math.max(1, got.length / 7)) {
            double before = v.getAt(i);
            double[] losses = new double[2];
            v.setAt(i, before + h);
            Tape.withoutRecording(() -> losses[0] = loss(n, features, MaskingMode.TOPK_ONLY));
            v.setAt(i, before - h);
            Tape.withoutRecording(() -> losses[1] = loss(n, features, MaskingMode.TOPK_ONLY));
            v.setAt(i, before);
            assertThat(got[i]).as(p + " " + i).isCloseTo((losses[0] - losses[1]) / (2 * h), within(1e-7));
        }
        assertThat(Arrays.stream(got).map(Math::abs).max().orElse(0)).isGreaterThan(1e-5);
    }

    @Test
    void aLossIsTheMeanOverTheAnswersTokens() {
        FaceShieldNetwork n = network(FaceShieldOptions.DEFAULT);
        try (Scope scope = Scope.open(Backends.scalar())) {
            Tensor features = n.features(pixels());
            Tensor z = n.project(features);
            VisionTokens tokens = n.masked(z, KeptTokens.all(8));
            double expected = 0;
            for (int i = 0; i < ANSWER.length; i++) {
                long[] said = Arrays.copyOf(PROMPT, PROMPT.length + i);
                System.arraycopy(ANSWER, 0, said, PROMPT.length, i);
                Sequence s = n.sequence(said, tokens);
                double[] logits =
                        n.logits(s).slice(0, s.length() - 1, s.length()).toDoubles();
                double sum = Arrays.stream(logits).map(Math::exp).sum();
                expected += (Math.log(sum) - logits[(int) ANSWER[i]]) / ANSWER.length;
            }
            assertThat(n.loss(n.sequence(PROMPT, tokens), ANSWER, Pass.EVALUATION, false)
                            .item())
                    .isCloseTo(expected, within(1e-12));
        }
    }
}
