package io.aegis.cli.verify;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.aegis.kernels.View;
import io.aegis.layers.Probe;
import io.aegis.models.llama.Generation;
import io.aegis.models.llama.GenerationOptions;
import io.aegis.models.llama.Generator;
import io.aegis.models.llama.KeyValueCache;
import io.aegis.models.llama.LlamaNetwork;
import io.aegis.models.llama.TextStream;
import io.aegis.tensor.AttentionMask;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Compares greedy answers: each prompt is read alone and without its padding, then all of them take their steps together
 * over key-value caches.
 */
final class AnswerVerification {
    private static final String ANSWERS = "generate.json";

    private final Golden golden;
    private final Verification.Computing computing;
    private final Rows rows;
    private final LlamaNetwork network;

    AnswerVerification(Golden golden, Verification.Computing computing, Rows rows, LlamaNetwork network) {
        this.golden = golden;
        this.computing = computing;
        this.rows = rows;
        this.network = network;
    }

    /** The tokens of {@code new_tokens} and, where they are there, the logits of each step. */
    void compare(String file, String prefix) {
        TokenBatch batch = TokenBatch.of(golden, rows, file, prefix, prefix);
        int steps = (int) golden.view(file, prefix + "new_tokens").size(1);
        int vocabulary = (int) network.config().vocabulary();
        double[] tokens = new double[batch.rows() * steps];
        double[] logits = new double[tokens.length * vocabulary];
        List<KeyValueCache> caches = new ArrayList<>();
        try (Scope scope = Scope.open(computing.kernels())) {
            double[][] last = new double[batch.rows()][];
            for (int i = 0; i < last.length; i++) {
                int[] prompt = batch.prompt(i);
                KeyValueCache cache = new KeyValueCache(network.config(), prompt.length + steps, computing.dtype());
                caches.add(cache);
                last[i] = new Generator(network, () -> TextStream.SILENT, computing.dtype())
                        .readLast(
                                network.embed(ids(prompt)),
                                LlamaNetwork.positions(0, prompt.length),
                                cache,
                                () -> false);
            }
            for (int t = 0; t < steps; t++) {
                long[] next = new long[last.length];
                for (int i = 0; i < last.length; i++) {
                    next[i] = best(last[i]);
                    tokens[i * steps + t] = next[i];
                    System.arraycopy(last[i], 0, logits, (i * steps + t) * vocabulary, vocabulary);
                }
                View after = network.logitsOfRows(network.step(network.embed(Tensor.of(next, next.length, 1)), caches))
                        .view();
                Arrays.setAll(last, i -> after.select(0, i).toDoubles());
            }
        } finally {
            caches.forEach(KeyValueCache::close);
        }
        String name = file + ":" + prefix + "new_tokens";
        double[] expected = rows.reference(name, golden.doubles(file, prefix + "new_tokens"));
        rows.tokens(
                name,
                expected,
                tokens,
                steps,
                at -> logits[at * vocabulary + (int) tokens[at]] - logits[at * vocabulary + (int) expected[at]]);
        if (golden.has(file, prefix + "logits")) {
            double[] all = golden.doubles(file, prefix + "logits");
            boolean[] behind = new boolean[logits.length];
            for (int from = 0; from < tokens.length; from += steps) {
                int at = Arrays.mismatch(expected, from, from + steps, tokens, from, from + steps);
                int first = at < 0 ? from + steps : from + at + 1;
                Arrays.fill(behind, first * vocabulary, (from + steps) * vocabulary, true);
            }
            rows.compare(file + ":" + prefix + "logits", all, logits, Rows.OUTPUT, behind, "behind another token");
        }
    }

    private static Tensor ids(int[] prompt) {
        return Tensor.of(Arrays.stream(prompt).asLongStream().toArray(), 1, prompt.length);
    }

    private static int best(double[] logits) {
        int best = 0;
        for (int i = 1; i < logits.length; i++) {
            best = logits[i] > logits[best] ? i : best;
        }
        return best;
    }

    /** The answers of {@code generate.json}, as the generator gives them; no token ends one. */
    void compareListed() throws IOException {
        Path file = golden.directory().resolve(ANSWERS);
        if (!Files.exists(file)) {
            return;
        }
        List<int[]> prompts = new ArrayList<>();
        List<double[]> expected = new ArrayList<>();
        for (JsonNode answer : new ObjectMapper().readTree(file.toFile())) {
            prompts.add(Arrays.stream(numbers(answer.path("prompt")))
                    .mapToInt(x -> (int) x)
                    .toArray());
            expected.add(numbers(answer.path("new_tokens")));
        }
        int most = expected.stream().mapToInt(e -> e.length).max().orElse(1);
        try (Scope scope = Scope.open(computing.kernels())) {
            List<Generation> answers = new Generator(network, () -> TextStream.SILENT, computing.dtype())
                    .answer(prompts, GenerationOptions.GREEDY.withMaxNewTokens(most), List.of(), () -> false);
            for (int i = 0; i < prompts.size(); i++) {
                double[] ours = Arrays.stream(answers.get(i).tokens())
                        .limit(expected.get(i).length)
                        .asDoubleStream()
                        .toArray();
                int[] prompt = prompts.get(i);
                double[] wanted = rows.reference(ANSWERS + ":" + i, expected.get(i));
                rows.tokens(ANSWERS + ":" + i, wanted, ours, wanted.length, at -> {
                    double[] logits = logitsBehind(prompt, wanted, at);
                    return logits[(int) ours[at]] - logits[(int) wanted[at]];
                });
            }
        }
    }

    /** Logits behind a prompt and the first tokens of an answer. */
    private double[] logitsBehind(int[] prompt, double[] answer, int count) {
        int[] all = Arrays.copyOf(prompt, prompt.length + count);
        for (int i = 0; i < count; i++) {
            all[prompt.length + i] = (int) answer[i];
        }
        Tensor positions = LlamaNetwork.positions(0, all.length);
        Tensor hidden = network.hidden(network.embed(ids(all)), positions, AttentionMask.causal(), null, Probe.NONE);
        return network.logits(hidden.slice(1, all.length - 1, all.length)).toDoubles();
    }

    private static double[] numbers(JsonNode list) {
        double[] out = new double[list.size()];
        Arrays.setAll(out, i -> list.get(i).asDouble());
        return out;
    }
}
