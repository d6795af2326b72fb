package io.aegis.cli.gpu.bench;

import io.aegis.cli.bench.LanguageModel;
import io.aegis.cli.bench.VisionSection;
import io.aegis.cli.workload.Operands;
import io.aegis.cli.workload.RandomWeights;
import io.aegis.cli.workload.VisionWorkload;
import io.aegis.cli.workload.WeightType;
import io.aegis.kernels.Kernels;
import io.aegis.layers.Parameters;
import io.aegis.layers.Probe;
import io.aegis.models.checkpoint.Synthesis;
import io.aegis.models.checkpoint.VisionLanguageConfig;
import io.aegis.models.faceshield.Draw;
import io.aegis.models.faceshield.FaceShieldConfig;
import io.aegis.models.faceshield.FaceShieldNetwork;
import io.aegis.models.faceshield.MaskingMode;
import io.aegis.models.faceshield.Sequence;
import io.aegis.models.faceshield.VisionTokens;
import io.aegis.models.llama.KeyValueCache;
import io.aegis.tensor.AttentionMask;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import io.aegis.weights.ConfigJson;
import java.util.Arrays;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * FaceShield from a picture's pixels to its answer's first token: both pictures through the tower, the projector, tokens ranked
 * against the question and none left out, the prompt through the language model. Pictures are decoded and resized before.
 *
 * @param config of {@link Synthesis}
 * @param text tokens of the prompt beside the vision tokens
 */
public record FirstTokenWork(String config, WeightType type, int text) implements ModelWork {
    /** Of the text, those before the picture and those of the question that tokens are ranked by. */
    private static final int BEFORE = 4;

    private static final int QUESTION = 12;

    @Override
    public String name() {
        return config + ", " + type + ", RGB and SAV, first token of a prompt of " + tokens();
    }

    @Override
    public Unit unit() {
        return Unit.MILLISECONDS;
    }

    @Override
    public double amount() {
        return 1;
    }

    @Override
    public Unit bound() {
        return Unit.TERAFLOPS;
    }

    /** Operations of products and attention: both pictures, their projection, the prompt. */
    @Override
    public double load() {
        FaceShieldConfig c = sizes();
        double width = c.language().hidden();
        double projected = 2.0 * c.visionTokens() * width * (c.vision().width() + width);
        double pictures = 2
                * VisionSection.operations(
                        c.vision(), c.vision().blocks(c.feature().layer()));
        return pictures + projected + LanguageModel.operations(c.language(), tokens());
    }

    /** Of the whole prompt. */
    public int tokens() {
        return sizes().visionTokens() + text;
    }

    private FaceShieldConfig sizes() {
        ConfigJson json = Synthesis.config(config);
        return FaceShieldConfig.of(
                VisionLanguageConfig.read(json, OptionalLong.of(json.positive("vocab_size")), Optional.empty()), json);
    }

    @Override
    public Subject open(Kernels kernels) {
        FaceShieldConfig sizes = sizes();
        Operands operands = new Operands(kernels);
        Parameters parameters = new Parameters();
        FaceShieldNetwork network = new FaceShieldNetwork(parameters, sizes);
        parameters.all().forEach(p -> p.frozen());
        RandomWeights.fill(parameters, operands, type);
        Scope scope = Scope.open(kernels);
        Tensor pixels = VisionWorkload.noise(2, sizes.vision().image());
        return new Subject() {
            @Override
            public void run(Kernels k) {
                try (Scope inner = Scope.open(k);
                        KeyValueCache cache = new KeyValueCache(sizes.language(), tokens())) {
                    Tape.withoutRecording(() -> firstToken(network, pixels, cache));
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

    private int firstToken(FaceShieldNetwork network, Tensor pixels, KeyValueCache cache) {
        long[] ids = new long[text + 1];
        Arrays.setAll(ids, i -> i == BEFORE ? FaceShieldNetwork.PICTURE : i);
        long[] question = Arrays.copyOfRange(ids, ids.length - QUESTION, ids.length);
        VisionTokens vision = network.vision(network.features(pixels), question, MaskingMode.OFF, new Draw(0, 0, 0));
        Sequence s = network.sequence(ids, vision);
        int n = s.length();
        Tensor hidden = network.language()
                .hidden(s.rows(0, n), s.positions(0, n, 0), AttentionMask.causal(), cache, Probe.NONE);
        double[] scores = network.language().logits(hidden.slice(1, n - 1, n)).toDoubles();
        return largest(scores).orElseThrow();
    }

    private static OptionalInt largest(double[] scores) {
        OptionalInt best = OptionalInt.empty();
        for (int i = 0; i < scores.length; i++) {
            if (best.isEmpty() || scores[i] > scores[best.getAsInt()]) {
                best = OptionalInt.of(i);
            }
        }
        return best;
    }
}
