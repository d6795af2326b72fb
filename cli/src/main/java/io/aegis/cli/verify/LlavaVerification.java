package io.aegis.cli.verify;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.layers.Parameters;
import io.aegis.layers.Probe;
import io.aegis.models.checkpoint.VisionLanguageCheckpoint;
import io.aegis.models.checkpoint.VisionLanguageConfig;
import io.aegis.models.llama.KeyValueCache;
import io.aegis.models.llama.LlamaNetwork;
import io.aegis.models.llava.Projector;
import io.aegis.models.llava.Splice;
import io.aegis.models.vit.VisionTransformer;
import io.aegis.tensor.AttentionMask;
import io.aegis.tensor.Gradients;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;

/**
 * Compares a LLaVA, tower, projector, splice and language model: every batch of the reference, whose keys begin with
 * {@code expanded.} or {@code legacy.} and a side of padding, or with {@code two_images.}; the gradients of one batch's
 * loss for all weights; and answers, token by token. Logits count where something real is.
 */
final class LlavaVerification {
    private static final String IO = "io";
    private static final String GRADIENTS = "grads";
    private static final String DIFFERENTIATED = "expanded.right";
    private static final String ANSWERS = "generate.json";

    private final Golden golden;
    private final Verification.Computing computing;
    private final Rows rows;
    private final VisionLanguageCheckpoint checkpoint;
    private final VisionLanguageConfig config;
    private final Parameters parameters = new Parameters();
    private final VisionTransformer tower;
    private final Projector projector;
    private final LlamaNetwork language;

    private LlavaVerification(
            Golden golden, Verification.Computing computing, Rows rows, VisionLanguageCheckpoint checkpoint) {
        this.golden = golden;
        this.computing = computing;
        this.rows = rows;
        this.checkpoint = checkpoint;
        config = checkpoint.config();
        var vision = config.vision().orElseThrow();
        var llama = config.language().orElseThrow();
        tower = new VisionTransformer(
                parameters.at("vis"), vision, config.feature().layer());
        projector = new Projector(parameters.at("proj"), vision.width(), llama.hidden());
        language = new LlamaNetwork(parameters.at("llm"), llama);
        computing.weights().loadTrainable(checkpoint, parameters, computing.dtype());
    }

    static void run(Golden golden, Verification.Computing computing, Rows rows) throws IOException {
        try (VisionLanguageCheckpoint checkpoint =
                VisionLanguageCheckpoint.open(computing.weights().of(golden.directory()))) {
            LlavaVerification v = new LlavaVerification(golden, computing, rows, checkpoint);
            try (Parameters p = v.parameters) {
                v.batches();
                v.answers();
            }
        }
    }

    private void batches() {
        golden.groups(IO, ".input_ids").forEach(this::batch);
    }

    private void batch(String group) {
        try (Scope scope = Scope.open(computing.kernels());
                Tape tape = Tape.record()) {
            Tensor features = features(golden.view(IO, "pixel_values"));
            compare(group + ".vision_features", features);
            Tensor projected = projector.of(features);
            compare(group + ".image_features", projected);

            LlavaBatch batch = new LlavaBatch(
                    longs(group + ".input_ids"),
                    config.feature().pictureToken(),
                    checkpoint.json().whole("pad_token_id", -1),
                    config.pictureRows(),
                    group.startsWith("legacy."));
            long d = projected.size(2);
            Tensor embeddings = batch.embeddings(language::embed, projected.reshape(-1, d));
            compare(group + ".inputs_embeds", embeddings);

            long b = embeddings.size(0);
            long n = batch.length();
            long[] mask = batch.mask(longs(group + ".attention_mask"));
            compare(group + ".lm_attention_mask", mask);
            long[] positions = batch.positions(mask);
            compare(group + ".lm_position_ids", positions);
            Tensor keys =
                    Tensor.of(DType.U8, Arrays.stream(mask).asDoubleStream().toArray(), b, n);
            Tensor hidden = language.hidden(
                    embeddings, Tensor.of(positions, b, n), AttentionMask.of(true, keys), null, Probe.NONE);
            logits(group + ".logits", language.logits(hidden), mask);

            Tensor labels = Tensor.of(batch.labels(longs(group + ".labels"), mask), b, n);
            Tensor loss = language.loss(hidden, labels);
            compare(group + ".loss", loss);
            if (group.equals(DIFFERENTIATED) && golden.has(GRADIENTS)) {
                gradients(tape, loss);
            }
        }
    }

    private Tensor features(View pixels) {
        rows.given(IO + ":pixel_values");
        VisionLanguageConfig.Feature feature = config.feature();
        return tower.features(Tensor.copyOf(pixels, computing.dtype()), feature.layer(), feature.dropFirst());
    }

