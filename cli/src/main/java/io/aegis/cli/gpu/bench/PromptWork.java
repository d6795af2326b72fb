package io.aegis.cli.gpu.bench;

import io.aegis.cli.bench.LanguageModel;
import io.aegis.cli.bench.Shapes;
import io.aegis.cli.workload.WeightType;
import io.aegis.kernels.Kernels;
import io.aegis.models.llama.KeyValueCache;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;

/**
 * Reading a prompt into an empty cache, with the scores of the token behind it.
 *
 * @param shape of {@link Shapes#LANGUAGE}
 * @param type how its matrices are stored
 */
public record PromptWork(String shape, WeightType type, int tokens) implements ModelWork {
    @Override
    public String name() {
        return shape + ", " + type + ", prompt of " + tokens;
    }

    @Override
    public Unit unit() {
        return Unit.TOKENS;
    }

    @Override
    public double amount() {
        return tokens;
    }

    @Override
    public Unit bound() {
        return Unit.TERAFLOPS;
    }

    /** Operations of products and attention. */
    @Override
    public double load() {
        return LanguageModel.operations(Shapes.LANGUAGE.get(shape), tokens);
    }

    @Override
    public Subject open(Kernels kernels) {
        LanguageModel model = LanguageModel.random(kernels, shape, type);
        return new Subject() {
            @Override
            public void run(Kernels k) {
                try (Scope scope = Scope.open(k);
                        KeyValueCache cache = model.work().cache(tokens)) {
                    Tape.withoutRecording(() -> model.work().read(cache, tokens));
                }
            }

            @Override
            public void close() {
                model.close();
            }
        };
    }
}
