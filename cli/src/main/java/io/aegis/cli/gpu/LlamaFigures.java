package io.aegis.cli.gpu;

import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.layers.Probe;
import io.aegis.models.llama.KeyValueCache;
import io.aegis.models.llama.LlamaConfig;
import io.aegis.models.llama.LlamaNetwork;
import io.aegis.models.llama.RopeScaling;
import io.aegis.tensor.AttentionMask;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/** Llama-3-8B's shape with random bfloat16 weights that are made on the device: reading a prompt, and answering. */
final class LlamaFigures {
    private static final LlamaConfig SHAPE =
            new LlamaConfig(128256, 4096, 14336, 32, 32, 8, 128, 1e-5, 5e5, RopeScaling.NONE, false, 8192);
    private static final double SCALE = 0.02;
    private static final int PROMPT = 1522;
    private static final int ANSWER = 64;
    private static final int ROUNDS = 3;

    private LlamaFigures() {}

    static void run(Kernels kernels, Consumer<Line> out) {
        try (Operands operands = new Operands(kernels);
                Parameters parameters = new Parameters()) {
            LlamaNetwork network = new LlamaNetwork(parameters, SHAPE).frozen();
            List<String> names = parameters.all().stream().map(Parameter::name).toList();
            var shapes = parameters.all().stream().collect(Collectors.toMap(Parameter::name, Parameter::shape));
            parameters.loadAsStored("random weights", names, name -> {
                long[] shape = shapes.get(name);
                return shape.length == 2
                        ? operands.normal(SCALE, DType.BF16, shape)
                        : operands.normal(1, DType.BF16, shape);
            });
            double bytes = 2.0 * parameters.count();
            out.accept(Line.figure("Llama-3-8B shape, bfloat16 weights", bytes / 1e9, "GB"));
            Tape.withoutRecording(() -> measure(kernels, network, bytes, out));
        }
    }

    private static void measure(Kernels kernels, LlamaNetwork network, double bytes, Consumer<Line> out) {
        List<Double> prompt = new ArrayList<>();
        List<Double> token = new ArrayList<>();
        for (int round = 0; round < ROUNDS; round++) {
            try (KeyValueCache cache = new KeyValueCache(SHAPE, PROMPT + 2 * ANSWER)) {
                double start = now();
                double[] logits = read(network, cache);
                prompt.add(now() - start);
                answer(network, cache, logits, ANSWER / 2);
                start = now();
                answer(network, cache, logits, ANSWER);
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

    private static double[] read(LlamaNetwork network, KeyValueCache cache) {
        try (Scope scope = Scope.open()) {
            long[] ids = new long[PROMPT];
            Arrays.setAll(ids, i -> (7919L * i + 11) % SHAPE.vocabulary());
            Tensor h = network.hidden(
                    network.embed(Tensor.of(ids, 1, PROMPT)),
                    LlamaNetwork.positions(0, PROMPT),
                    AttentionMask.causal(),
                    cache,
                    Probe.NONE);
            return network.logits(h.slice(1, PROMPT - 1, PROMPT)).toDoubles();
        }
    }

    private static void answer(LlamaNetwork network, KeyValueCache cache, double[] first, int tokens) {
        double[] logits = first;
        for (int i = 0; i < tokens; i++) {
            try (Scope scope = Scope.open()) {
                long[] next = {largest(logits)};
                Tensor h = network.step(network.embed(Tensor.of(next, 1, 1)), List.of(cache));
                View scores = network.logitsOfRows(h).view();
                logits = scores.toDoubles();
            }
        }
    }

    private static int largest(double[] x) {
        int best = 0;
        for (int i = 1; i < x.length; i++) {
            best = x[i] > x[best] ? i : best;
        }
        return best;
    }

    private static double now() {
        return System.nanoTime() / 1e9;
    }
}
