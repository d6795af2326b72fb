package io.aegis.cli.gpu.bench;

import io.aegis.cli.bench.LanguageModel;
import io.aegis.cli.bench.Shapes;
import io.aegis.cli.workload.WeightType;
import io.aegis.kernels.Kernels;
import io.aegis.models.llama.Decoder;
import io.aegis.models.llama.KeyValueCache;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;

/**
 * One token of a Llama behind a prompt, greedily, one sequence; until it has come back to the host.
 *
 * @param shape of {@link Shapes#LANGUAGE}
 * @param type how its matrices are stored
 * @param prompt tokens in the cache before the first that is said
 * @param graph whether a token is one launch of a recorded graph, where there are graphs; else kernel by kernel
 */
public record TokenWork(String shape, WeightType type, int prompt, boolean graph) implements ModelWork {
    /** Tokens said before the cache is cut back to the prompt. */
    private static final int ANSWER = 64;

    @Override
    public String name() {
        return shape + ", " + type + ", a token behind " + prompt + (graph ? "" : ", without a graph");
    }

    @Override
    public Unit unit() {
        return Unit.TOKENS;
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
        try (Scope scope = Scope.open(kernels)) {
            cache = model.work().cache(prompt + ANSWER);
            Tape.withoutRecording(() -> model.work().read(cache, prompt));
        }
        Decoder decoder = new Decoder(model.work().network(), graph);
        return new Subject() {
            private int token;

            @Override
            public void run(Kernels k) {
                if (cache.length() == prompt + ANSWER) {
                    cache.truncate(prompt, prompt);
                }
                try (Scope scope = Scope.open(k)) {
                    token = decoder.next(token, cache);
                }
            }

            @Override
            public void close() {
                decoder.close();
                cache.close();
                model.close();
            }
        };
    }
}
