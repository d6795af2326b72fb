package io.aegis.cli.gpu.bench;

import io.aegis.cli.bench.LanguageModel;
import io.aegis.cli.bench.Shapes;
import io.aegis.cli.workload.WeightType;
import io.aegis.kernels.Kernels;
import io.aegis.models.llama.KeyValueCache;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;

/**
 * One token of a Llama behind a prompt, greedily, one sequence.
 *
 * @param shape of {@link Shapes#LANGUAGE}
 * @param type how its matrices are stored
 * @param prompt tokens in the cache before the first that is said
 */
public record TokenWork(String shape, WeightType type, int prompt) implements ModelWork {
    /** Tokens said before the cache is cut back to the prompt. */
    private static final int ANSWER = 64;

    @Override
    public String name() {
        return shape + ", " + type + ", a token behind " + prompt;
    }

    @Override
    public Unit unit() {
        return Unit.TOKENS;
    }

    @Override
    public double amount() {
        return 1;
    }

    @Override
    public Unit bound() {
        return Unit.GIGABYTES;
    }

    /** Bytes of the matrices that a token is multiplied by. */
    @Override
    public double load() {
        return LanguageModel.bytes(Shapes.LANGUAGE.get(shape), type);
    }

    @Override
    public Subject open(Kernels kernels) {
        LanguageModel model = LanguageModel.random(kernels, shape, type);
        KeyValueCache cache;
        double[][] scores = new double[1][];
        try (Scope scope = Scope.open(kernels)) {
            cache = model.work().cache(prompt + ANSWER);
            Tape.withoutRecording(() -> scores[0] = model.work().read(cache, prompt));
        }
        return new Subject() {
            @Override
            public void run(Kernels k) {
                if (cache.length() == prompt + ANSWER) {
                    cache.truncate(prompt, prompt);
                }
                try (Scope scope = Scope.open(k)) {
                    Tape.withoutRecording(() -> scores[0] = model.work().say(cache, scores[0]));
                }
            }

            @Override
            public void close() {
                cache.close();
                model.close();
            }
        };
    }
}
