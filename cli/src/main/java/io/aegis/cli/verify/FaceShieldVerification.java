package io.aegis.cli.verify;

import io.aegis.image.Image;
import io.aegis.image.Images;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.layers.Pass;
import io.aegis.models.checkpoint.VisionLanguageCheckpoint;
import io.aegis.models.faceshield.Draw;
import io.aegis.models.faceshield.FacePictures;
import io.aegis.models.faceshield.FaceShieldConfig;
import io.aegis.models.faceshield.FaceShieldFolder;
import io.aegis.models.faceshield.FaceShieldNetwork;
import io.aegis.models.faceshield.KeptTokens;
import io.aegis.models.faceshield.MaskingMode;
import io.aegis.models.faceshield.PromptText;
import io.aegis.models.faceshield.RankedTokens;
import io.aegis.models.faceshield.Selection;
import io.aegis.models.faceshield.Sequence;
import io.aegis.models.faceshield.TeacherForcing;
import io.aegis.models.llama.GenerationOptions;
import io.aegis.models.llama.Generator;
import io.aegis.models.llama.KeyValueCache;
import io.aegis.models.llama.TextStream;
import io.aegis.tensor.Gradients;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import io.aegis.tokenizer.Tokenizer;
import io.aegis.weights.ConfigJson;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.List;
import java.util.stream.DoubleStream;

/**
 * Compares a whole FaceShield: the picture and its auxiliary picture, ids, the tower, the projector, the ranking of tokens,
 * and with all tokens ({@code off.}) and the best ones ({@code topk.}) logits, greedy answers and the likelihoods of the
 * canonical ones; at last the loss of an answer behind the tokens of {@code train.kept}, and its gradients.
 */
final class FaceShieldVerification {
    private static final String IO = "io";
    private static final String GRADIENTS = "grads";
    private static final String PICTURE = "face.png";

    private final Golden golden;
    private final Verification.Computing computing;
    private final Rows rows;
    private final VisionLanguageCheckpoint checkpoint;
    private final FaceShieldConfig config;
    private final Tokenizer tokenizer;
    private final Parameters parameters = new Parameters();
    private final FaceShieldNetwork network;

    private FaceShieldVerification(
            Golden golden, Verification.Computing computing, Rows rows, VisionLanguageCheckpoint checkpoint) {
        this.golden = golden;
        this.computing = computing;
        this.rows = rows;
        this.checkpoint = checkpoint;
        config = FaceShieldConfig.of(checkpoint.config(), checkpoint.json());
        tokenizer = FaceShieldFolder.tokenizer(golden.directory(), config, checkpoint.json());
        network = new FaceShieldNetwork(parameters, config);
        computing.weights().loadTrainable(checkpoint, parameters, computing.dtype());
    }

    /** Whether a directory holds such references. */
    static boolean recognises(Golden golden) {
        return golden.has(IO, "input_ids") && Files.exists(golden.directory().resolve(PICTURE));
    }

    static void run(Golden golden, Verification.Computing computing, Rows rows) {
        try (VisionLanguageCheckpoint checkpoint =
                FaceShieldFolder.open(computing.weights().of(golden.directory()))) {
            FaceShieldVerification v = new FaceShieldVerification(golden, computing, rows, checkpoint);
            try (Parameters p = v.parameters) {
                v.run();
            }
        }
    }

    private void run() {
        pictures();
        long[] question = ids();
        try (Scope scope = Scope.open(computing.kernels())) {
            Tensor features = network.features(golden.tensor(IO, "pixel_values", computing.dtype()));
            compare("vision_features", features.toDoubles());
            Tensor projected = network.project(features);
            compare("projected", projected.toDoubles());
            compare("prompt_vector", network.prompt(question).toDoubles());
            Selection best = network.rank(features, projected, question, MaskingMode.TOPK_ONLY, new Draw(0, 0, 0))
                    .selection();
            compare("pvtm.cosine", best.cosine());
            compare("pvtm.rank_score", best.importance());
            exactly("pvtm.topk_kept", best.top());
            for (MaskingMode mode : new MaskingMode[] {MaskingMode.OFF, MaskingMode.TOPK_ONLY}) {
                RankedTokens ranked = network.rank(features, projected, question, mode, new Draw(0, 0, 0));
                answers(mode == MaskingMode.OFF ? "off." : "topk.", sequence(projected, ranked.kept()));
            }
            training(features);
        }
    }

    private void pictures() {
        Image picture = Images.read(golden.directory().resolve(PICTURE));
        exactly("image", Computed.exactly(picture.rgb()).values());
        FacePictures seen = FacePictures.of(picture, config);
        exactly("resized_rgb", Computed.exactly(seen.rgb()).values());
        exactly("savp", Computed.exactly(seen.savp()).values());
        float[] pixels = seen.pixels(config);
        exactly("pixel_values", Computed.exactly(pixels).values());
    }

