package io.aegis.models.llama;

import static io.aegis.models.llama.TinyLlama.ids;
import static io.aegis.models.llama.TinyLlama.prompt;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.kernels.DType;
import io.aegis.models.llama.Generation.Ending;
import io.aegis.tensor.Pool;
import io.aegis.tensor.Scope;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ContinuousBatchTest {
    private static final LlamaConfig CONFIG =
            new LlamaConfig(40, 24, 36, 2, 6, 2, 4, 1e-5, 10000, RopeScaling.NONE, false, 512);
    private static final BooleanSupplier NEVER = () -> false;
    /** A picture, so to say, that several questions are about. */
    private static final int[] COMMON = prompt(70, 1);

    private final List<String> events = new ArrayList<>();
    private TinyLlama llama;
    private Generator generator;
    private PagePool pool;
    private PagedCache common;
    private long before;

    @BeforeEach
    void open() {
        before = Pool.host().liveBlocks();
        llama = new TinyLlama(CONFIG, DType.F32, true);
        generator = new Generator(
                llama.network,
                () -> new TextStream() {
                    @Override
                    public String next(int id) {
                        return "h" + id + " ";
                    }

                    @Override
                    public String finish() {
                        return "";
                    }
                },
                DType.F32);
        open(40);
    }

    /** A pool with the common beginning in it. */
    private void open(int pages) {
        pool = new PagePool(CONFIG, pages, DType.F32);
        common = new PagedCache(pool);
        read(common, COMMON, NEVER);
    }

    @AfterEach
    void everyPageWasGivenBack() {
        close();
        llama.close();
        assertThat(Pool.host().liveBlocks()).isEqualTo(before);
    }

    private void close() {
        common.close();
        assertThat(pool.freePages()).as("free pages").isEqualTo(pool.pages());
        pool.close();
    }

    private double[] read(SequenceCache cache, int[] tokens, BooleanSupplier cancelled) {
        try (Scope scope = Scope.open()) {
            return generator.readLast(
                    llama.network.embed(ids(tokens)),
                    LlamaNetwork.positions(cache.nextPosition(), tokens.length),
                    cache,
                    cancelled);
        }
    }

    /** One question, about what is common or about nothing. */
    private class Question implements Turn {
        private final String name;
        private final boolean shares;
        private final int[] rest;
        private final GenerationOptions options;
        private final Consumer<Piece> listener;
        private Generation answer;
        private int answers;

        Question(String name, boolean shares, int[] rest, GenerationOptions options, Consumer<Piece> listener) {
            this.name = name;
            this.shares = shares;
            this.rest = rest;
            this.options = options;
            this.listener = listener;
        }

        Question(int seed, boolean shares, int length, GenerationOptions options) {
            this("q" + seed, shares, prompt(length, seed), options, p -> {});
        }

        @Override
        public GenerationOptions options() {
            return options;
        }

        @Override
        public Optional<Generator.Start> begin() {
            PagedCache cache = shares ? common.fork() : new PagedCache(pool);
            try {
                cache.reserve(rest.length + options.maxNewTokens());
                double[] logits = read(cache, rest, NEVER);
                events.add("+" + name);
                return Optional.of(new Generator.Start(cache, logits, rest, 3, listener));
            } catch (RuntimeException | Error e) {
                cache.close();
                throw e;
            }
        }

        @Override
        public void end(Generation generation, double seconds) {
            events.add("-" + name);
            assertThat(seconds).isNotNegative();
            answer = generation;
            answers++;
        }

        /** The answer that it gets alone, from a cache in one piece. */
        Generation alone() {
            try (KeyValueCache cache = new KeyValueCache(CONFIG, 8)) {
                if (shares) {
                    read(cache, COMMON, NEVER);
                }
                Generator.Start start = new Generator.Start(cache, read(cache, rest, NEVER), rest, 3, p -> {});
                return generator.continueFrom(List.of(start), options, NEVER).getFirst();
            }
        }

        Question again() {
            return new Question(name, shares, rest, options, listener);
        }
    }

    private static GenerationOptions most(int tokens) {
        return GenerationOptions.GREEDY.withMaxNewTokens(tokens);
    }

    private List<Question> questions() {
        int third = new Question(4, true, 9, most(9)).alone().tokens()[2];
        return List.of(
                new Question(2, true, 5, most(12)),
                new Question(3, false, 60, most(7)),
                new Question(4, true, 9, most(9).withStops(Set.of(third), List.of())),
                new Question(5, true, 1, most(1)),
                new Question(6, false, 3, most(14).sampled(1.5, 20, 0.95, 8)),
                new Question(7, true, 57, most(6).sampled(2, 0, 1, 9).withRepetitionPenalty(1.3)),
                new Question(6, false, 3, most(14).sampled(1.5, 20, 0.95, 10)),
                new Question(8, false, 130, most(10).withStops(Set.of(), List.of("h1"))));
    }

    private static void assertSame(Generation got, Generation expected, String what) {
        assertThat(got.tokens()).as(what).isEqualTo(expected.tokens());
        assertThat(got.logProbabilities()).as(what).isEqualTo(expected.logProbabilities());
        assertThat(got.text()).as(what).isEqualTo(expected.text());
        assertThat(got.ending()).as(what).isEqualTo(expected.ending());
    }

    /** Whatever is beside it and whenever it begins, a question gets the answer that it gets alone, to the bit. */
    @Test
    void everyOrderOfAdmissionGivesTheAnswersThatEachGetsAlone() {
        List<Question> given = questions();
        List<Generation> expected = given.stream().map(Question::alone).toList();
        assertThat(expected.get(4).tokens())
                .as("another seed")
                .isNotEqualTo(expected.get(6).tokens());
        assertThat(expected).extracting(Generation::ending).contains(Ending.STOP_ID, Ending.LENGTH);
        close();
        // Room for all, for a few, and for just the largest of them beside what is common.
        for (int pages : new int[] {40, 9, 5}) {
            open(pages);
            for (int most : new int[] {1, 2, 3, 8}) {
                for (int order = 0; order < 4; order++) {
                    List<Integer> places = new ArrayList<>(List.of(0, 1, 2, 3, 4, 5, 6, 7));
                    Collections.shuffle(places, new Random(31L * order + most));
                    List<Question> asked =
                            places.stream().map(i -> given.get(i).again()).toList();
                    generator.answer(asked.iterator(), most, NEVER);
                    for (int i = 0; i < asked.size(); i++) {
                        String what = pages + " pages, at most " + most + ", order " + places + ", place " + i;
                        assertThat(asked.get(i).answers).as(what).isEqualTo(1);
                        assertSame(asked.get(i).answer, expected.get(places.get(i)), what);
                    }
                }
            }
            close();
        }
        open(40);
    }

    @Test
    void theNextBeginsAsSoonAsOneEnds() {
        List<Question> asked = List.of(
                new Question(1, true, 2, most(6)),
                new Question(2, true, 2, most(2)),
                new Question(3, true, 2, most(2)),
                new Question(4, true, 2, most(9)));
        generator.answer(asked.iterator(), 2, NEVER);
        assertThat(events).containsExactly("+q1", "+q2", "-q2", "+q3", "-q3", "+q4", "-q1", "-q4");
    }

    @Test
    void whoFindsNoRoomWaitsUntilThereIs() {
        close();
        open(6);
        // Two pages hold what is common; the first question takes a copy of the second of these and one more.
        List<Question> asked = List.of(
                new Question(1, true, 50, most(20)),
                new Question(2, false, 120, most(60)),
                new Question(3, true, 2, most(1)));
        generator.answer(asked.iterator(), 3, NEVER);
        assertThat(events).containsExactly("+q1", "-q1", "+q2", "+q3", "-q3", "-q2");
        Question tooLong = new Question(4, false, 200, most(100));
        assertThatThrownBy(() -> generator.answer(List.of(tooLong).iterator(), 3, NEVER))
                .isInstanceOf(CacheFullException.class)
                .hasMessage("the key/value cache is full: 300 more tokens need 5 pages of 64, 4 of 6 are free");
    }

    @Test
    void aQuestionThatIsNotToBeAnsweredAfterAllIsPassedOver() {
        Turn nothing = new Turn() {
            @Override
            public GenerationOptions options() {
                return GenerationOptions.GREEDY;
            }

            @Override
            public Optional<Generator.Start> begin() {
                return Optional.empty();
            }

            @Override
            public void end(Generation answer, double seconds) {
                throw new AssertionError("nothing was begun");
            }
        };
        Question question = new Question(2, true, 5, most(4));
        generator.answer(List.of(nothing, question, nothing).iterator(), 1, NEVER);
        assertSame(question.answer, question.alone(), "the one between");
        assertThatThrownBy(() -> generator.answer(List.of(question).iterator(), 0, NEVER))
                .hasMessage("0 questions at once, expected at least 1");
    }

    @Test
    void cancellingEndsWhatWasBegunAndBeginsNothingMore() {
        int[] heard = {0};
        Question first = new Question("q1", true, prompt(3, 1), most(20), p -> heard[0]++);
        Question second = new Question(2, false, 3, most(20));
        Question third = new Question(3, true, 3, most(20));
        generator.answer(List.of(first, second, third).iterator(), 2, () -> heard[0] >= 4);
        assertThat(first.answer.isCancelled()).isTrue();
        assertThat(second.answer.isCancelled()).isTrue();
        assertThat(first.answer.tokens())
                .containsExactly(Arrays.copyOf(first.alone().tokens(), 4));
        assertThat(third.answers).isZero();
    }

    /** Whoever fails, the pages of all are given back. */
    @Test
    void whatFailsLeavesNothingBehind() {
        IllegalStateException failure = new IllegalStateException("somebody failed");
        int[] heard = {0};
        Question loud = new Question("q1", true, prompt(3, 1), most(20), p -> {
            if (++heard[0] == 3) {
                throw failure;
            }
        });
        Question first = new Question("q2", true, prompt(3, 1), most(20), p -> {
            throw failure;
        });
        Question unread = new Question(3, true, 3, most(20)) {
            @Override
            public Optional<Generator.Start> begin() {
                throw failure;
            }
        };
        Question cancelled = new Question(3, true, 3, most(20)) {
            @Override
            public Optional<Generator.Start> begin() {
                throw new CancellationException("while it was read");
            }
        };
        Question deaf = new Question(4, true, 3, most(2)) {
            @Override
            public void end(Generation generation, double seconds) {
                throw failure;
            }
        };
        for (Question fails : List.of(loud, first, unread, deaf)) {
            Question beside = new Question(9, false, 70, most(20));
            assertThatThrownBy(() -> generator.answer(List.of(beside, fails).iterator(), 2, NEVER))
                    .isSameAs(failure);
            assertThat(pool.pages() - pool.freePages()).as("what is common").isEqualTo(2);
        }
        Question beside = new Question(9, false, 70, most(20));
        generator.answer(List.of(beside, cancelled).iterator(), 2, NEVER);
        assertThat(beside.answer.isCancelled()).isTrue();
        assertThat(pool.pages() - pool.freePages()).isEqualTo(2);
    }
}
