package io.aegis.models.faceshield;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.models.DecisionThreshold;
import io.aegis.weights.WeightsException;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

/** What a model says of a picture, by its options and its weights; and what it refuses. */
class FaceShieldTest extends LoadedFaceShield {
    @Test
    void anAnalysisAsksWhatItShould() {
        StringBuilder heard = new StringBuilder();
        AnswerListener listener = new AnswerListener() {
            @Override
            public void says(FaceTask task, String text) {
                if (task == FaceTask.FINE) {
                    heard.append(text);
                }
            }
        };
        try (Examination e = shield.examine(SmallFaceShield.picture(2))) {
            Verdict v = shield.analyze(e, EnumSet.allOf(FaceTask.class), options, listener, () -> false);
            assertThat(v.probability()).isCloseTo(1 / (1 + Math.exp(-v.score())), within(1e-15));
            assertThat(v.basis()).isEqualTo(Verdict.Basis.SCORE);
            assertThat(v.bonaFide()).isEqualTo(v.score() >= 0);
            assertThat(v.tasks())
                    .containsExactlyElementsOf(
                            v.bonaFide()
                                    ? EnumSet.of(FaceTask.COARSE, FaceTask.FINE, FaceTask.REASON)
                                    : EnumSet.allOf(FaceTask.class));
            assertThat(heard.toString().strip()).isEqualTo(v.answers().get(FaceTask.FINE));
            assertThat(v.selections().get(FaceTask.COARSE).kept()).hasSize(8);
            Verdict located = shield.analyze(e, EnumSet.of(FaceTask.LOCATE), options, listener, () -> false);
            assertThat(located.tasks()).containsExactly(FaceTask.LOCATE);
            assertThat(located.score()).isEqualTo(v.score());
        }
    }

    @Test
    void theThresholdOfTheWeightsDecides() {
        double score = shield.score(SmallFaceShield.picture(3)).score();
        shield.close();
        for (double threshold : new double[] {score, Math.nextUp(score)}) {
            DecisionThreshold stored = new DecisionThreshold(threshold, "chosen by the test");
            SmallFaceShield.write(folder, FaceShieldOptions.DEFAULT, stored.metadata());
            try (FaceShield judge = FaceShield.load(folder)) {
                Verdict v = judge.analyze(
                        SmallFaceShield.picture(3), EnumSet.noneOf(FaceTask.class), AnswerListener.NONE, () -> false);
                assertThat(v.basis()).isEqualTo(Verdict.Basis.THRESHOLD);
                assertThat(v.bonaFide()).isEqualTo(threshold == score);
                assertThat(judge.threshold()).contains(stored);
            }
        }
    }

    @Test
    void theBestTokensOnly() {
        shield.close();
        shield = FaceShield.load(folder, o -> o.withPvtm(o.pvtm().withInference(MaskingMode.TOPK_ONLY)));
        Reply reply = ask(SmallFaceShield.picture(4), QUESTION);
        assertThat(reply.selection().kept()).hasSize(4);
        assertThat(reply.selection().keptShare(0) + reply.selection().keptShare(1))
                .isEqualTo(1);
        try (Examination e = shield.examine(SmallFaceShield.picture(4))) {
            Reply other = e.ask("a ?", options, text -> {}, () -> false);
            assertThat(other.selection().kept()).isNotEqualTo(reply.selection().kept());
            assertSame(e.ask(QUESTION, options, text -> {}, () -> false), reply);
            // Questions that rest on other tokens of the picture share nothing.
            List<Reply> both = e.ask(List.of("a ?", QUESTION), options, 2, AnswersListener.NONE, () -> false);
            assertSame(both.get(0), other);
            assertSame(both.get(1), reply);
        }
    }

    @Test
    void learnedMapsBelongToTheWeights() {
        shield.close();
        PvtmOptions learned = new PvtmOptions(
                PromptVector.MEAN,
                SimilaritySpace.TOWER,
                TokenRanking.JOINT,
                50,
                50,
                TokenMasking.MASK_TOKEN,
                MaskingMode.STOCHASTIC,
                MaskingMode.STOCHASTIC,
                OptionalDouble.of(1));
        SmallFaceShield.write(
                folder.resolve("config.json"), SmallFaceShield.json(FaceShieldOptions.DEFAULT.withPvtm(learned)));
        assertThatThrownBy(() -> FaceShield.load(folder))
                .isInstanceOf(WeightsException.class)
                .hasMessageContaining("missing tensor model.pvtm.text.weight[12, 16]")
                .hasMessageContaining("missing tensor model.pvtm.mask_token[16]");
        SmallFaceShield.write(folder, FaceShieldOptions.DEFAULT.withPvtm(learned), Map.of());
        shield = FaceShield.load(folder);
        Reply reply = ask(SmallFaceShield.picture(8), QUESTION);
        assertThat(reply.selection().kept().length).isBetween(4, 8);
        assertSame(ask(SmallFaceShield.picture(8), QUESTION), reply);
    }

    @Test
    void scoresByTheFirstDifferenceAreThoseOfOneToken() {
        shield.close();
        FaceShieldOptions d = FaceShieldOptions.DEFAULT;
        FaceShieldOptions first = new FaceShieldOptions(
                d.savp(), d.streams(), d.pvtm(), d.boxes(), Scoring.FIRST_DIFFERENCE, d.prompts());
        shield = FaceShield.load(folder, o -> first);
        ForcedScores scores = shield.score(SmallFaceShield.picture(9));
        // " The face in the image is a " is common to both; "real" and "spoof" are four and five bytes.
        assertThat(scores.score()).isNotCloseTo(scores.real() - scores.spoof(), within(1e-3));
        assertThat(scores.probability()).isCloseTo(1 / (1 + Math.exp(-scores.score())), within(1e-15));
    }

    @Test
    void aPromptLongerThanTheContextIsRefused() {
        String question = "why ? ".repeat(60).strip();
        long length = shield.prompts().prompt(question).length - 1 + 8;
        assertThatThrownBy(() -> shield.ask(SmallFaceShield.picture(1), question, text -> {}))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("the prompt has " + length + " tokens, 8 of them the picture's, more than the model's 400");
    }

    @Test
    void aTokenizerOfAnotherModelIsRefused() {
        ObjectNode tokenizer = SmallFaceShield.tokenizer();
        ((ObjectNode) tokenizer.path("model").path("vocab")).put("extra", 256);
        tokenizer.path("added_tokens").forEach(t -> ((ObjectNode) t)
                .put("id", t.path("id").asInt() + 1));
        refuse(
                tokenizer,
                "the tokenizer does not belong to the model: it has 259 tokens, the model's embedding 258 rows");
        ObjectNode json = SmallFaceShield.json(FaceShieldOptions.DEFAULT);
        SmallFaceShield.write(folder.resolve("config.json"), json.put("eos_token_id", 66));
        refuse(
                SmallFaceShield.tokenizer(),
                "eos_token_id 66 does not belong to the tokenizer, where it is the text 'B'");
        SmallFaceShield.write(
                folder.resolve("config.json"), json.put("eos_token_id", 257).put("bos_token_id", 257));
        refuse(
                SmallFaceShield.tokenizer(),
                "bos_token_id 257 does not belong to the tokenizer, whose texts begin with 256");
    }

    private void refuse(ObjectNode tokenizer, String message) {
        SmallFaceShield.write(folder.resolve("tokenizer.json"), tokenizer);
        assertThatThrownBy(() -> FaceShield.load(folder))
                .isInstanceOf(WeightsException.class)
                .hasMessageContaining(message);
    }
}
