package io.aegis.cli.gpu.bench;

import io.aegis.cli.workload.FaceShieldWorkload;
import io.aegis.cli.workload.Operands;
import io.aegis.cli.workload.RandomWeights;
import io.aegis.cli.workload.WeightType;
import io.aegis.kernels.Kernels;
import io.aegis.layers.Parameters;
import io.aegis.models.faceshield.FaceShieldConfig;
import io.aegis.models.faceshield.FaceShieldNetwork;
import io.aegis.models.llama.KeyValueCache;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;

/**
 * A {@link FaceShieldWorkload} up to its answer's first token.
 *
 * @param config of {@link io.aegis.models.checkpoint.Synthesis}
 * @param text tokens of the prompt beside the vision tokens
 */
public record FirstTokenWork(String config, WeightType type, int text) implements ModelWork {
    @Override
    public String name() {
        return config + ", " + type + ", RGB and SAV, first token of a prompt of " + tokens();
    }

    @Override
    public Unit bound() {
        return Unit.TERAFLOPS;
    }

    /** Operations of products and attention: both pictures, their projection, the prompt. */
    @Override
    public double load() {
        FaceShieldConfig c = FaceShieldWorkload.sizes(config);
        return FaceShieldWorkload.seeing(c) + FaceShieldWorkload.reading(c, tokens());
    }

    /** Of the whole prompt. */
    public int tokens() {
        return FaceShieldWorkload.sizes(config).visionTokens() + text;
    }

    @Override
    public Subject open(Kernels kernels) {
        Operands operands = new Operands(kernels);
        Parameters parameters = new Parameters();
        FaceShieldNetwork network = new FaceShieldNetwork(parameters, FaceShieldWorkload.sizes(config));
        parameters.all().forEach(p -> p.frozen());
        RandomWeights.fill(parameters, operands, type);
        FaceShieldWorkload work = new FaceShieldWorkload(network, text);
        Scope scope = Scope.open(kernels);
        Tensor pixels = work.pixels();
        return new Subject() {
            @Override
            public void run(Kernels k) {
                try (Scope inner = Scope.open(k);
                        KeyValueCache cache = work.cache(0)) {
                    Tape.withoutRecording(() -> work.read(work.see(pixels), cache));
                }
            }

            @Override
            public void close() {
                scope.close();
                parameters.close();
                operands.close();
            }
        };
    }
}