    /** Compares the ids of the prompt and of its question, which is given back. */
    private long[] ids() {
        ConfigJson json = checkpoint.json();
        String question = json.text("question");
        String prompt =
                json.text("template").replace("{system}", json.text("system")).replace("{question}", question);
        exactly("input_ids", PromptText.ids(tokenizer, prompt));
        long[] alone =
                Arrays.stream(tokenizer.encode(question, false)).asLongStream().toArray();
        exactly("question_ids", alone);
        List<String> canonical = config.options().prompts().answers();
        for (String mode : List.of("off.", "topk.")) {
            exactly(mode + "answer_real_ids", tokenizer.encode(canonical.get(0), false));
            exactly(mode + "answer_spoof_ids", tokenizer.encode(canonical.get(1), false));
        }
        return alone;
    }

    private Sequence sequence(Tensor projected, KeptTokens kept) {
        return network.sequence(golden.longs(IO, "input_ids"), network.masked(projected, kept));
    }

    private void answers(String mode, Sequence s) {
        compare(mode + "logits", network.logits(s).toDoubles());
        Generator generator = new Generator(network.language(), () -> TextStream.SILENT, computing.dtype());
        try (KeyValueCache cache =
                new KeyValueCache(network.language().config(), s.length() + 64L, computing.dtype())) {
            generator.read(s.rows(0, s.prefix()), s.positions(0, s.prefix(), 0), cache, () -> false);
            double[] last = generator.readLast(
                    s.rows(s.prefix(), s.length()), s.positions(s.prefix(), s.length(), 0), cache, () -> false);
            double[][] forced = TeacherForcing.logProbabilities(
                    network.language(),
                    cache,
                    last,
                    golden.longs(IO, mode + "answer_real_ids"),
                    golden.longs(IO, mode + "answer_spoof_ids"));
            double real = DoubleStream.of(forced[0]).sum();
            double spoof = DoubleStream.of(forced[1]).sum();
            compare(mode + "logprob_real", new double[] {real});
            compare(mode + "logprob_spoof", new double[] {spoof});
            compare(mode + "score", new double[] {real - spoof});

            int count = golden.longs(IO, mode + "generate").length;
            Generator.Start start = new Generator.Start(cache, last, new int[0], 0, piece -> {});
            long[] ours = Arrays.stream(generator
                            .continueFrom(List.of(start), GenerationOptions.GREEDY.withMaxNewTokens(count), () -> false)
                            .getFirst()
                            .tokens())
                    .asLongStream()
                    .toArray();
            String name = IO + ":" + mode + "generate";
            double[] wanted = rows.reference(name, golden.doubles(IO, mode + "generate"));
            rows.tokens(name, wanted, Arrays.stream(ours).asDoubleStream().toArray(), count, at -> {
                cache.truncate(s.length(), s.next());
                long[] theirs = Arrays.stream(wanted).mapToLong(x -> (long) x).toArray();
                return lead(cache, last, theirs, ours, at);
            });
        }
    }

    /** By how much token {@code at} of one answer is likelier than that of another, which begins alike. */
    private double lead(KeyValueCache cache, double[] last, long[] reference, long[] ours, int at) {
        double[][] each = TeacherForcing.logProbabilities(
                network.language(), cache, last, Arrays.copyOf(ours, at + 1), Arrays.copyOf(reference, at + 1));
        return each[0][at] - each[1][at];
    }

    private void training(Tensor features) {
        int[] kept = Arrays.stream(golden.longs(IO, "train.kept"))
                .mapToInt(Math::toIntExact)
                .toArray();
        rows.given(IO + ":train.kept");
        rows.given(IO + ":train.answer_ids");
        try (Tape tape = Tape.record()) {
            Tensor projected = network.project(features.detach());
            Tensor loss = network.loss(
                    sequence(projected, KeptTokens.of(kept)),
                    golden.longs(IO, "train.answer_ids"),
                    Pass.EVALUATION,
                    true);
            compare("train.loss", loss.toDoubles());
            List<Parameter> compared = parameters.trainable().stream()
                    .filter(p -> golden.has(GRADIENTS, checkpoint.nameInFile(p.name())))
                    .toList();
            try (Gradients gradients = tape.gradients(
                    loss, compared.stream().map(Parameter::tensor).toList())) {
                new GradientRows(golden, rows, GRADIENTS).compare(compared, gradients, checkpoint::nameInFile);
            }
        }
    }

    private void compare(String key, double[] ours) {
        if (golden.has(IO, key)) {
            rows.compare(IO + ":" + key, golden.doubles(IO, key), ours, Rows.OUTPUT);
        }
    }

    private void exactly(String key, double[] ours) {
        if (golden.has(IO, key)) {
            rows.compare(IO + ":" + key, golden.doubles(IO, key), ours, 0);
        }
    }

    private void exactly(String key, long[] ours) {
        exactly(key, Arrays.stream(ours).asDoubleStream().toArray());
    }

    private void exactly(String key, int[] ours) {
        exactly(key, Arrays.stream(ours).asDoubleStream().toArray());
    }
}
