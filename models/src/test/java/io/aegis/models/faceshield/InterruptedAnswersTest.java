package io.aegis.models.faceshield;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.models.llama.Generation;
import java.util.EnumSet;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Answers that are cancelled, or whose model is closed meanwhile. */
class InterruptedAnswersTest extends LoadedFaceShield {
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
}
