package io.aegis.models.faceshield;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.image.Image;
import io.aegis.models.llama.CacheFullException;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What is read once, of a picture or of the text in front of it, serves several questions, and each gets the bits of one asked alone. */
class SharedReadingTest extends LoadedFaceShield {
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
}