    private void gradients(Tape tape, Tensor loss) {
        List<Tensor> leaves = new ArrayList<>();
        parameters.trainable().forEach(p -> leaves.add(p.tensor()));
        try (Gradients gradients = tape.gradients(loss, leaves)) {
            new GradientRows(golden, rows, GRADIENTS)
                    .compare(parameters.trainable(), gradients, checkpoint::nameInFile);
        }
    }

    /** Greedy answers with a key-value cache; the ids of padding and of pictures are never chosen. */
    private void answers() throws IOException {
        Path file = golden.directory().resolve(ANSWERS);
        if (!Files.exists(file)) {
            return;
        }
        View pixels = golden.view(IO, "pixel_values");
        int i = 0;
        for (JsonNode answer : new ObjectMapper().readTree(file.toFile())) {
            long image = answer.path("image").asLong();
            double[] expected = rows.reference(ANSWERS + ":" + i, numbers(answer.path("new_tokens")));
            long[] prompt = Arrays.stream(numbers(answer.path("prompt_single_image_token")))
                    .mapToLong(x -> (long) x)
                    .toArray();
            double[][] logits = answer(pixels.slice(0, image, image + 1), prompt, expected.length);
            double[] ours = Arrays.stream(logits).mapToDouble(this::best).toArray();
            rows.tokens(
                    ANSWERS + ":" + i++,
                    expected,
                    ours,
                    expected.length,
                    at -> logits[at][(int) ours[at]] - logits[at][(int) expected[at]]);
        }
    }

    /** The logits from which each token of an answer is chosen. */
    private double[][] answer(View pixels, long[] prompt, int count) {
        double[][] out = new double[count][];
        try (Scope scope = Scope.open(computing.kernels());
                KeyValueCache cache = new KeyValueCache(language.config(), prompt.length + count)) {
            Tensor projected = projector.of(features(pixels));
            Splice splice = Splice.of(prompt, config.feature().pictureToken(), config.pictureRows());
            Tensor x = splice.of(language::embed, projected.reshape(-1, projected.size(2)));
            x = x.reshape(1, splice.length(), -1);
            Tensor hidden = language.hidden(
                    x, LlamaNetwork.positions(0, splice.length()), AttentionMask.causal(), cache, Probe.NONE);
            Tensor last = hidden.slice(1, hidden.size(1) - 1, hidden.size(1));
            for (int i = 0; i < count; i++) {
                out[i] = language.logits(last).toDoubles();
                long[] token = {best(out[i])};
                last = language.step(language.embed(Tensor.of(token, 1, 1)), List.of(cache));
            }
        }
        return out;
    }

    private long best(double[] logits) {
        long picture = config.feature().pictureToken();
        long pad = checkpoint.json().whole("pad_token_id", -1);
        return LongStream.range(0, logits.length)
                .filter(id -> id != picture && id != pad)
                .reduce((a, b) -> logits[(int) b] > logits[(int) a] ? b : a)
                .orElseThrow();
    }

    private void logits(String key, Tensor ours, long[] mask) {
        if (golden.has(IO, key)) {
            boolean[] noise = new boolean[(int) ours.elements()];
            int width = (int) ours.size(-1);
            for (int i = 0; i < noise.length; i++) {
                noise[i] = mask[i / width] == 0;
            }
            rows.compare(
                    IO + ":" + key, golden.doubles(IO, key), ours.toDoubles(), Rows.OUTPUT, noise, "scores of padding");
        }
    }

    private void compare(String key, Tensor ours) {
        if (golden.has(IO, key)) {
            rows.compare(IO + ":" + key, golden.doubles(IO, key), ours.toDoubles(), Rows.OUTPUT);
        }
    }

    private void compare(String key, long[] ours) {
        if (golden.has(IO, key)) {
            rows.compare(
                    IO + ":" + key,
                    golden.doubles(IO, key),
                    Arrays.stream(ours).asDoubleStream().toArray(),
                    0);
        }
    }

    private long[][] longs(String key) {
        rows.given(IO + ":" + key);
        View v = golden.view(IO, key);
        long[] flat = golden.longs(IO, key);
        int width = (int) v.size(1);
        return LongStream.range(0, v.size(0))
                .mapToObj(i -> Arrays.copyOfRange(flat, (int) i * width, (int) (i + 1) * width))
                .toArray(long[][]::new);
    }

    private static double[] numbers(JsonNode list) {
        double[] out = new double[list.size()];
        Arrays.setAll(out, i -> list.get(i).asDouble());
        return out;
    }
}
