package io.aegis.cli.gpu;

import io.aegis.cli.workload.LlamaWorkload;
import io.aegis.cli.workload.Operands;
import io.aegis.cli.workload.RandomWeights;
import io.aegis.cli.workload.WeightType;
import io.aegis.kernels.Kernels;
import io.aegis.layers.Parameters;
import io.aegis.models.llama.KeyValueCache;
import io.aegis.models.llama.LlamaConfig;
import io.aegis.models.llama.LlamaNetwork;
import io.aegis.models.llama.RopeScaling;
import io.aegis.tensor.Tape;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** Llama-3-8B's shape with random bfloat16 weights that are made on the device: reading a prompt, and answering. */
final class LlamaFigures {
    private static final LlamaConfig SHAPE =
            new LlamaConfig(128256, 4096, 14336, 32, 32, 8, 128, 1e-5, 5e5, RopeScaling.NONE, false, 8192);
    private static final int PROMPT = 1522;
    private static final int ANSWER = 64;
    private static final int ROUNDS = 3;

    private LlamaFigures() {}

    static void run(Kernels kernels, Consumer<Line> out) {
        try (Operands operands = new Operands(kernels);
                Parameters parameters = new Parameters()) {
            LlamaNetwork network = new LlamaNetwork(parameters, SHAPE).frozen();
            RandomWeights.fill(parameters, operands, WeightType.BF16);
            double bytes = 2.0 * parameters.count();
            out.accept(Line.figure("Llama-3-8B shape, bfloat16 weights", bytes / 1e9, "GB"));
            Tape.withoutRecording(() -> measure(kernels, new LlamaWorkload(network), bytes, out));
        }
    }

    private static void measure(Kernels kernels, LlamaWorkload model, double bytes, Consumer<Line> out) {
        List<Double> prompt = new ArrayList<>();
        List<Double> token = new ArrayList<>();
        for (int round = 0; round < ROUNDS; round++) {
            try (KeyValueCache cache = model.cache(PROMPT + 2 * ANSWER)) {
                double start = now();
                double[] scores = model.read(cache, PROMPT);
                prompt.add(now() - start);
                for (int i = 0; i < ANSWER / 2; i++) {
                    scores = model.say(cache, scores);
                }
                start = now();
                for (int i = 0; i < ANSWER; i++) {
                    scores = model.say(cache, scores);
                }
                token.add((now() - start) / ANSWER);
            }
        }
        double best = token.stream().sorted().toList().get(ROUNDS / 2);
        out.accept(Line.figure(
                "Llama-3-8B shape, prompt of " + PROMPT,
                PROMPT / prompt.stream().sorted().toList().get(ROUNDS / 2),
                "tokens/s"));
        out.accept(Line.figure("Llama-3-8B shape, decode, batch 1", 1 / best, "tokens/s"));
        out.accept(Line.figure("Llama-3-8B shape, decode: weights read", bytes / best / 1e9, "GB/s"));
        out.accept(Line.figure("device memory, most at once", kernels.memory().peakBytes() / 1e9, "GB"));
    }

    private static double now() {
        return System.nanoTime() / 1e9;
    }
}
