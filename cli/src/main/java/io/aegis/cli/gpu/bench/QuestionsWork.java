package io.aegis.cli.gpu.bench;

import io.aegis.cli.bench.LanguageModel;
import io.aegis.cli.bench.Shapes;
import io.aegis.cli.workload.WeightType;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.layers.Probe;
import io.aegis.models.llama.Generation;
import io.aegis.models.llama.GenerationOptions;
import io.aegis.models.llama.Generator;
import io.aegis.models.llama.KeyValueCache;
import io.aegis.models.llama.LlamaNetwork;
import io.aegis.models.llama.PagePool;
import io.aegis.models.llama.PagedCache;
import io.aegis.models.llama.SequenceCache;
import io.aegis.models.llama.TextStream;
import io.aegis.models.llama.Turn;
import io.aegis.tensor.AttentionMask;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * Questions about a picture that the language model has read already, each read and answered greedily: at once, from pages that
 * share the picture's ({@code analyze --batch N}), or one after the other in one cache ({@code --batch 1}).
 *
 * @param shape of {@link Shapes#LANGUAGE}
 * @param type how its matrices are stored
 * @param picture tokens up to the picture's end
 * @param count of questions
 * @param question tokens of each
 * @param answer tokens of each
 */
public record QuestionsWork(
        String shape, WeightType type, int picture, int count, int question, int answer, boolean together)
        implements ModelWork {
    @Override
    public String name() {
        return shape + ", " + type + ", " + count + " questions of " + question + " behind a picture of " + picture
                + ", answers of " + answer + (together ? ", at once" : ", one after the other");
    }

    @Override
    public Unit unit() {
        return Unit.TOKENS;
    }

    /** Tokens of all answers. */
    @Override
    public double amount() {
        return (double) count * answer;
    }

    @Override
    public Unit bound() {
        return Unit.GIGABYTES;
    }

    /** Bytes of the matrices, once for each question that is read and for each step of those that are answered together. */
    @Override
    public double load() {
        int steps = (answer - 1) * (together ? 1 : count);
        return (count + steps) * LanguageModel.bytes(Shapes.LANGUAGE.get(shape), type);
    }

    @Override
    public Subject open(Kernels kernels) {
        LanguageModel model = LanguageModel.random(kernels, shape, type);
        LlamaNetwork network = model.work().network();
        Generator generator = new Generator(network, () -> TextStream.SILENT, DType.F32);
        try (Scope scope = Scope.open(kernels)) {
            return together
                    ? new AtOnce(model, generator, kernels)
                    : new InTurn(model, generator, new KeyValueCache(network.config(), picture + question + answer));
        }
    }

    private GenerationOptions options() {
        return GenerationOptions.GREEDY.withMaxNewTokens(answer);
    }

    /** Any tokens into a cache. */
    private void readPicture(LlamaNetwork network, SequenceCache cache) {
        Tape.withoutRecording(() -> network.hidden(
                network.embed(tokens(network, picture, 0)),
                LlamaNetwork.positions(0, picture),
                AttentionMask.causal(),
                cache,
                Probe.NONE));
    }

    private static Tensor tokens(LlamaNetwork network, int n, int from) {
        long[] ids = new long[n];
        Arrays.setAll(ids, i -> (7919L * (from + i) + 11) % network.config().vocabulary());
        return Tensor.of(ids, 1, n);
    }

    /** Reads a question behind the picture, and says what to go on from. */
    private Generator.Start asked(Generator generator, LlamaNetwork network, SequenceCache cache, int number) {
        try (Scope scope = Scope.open()) {
            Tensor x = network.embed(tokens(network, question, picture + number * question));
            double[] logits = generator.readLast(x, LlamaNetwork.positions(picture, question), cache, () -> false);
            return new Generator.Start(cache, logits, new int[question], number, piece -> {});
        }
    }

    private void check(Generation said) {
        if (said.tokens().length != answer) {
            throw new IllegalStateException(
                    "an answer of " + said.tokens().length + " tokens, expected " + answer + ": " + said.ending());
        }
    }

    private final class AtOnce implements Subject {
        private final LanguageModel model;
        private final Generator generator;
        private final PagePool pool;
        private final PagedCache read;

        AtOnce(LanguageModel model, Generator generator, Kernels kernels) {
            this.model = model;
            this.generator = generator;
            LlamaNetwork network = model.work().network();
            int own = PagePool.pagesOf(question + answer) + 1;
            pool = new PagePool(network.config(), PagePool.pagesOf(picture) + count * own, DType.F32);
            read = new PagedCache(pool);
            read.reserve(picture);
            readPicture(network, read);
        }

        @Override
        public void run(Kernels k) {
            try (Scope scope = Scope.open(k)) {
                List<Turn> turns = IntStream.range(0, count)
                        .mapToObj(i -> (Turn) new Asked(i))
                        .toList();
                generator.answer(turns.iterator(), count, () -> false);
            }
        }

        private final class Asked implements Turn {
            private final int number;

            Asked(int number) {
                this.number = number;
            }

            @Override
            public GenerationOptions options() {
                return QuestionsWork.this.options();
            }

            @Override
            public Optional<Generator.Start> begin() {
                PagedCache own = read.fork();
                own.reserve(question + answer);
                return Optional.of(asked(generator, model.work().network(), own, number));
            }

            @Override
            public void end(Generation said, double seconds) {
                check(said);
            }
        }

        @Override
        public void close() {
            read.close();
            pool.close();
            model.close();
        }
    }

    private final class InTurn implements Subject {
        private final LanguageModel model;
        private final Generator generator;
        private final KeyValueCache cache;

        InTurn(LanguageModel model, Generator generator, KeyValueCache cache) {
            this.model = model;
            this.generator = generator;
            this.cache = cache;
            readPicture(model.work().network(), cache);
        }

        @Override
        public void run(Kernels k) {
            try (Scope scope = Scope.open(k)) {
                for (int i = 0; i < count; i++) {
                    cache.truncate(picture, picture);
                    Generator.Start start = asked(generator, model.work().network(), cache, i);
                    generator
                            .continueFrom(List.of(start), options(), () -> false)
                            .forEach(QuestionsWork.this::check);
                }
            }
        }

        @Override
        public void close() {
            cache.close();
            model.close();
        }
    }
}
