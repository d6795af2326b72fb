package io.aegis.models.faceshield;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.image.Image;
import io.aegis.models.DecisionThreshold;
import io.aegis.models.llama.CacheFullException;
import io.aegis.models.llama.Generation;
import io.aegis.models.llama.GenerationOptions;
import io.aegis.tensor.Pool;
import io.aegis.weights.WeightsException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FaceShieldTest {
    private static final String QUESTION = "What Attack Type of the face in the image ?";

    @TempDir
    Path folder;

    private FaceShield shield;
    private GenerationOptions options;
    private long before;

    @BeforeEach
    void load() {
        before = Pool.host().liveBlocks();
        SmallFaceShield.write(folder, FaceShieldOptions.DEFAULT, Map.of());
        shield = FaceShield.load(folder);
        options = shield.generation().withMaxNewTokens(6);
    }

    @AfterEach
    void nothingIsLeftBehind() {
        shield.close();
        assertThat(Pool.host().liveBlocks() - before)
                .as("blocks not given back")
                .isZero();
    }

    private Reply ask(Image picture, String question) {
        try (Examination e = shield.examine(picture)) {
            return e.ask(question, options, text -> {}, () -> false);
        }
    }

    private static void assertSame(Reply reply, Reply expected) {
        assertThat(reply.generation().tokens()).isEqualTo(expected.generation().tokens());
        assertThat(reply.generation().logProbabilities())
                .isEqualTo(expected.generation().logProbabilities());
        assertThat(reply.text()).isEqualTo(expected.text());
    }

    @Test
    void questionsThatShareAPictureGetTheBitsOfQuestionsAlone() {
        Image picture = SmallFaceShield.picture(1);
        try (Examination e = shield.examine(picture)) {
            Reply first = e.ask("a ?", options, text -> {}, () -> false);
            ForcedScores scores = e.score();
            Reply second = e.ask(QUESTION, options, text -> {}, () -> false);
            assertSame(first, ask(picture, "a ?"));
            assertSame(second, ask(picture, QUESTION));
            assertSame(e.ask("a ?", options, text -> {}, () -> false), first);
            assertThat(scores).isEqualTo(shield.score(picture));
            assertThat(second.timings().prefilled()).isLessThan(first.timings().prefilled());
        }
    }

    @Test
    void theTextInFrontOfPicturesIsReadOnce() {
        Reply first = ask(SmallFaceShield.picture(1), QUESTION);
        Reply second = ask(SmallFaceShield.picture(2), QUESTION);
        int text = shield.prompts().prompt(QUESTION).length;
        long before = first.timings().prefilled() - second.timings().prefilled();
        assertThat(before).as("tokens in front of the picture").isBetween(1L, (long) text);
        assertSame(ask(SmallFaceShield.picture(1), QUESTION), first);
        // A model that reads it for the second picture gets the same.
        try (FaceShield other = FaceShield.load(folder);
                Examination e = other.examine(SmallFaceShield.picture(2))) {
            Reply alone = e.ask(QUESTION, options, t -> {}, () -> false);
            assertSame(second, alone);
            assertThat(alone.timings().prefilled()).isEqualTo(first.timings().prefilled());
        }
    }

    @Test
    void aCancelledReadingOfThatTextIsReadAgain() {
        try (Examination e = shield.examine(SmallFaceShield.picture(1))) {
            assertThat(e.ask(QUESTION, options, t -> {}, () -> true)
                            .generation()
                            .isCancelled())
                    .isTrue();
            Reply reply = e.ask(QUESTION, options, t -> {}, () -> false);
            shield.close();
            shield = FaceShield.load(folder);
            assertSame(ask(SmallFaceShield.picture(1), QUESTION), reply);
        }
    }

    @Test
    void picturesInABatchGetTheBitsOfPicturesAlone() {
        List<Image> pictures =
                IntStream.range(0, 5).mapToObj(SmallFaceShield::picture).toList();
        List<Reply> together = shield.ask(pictures, QUESTION, options);
        assertThat(together).hasSize(5);
        for (int i = 0; i < 5; i++) {
            assertSame(together.get(i), ask(pictures.get(i), QUESTION));
        }
    }

    /** Whether the picture has been read for a question alone or not: its prefix is copied into pages, or read into them. */
    @Test
    void questionsAboutAPictureThatAreAskedAtOnceGetTheBitsOfQuestionsAlone() {
        List<String> questions =
                List.of("a ?", QUESTION, "what is it ? ".repeat(9).strip(), "why ?", "a ?");
        List<Reply> alone =
                questions.stream().map(q -> ask(SmallFaceShield.picture(1), q)).toList();
        for (int together : new int[] {1, 2, 3, 9}) {
            for (boolean before : new boolean[] {false, true}) {
                try (Examination e = shield.examine(SmallFaceShield.picture(1))) {
                    if (before) {
                        e.score();
                    }
                    List<String> heard = new ArrayList<>();
                    List<Reply> replies = e.ask(questions, options, together, listener(heard), () -> false);
                    assertThat(replies).hasSize(5);
                    for (int i = 0; i < 5; i++) {
                        assertSame(replies.get(i), alone.get(i));
                        assertThat(heard.get(i))
                                .isEqualTo(i + ": " + alone.get(i).text() + " .");
                    }
                    assertThat(replies.get(1).timings().prefilled())
                            .as("the picture is read once")
                            .isLessThan(alone.get(1).timings().prefilled());
                    assertSame(e.ask(QUESTION, options, text -> {}, () -> false), alone.get(1));
                }
            }
        }
    }

    /** Writes down what it hears, an answer a line. */
    private static AnswersListener listener(List<String> heard) {
        return new AnswersListener() {
            @Override
            public void asks(int question) {
                heard.add(question + ": ");
            }

            @Override
            public void says(int question, String text) {
                heard.set(question, heard.get(question) + text);
            }

            @Override
            public void ends(int question) {
                assertThat(heard).hasSize(question + 1);
                heard.set(question, heard.get(question).stripTrailing() + " .");
            }
        };
    }

    @Test
    void inquiriesAboutSeveralPicturesGetWhatTheyGetAlone() {
        List<String> questions = List.of("a ?", QUESTION, "why ?");
        List<Object> expected = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            for (String question : questions) {
                expected.add(
                        ask(SmallFaceShield.picture(i), question).generation().logProbabilities());
            }
            expected.add(shield.score(SmallFaceShield.picture(i)));
        }
        List<Examination> pictures = IntStream.range(0, 3)
                .mapToObj(i -> shield.examine(SmallFaceShield.picture(i)))
                .toList();
        for (int most : new int[] {1, 3, 12}) {
            Object[] got = new Object[12];
            List<Inquiry> inquiries = new ArrayList<>();
            for (int i = 0; i < 12; i++) {
                int place = i;
                Examination about = pictures.get(i / 4);
                inquiries.add(
                        i % 4 == 3
                                ? new Inquiry.Score(about, score -> got[place] = score)
                                : new Inquiry.Question(about, questions.get(i % 4), options, t -> {}, reply -> {
                                    got[place] = reply.generation().logProbabilities();
                                }));
            }
            shield.answer(inquiries.iterator(), most, shield.pages(questions, options, most), () -> false);
            for (int i = 0; i < 12; i++) {
                assertThat(got[i])
                        .as("inquiry %d of at most %d at once", i, most)
                        .isEqualTo(expected.get(i));
            }
        }
        assertThatThrownBy(() -> shield.answer(
                        List.of(new Inquiry.Question(pictures.getFirst(), QUESTION, options, t -> {}, r -> {}))
                                .iterator(),
                        1,
                        1,
                        () -> false))
                .isInstanceOf(CacheFullException.class)
                .hasMessageContaining("1 are free");
        pictures.forEach(Examination::close);
    }

    /** As asked one after the other: what is said in which order, and what comes of it. */
    @Test
    void anAnalysisOfSeveralQuestionsAtOnceIsThatOfOneAfterTheOther() {
        List<List<String>> heard = new ArrayList<>();
        List<Verdict> verdicts = new ArrayList<>();
        shield.score(SmallFaceShield.picture(3)); // the text in front of pictures is read once, for this one
        for (int together : new int[] {1, 4}) {
            List<String> events = new ArrayList<>();
            AnswerListener listener = new AnswerListener() {
                @Override
                public void asks(FaceTask task, String question) {
                    events.add("asks " + task + question);
                }

                @Override
                public void ends(FaceTask task) {
                    events.add("ends " + task);
                }
            };
            try (Examination e = shield.examine(SmallFaceShield.picture(2))) {
                verdicts.add(
                        shield.analyze(e, EnumSet.allOf(FaceTask.class), options, together, listener, () -> false));
            }
            heard.add(events);
        }
        assertThat(heard.get(1)).isEqualTo(heard.get(0)).hasSizeGreaterThanOrEqualTo(6);
        assertThat(verdicts.get(1).answers()).isEqualTo(verdicts.get(0).answers());
        assertThat(verdicts.get(1).score()).isEqualTo(verdicts.get(0).score());
        assertThat(verdicts.get(1).timings().decoded())
                .isEqualTo(verdicts.get(0).timings().decoded());
        assertThat(verdicts.get(1).timings().prefilled())
                .isEqualTo(verdicts.get(0).timings().prefilled());
    }

    @Test
    void answersThatAreMadeAtOnceMayBeCancelled() {
        List<String> questions = List.of("a ?", QUESTION, "why ?");
        AtomicInteger heard = new AtomicInteger();
        AnswersListener counting = new AnswersListener() {
            @Override
            public void says(int question, String text) {
                heard.incrementAndGet();
            }
        };
        try (Examination e = shield.examine(SmallFaceShield.picture(5))) {
            List<Reply> replies = e.ask(questions, options, 2, counting, () -> heard.get() >= 2);
            assertThat(replies)
                    .allSatisfy(r -> assertThat(r.generation().isCancelled()).isTrue());
            assertThat(replies.get(0).generation().tokens()).isNotEmpty();
            assertThat(replies.get(2).generation().tokens()).isEmpty();
            assertThatThrownBy(() -> shield.analyze(
                            e, EnumSet.of(FaceTask.FINE, FaceTask.REASON), options, 4, AnswerListener.NONE, () -> true))
                    .isInstanceOf(CancellationException.class);
            AnswersListener closing = new AnswersListener() {
                @Override
                public void says(int question, String text) {
                    shield.close();
                }
            };
            assertThatThrownBy(() -> e.ask(questions, options, 3, closing, () -> false))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage(folder + ": this model was closed");
        }
    }

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
    void anAnswerMayBeCancelled() {
        Reply whole = ask(SmallFaceShield.picture(5), QUESTION);
        AtomicInteger tokens = new AtomicInteger();
        try (Examination e = shield.examine(SmallFaceShield.picture(5))) {
            Reply part = e.ask(QUESTION, options, text -> tokens.incrementAndGet(), () -> tokens.get() >= 1);
            assertThat(part.generation().isCancelled()).isTrue();
            assertThat(part.generation().tokens().length).isBetween(1, 5);
            assertThat(whole.text()).startsWith(part.text());
            assertThat(e.ask(QUESTION, options, text -> {}, () -> true)
                            .generation()
                            .ending())
                    .isEqualTo(Generation.Ending.CANCELLED);
            assertSame(e.ask(QUESTION, options, text -> {}, () -> false), whole);
            assertThatThrownBy(() ->
                            shield.analyze(e, EnumSet.of(FaceTask.FINE), options, AnswerListener.NONE, () -> true))
                    .isInstanceOf(CancellationException.class);
        }
    }

    @Test
    void closingEndsAnswersCleanly() throws Exception {
        CountDownLatch talking = new CountDownLatch(3);
        try (ExecutorService threads = Executors.newFixedThreadPool(3)) {
            List<Future<String>> ends = IntStream.range(0, 3)
                    .mapToObj(t -> threads.submit(() -> {
                        try {
                            while (true) {
                                shield.ask(SmallFaceShield.picture(t), QUESTION, text -> talking.countDown());
                            }
                        } catch (IllegalStateException e) {
                            return e.getMessage();
                        }
                    }))
                    .toList();
            talking.await();
            shield.close();
            for (Future<String> end : ends) {
                assertThat(end.get()).isEqualTo(folder + ": this model was closed");
            }
        }
        assertThatThrownBy(() -> shield.analyze(SmallFaceShield.picture(1)))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage(folder + ": this model was closed");
    }

    @Test
    void whoListensMayClose() {
        try (Examination e = shield.examine(SmallFaceShield.picture(6))) {
            assertThatThrownBy(() -> e.ask(QUESTION, options, text -> shield.close(), () -> false))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage(folder + ": this model was closed");
            assertThatThrownBy(e::score).isInstanceOf(IllegalStateException.class);
        }
    }

    @Test
    void aClosedExaminationAnswersNoMore() {
        Examination e = shield.examine(SmallFaceShield.picture(6));
        e.close();
        assertThatThrownBy(() -> e.ask(QUESTION)).hasMessage("this examination was closed");
        assertThatThrownBy(() -> e.select(QUESTION)).hasMessage("this examination was closed");
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
}
