package io.aegis.models.faceshield;

import io.aegis.kernels.DType;
import io.aegis.models.llama.Generation;
import io.aegis.models.llama.GenerationOptions;
import io.aegis.models.llama.Generator;
import io.aegis.models.llama.PagePool;
import io.aegis.models.llama.Turn;
import java.util.Collection;
import java.util.Comparator;
import java.util.Iterator;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/** Inquiries that are answered together, from one pool of pages. */
final class Inquiries {
    private final FaceShield shield;
    private final FaceShieldNetwork network;
    private final SharedPrompts prompts;
    private final BooleanSupplier stops;

    private Inquiries(FaceShield shield, FaceShieldNetwork network, SharedPrompts prompts, BooleanSupplier stops) {
        this.shield = shield;
        this.network = network;
        this.prompts = prompts;
        this.stops = stops;
    }

    /** As {@link FaceShield#answer}. */
    static void run(
            FaceShield shield, Iterator<? extends Inquiry> waiting, int most, int pages, BooleanSupplier cancelled) {
        shield.using(network -> {
            try (PagePool pool = new PagePool(shield.config().language(), pages, DType.F32);
                    SharedPrompts prompts = new SharedPrompts(shield.pieces(), pool)) {
                BooleanSupplier stops = () -> shield.stops(cancelled);
                Inquiries all = new Inquiries(shield, network, prompts, stops);
                shield.generator().answer(all.turns(waiting), most, stops);
            }
            shield.requireOpen();
            return null;
        });
    }

    private Iterator<Turn> turns(Iterator<? extends Inquiry> waiting) {
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return waiting.hasNext();
            }

            @Override
            public Turn next() {
                return switch (waiting.next()) {
                    case Inquiry.Question q -> new Asking(q);
                    case Inquiry.Score s -> new Scored(s);
                };
            }
        };
    }

    private final class Asking implements Turn {
        private final Inquiry.Question question;
        private PromptReader.Read read;

        Asking(Inquiry.Question question) {
            this.question = question;
        }

        @Override
        public GenerationOptions options() {
            return question.options();
        }

        @Override
        public Optional<Generator.Start> begin() {
            Examination about = question.about();
            read = about.read(network, question.text(), this::readAlone, stops);
            return Optional.of(about.start(read, Examination.spoken(question.listener())));
        }

        private PromptReader.Read readAlone(long[] ids, RankedTokens ranked, Sequence s, BooleanSupplier cancelled) {
            long positions = Math.max(0, shield.config().longest() - s.next()) + 1;
            long room = Math.min(question.options().maxNewTokens(), positions);
            return prompts.read(question.about(), ids, ranked, s, room, cancelled);
        }

        @Override
        public void end(Generation answer, double seconds) {
            shield.requireOpen();
            question.done().accept(Examination.reply(question.text(), read, answer, seconds));
        }
    }

    /** Nothing is said: it is done as soon as its prompt was read. */
    private final class Scored implements Turn {
        private final Inquiry.Score inquiry;

        Scored(Inquiry.Score inquiry) {
            this.inquiry = inquiry;
        }

        @Override
        public GenerationOptions options() {
            return shield.generation();
        }

        @Override
        public Optional<Generator.Start> begin() {
            Examination about = inquiry.about();
            String question = shield.config().options().prompts().question(FaceTask.COARSE);
            PromptReader.Read read = about.read(
                    network,
                    question,
                    (ids, ranked, s, cancelled) ->
                            prompts.read(about, ids, ranked, s, shield.lengths().canonical(), cancelled),
                    stops);
            ForcedScores scores;
            try {
                scores = about.score(network, read);
            } finally {
                read.cache().close();
            }
            inquiry.done().accept(scores);
            return Optional.empty();
        }

        @Override
        public void end(Generation answer, double seconds) {
            throw new IllegalStateException("a score has no answer");
        }
    }

    /** Pages for {@code most} inquiries of at most so many tokens at once, about as many pictures. */
    static int pages(int most, long tokens) {
        return Math.addExact(Math.multiplyExact(most, PagePool.pagesOf(tokens)), 1);
    }

    /**
     * Pages for {@code most} questions at once about one picture, whichever of them.
     *
     * @param tokens of each question with its answer, those up to the picture's end among them
     * @param shared tokens up to the picture's end, which all have in common
     */
    static int pages(int most, Collection<Long> tokens, long shared) {
        int whole = (int) (shared / PagePool.TOKENS);
        int own = tokens.stream()
                .map(t -> PagePool.pagesOf(t) - whole)
                .sorted(Comparator.reverseOrder())
                .limit(most)
                .reduce(0, Integer::sum);
        return whole + own + 1;
    }
}
