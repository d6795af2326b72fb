package io.aegis.cli;

import io.aegis.models.checkpoint.Synthesis;
import io.aegis.training.Schedule;
import io.aegis.training.faceshield.DevelopmentLog;
import io.aegis.training.faceshield.FaceShieldPlan;
import io.aegis.training.faceshield.FaceShieldTrainer;
import io.aegis.training.faceshield.FaceShieldTrainingData;
import io.aegis.training.faceshield.FaceShieldTrainingOptions;
import io.aegis.training.faceshield.InstructionFile;
import io.aegis.training.faceshield.InstructionSet;
import io.aegis.training.faceshield.Problems;
import io.aegis.training.faceshield.Stage;
import io.aegis.training.memory.MemoryBudget;
import io.aegis.training.memory.Workspace;
import io.aegis.training.report.ProgressBar;
import io.aegis.weights.ConfigJson;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** From LLaVA's instruction JSON; a share of the pictures is held out. */
@Command(
        name = "faceshield",
        description = "Trains a FaceShield (arXiv 2505.09415). A run that was stopped, at whatever moment, goes on with"
                + " --resume as if it had not been.",
        mixinStandardHelpOptions = true,
        sortOptions = false)
final class TrainFaceShieldCommand implements Callable<Integer> {
    @Option(
            names = "--stage",
            required = true,
            paramLabel = "1|2|full",
            description = "1: the projector, on captions; 2: adapters in the language model and the projector; full:"
                    + " everything, for small models from scratch")
    String stage;

    @Option(
            names = "--model",
            required = true,
            paramLabel = "DIR",
            description =
                    "what to start from; with --stage full a folder with config.json and tokenizer.json is enough, with"
                            + " --plan a config.json or a name that synthesize knows")
    Path model;

    @Option(
            names = "--plan",
            description = "prints what training would hold in memory, and whether that fits, and does not begin; only"
                    + " --stage and --model are needed")
    boolean plan;

    @Mixin
    MemoryOptions memory = new MemoryOptions();

    @Option(
            names = "--weights",
            description =
                    "with --plan and no weights at hand: how they would be stored, f32, f16, bf16 (default), int8 or"
                            + " int4")
    StoredForm weights = StoredForm.BF16;

    @Option(
            names = "--data",
            paramLabel = "JSON",
            description =
                    "LLaVA's list (or one object a line) of {id, image, conversations}; label, attack, box, task and"
                            + " domain may stand beside them")
    Path data;

    @Option(names = "--images", paramLabel = "DIR", description = "the folder of the pictures")
    Path images;

    @Option(
            names = "--dev",
            paramLabel = "JSON",
            description = "the development set; without it a share of --data is held out")
    Path development;

    @Option(
            names = "--dev-share",
            paramLabel = "S",
            description = "share of the pictures held out (default ${DEFAULT-VALUE})")
    double share = 0.1;

    @Option(names = "--out", paramLabel = "DIR", description = "the run folder")
    Path out;

    @Option(names = "--resume", description = "go on with the run in --out")
    boolean resume;

    @Option(names = "--epochs", description = "default: 1, of full 20")
    Integer epochs;

    @Option(names = "--batch", description = "questions in a micro-batch; default: 8, of full 32")
    Integer batch;

    @Option(
            names = "--accumulate",
            paramLabel = "N",
            description = "micro-batches for an update; default: 32, 16, of full 1")
    Integer accumulate;

    @Option(
            names = "--mean-of-batches",
            description = "the mean of the micro-batches' mean losses, instead of the mean over all tokens")
    boolean meanOfBatches;

    @Option(names = "--lr", paramLabel = "RATE", description = "default: 1e-4, 2e-4, of full 5e-4")
    Double rate;

    @Option(
            names = "--projector-lr",
            paramLabel = "RATE",
            description = "of the projector, and of a tower that learns; default: 1e-4, 2e-5, of full 5e-4")
    Double projectorRate;

    @Option(names = "--schedule", description = "constant, cosine (default), cosine:FLOOR or step:EVERY:FACTOR")
    String schedule = "cosine";

    @Option(names = "--warm-up", paramLabel = "S", description = "share of the updates (default 0.03)")
    Double warmUp;

    @Option(
            names = "--beta2",
            paramLabel = "B",
            description = "decay of Adam's second moment; default: 0.999, of full 0.99")
    Double beta2;

    @Option(names = "--weight-decay", paramLabel = "L", description = "of matrices; default: 0, of full 0.05")
    Double weightDecay;

    @Option(names = "--clip", paramLabel = "L", description = "longest gradient (default 1)")
    Double clip;

    @Option(names = "--rank", description = "of adapters (default 128)")
    Integer rank;

    @Option(names = "--alpha", description = "of adapters (default 256)")
    Double alpha;

    @Option(names = "--dropout", paramLabel = "P", description = "of adapters (default 0.05)")
    Double dropout;

    @Option(names = "--length", paramLabel = "N", description = "longest sequence; default: the model's")
    int length;

    @Option(
            names = "--lanes",
            paramLabel = "N",
            description = "questions computed at once, a thread each; default: 1, of full 2")
    Integer lanes;

    @Option(
            names = "--checkpointing",
            negatable = true,
            description = "compute each block again going backward, to save memory; default: yes, of full no")
    Boolean checkpointing;

    @Option(
            names = "--best",
            description = "the best state is that of the least loss (default) or of the greatest accuracy")
    FaceShieldTrainingOptions.Best best = FaceShieldTrainingOptions.Best.LOSS;

    @Option(names = "--seed", description = "default ${DEFAULT-VALUE}")
    long seed = 42;

    @Option(
            names = "--save-every",
            paramLabel = "N",
            description = "updates between checkpoints (default ${DEFAULT-VALUE})")
    long saveEvery = 50;

    @Option(
            names = "--feature-cache",
            paramLabel = "DIR",
            description = "where stages 1 and 2 keep what the tower sees; default: features in the run folder")
    Path cache;

    @Mixin
    DeviceOptions computing = new DeviceOptions();

    @Spec
    CommandSpec spec;

    @Override
    public Integer call() {
        if (plan) {
            plan().lines().forEach(spec.commandLine().getOut()::println);
            spec.commandLine().getOut().flush();
            return 0;
        }
        requireAll();
        computing.choose();
        FaceShieldTrainingOptions options = options();
        FaceShieldTrainingData sets = sets();
        ProgressBar.Surroundings console = ProgressBar.Surroundings.standard();
        FaceShieldTrainer.Outcome outcome = resume
                ? FaceShieldTrainer.resume(model, options, sets, console)
                : FaceShieldTrainer.train(model, options, sets, console);
        PrintWriter to = spec.commandLine().getOut();
        DevelopmentLog reached = outcome.best();
        to.printf(
                Locale.ROOT,
                "best state, after update %d: %s%ndevelopment: loss %.4f%n",
                reached.update(),
                outcome.model(),
                reached.loss());
        if (reached.hasThreshold()) {
            to.printf(
                    Locale.ROOT,
                    "development, faces scored by the two canonical answers: AUC %.4f, EER %.4f, accuracy %.4f at the"
                            + " threshold %.4f%n",
                    reached.auc(),
                    reached.eer(),
                    reached.accuracy(),
                    reached.threshold());
        }
        to.println("memory: " + outcome.memory().line());
        outcome.problems().summary().forEach(to::println);
        to.flush();
        return 0;
    }

    private void requireAll() {
        Map<String, Path> needed = new LinkedHashMap<>();
        needed.put("--data", data);
        needed.put("--images", images);
        needed.put("--out", out);
        String missing = needed.entrySet().stream()
                .filter(e -> e.getValue() == null)
                .map(Map.Entry::getKey)
                .collect(Collectors.joining(", "));
        if (!missing.isEmpty()) {
            throw new ParameterException(spec.commandLine(), "Missing required options: " + missing);
        }
    }

    private FaceShieldPlan plan() {
        Workspace device = computing.workspace();
        MemoryBudget budget = memory.known(device).orElse(null);
        if (out == null) {
            out = Path.of("run");
        }
        if (Files.isDirectory(model) && !Files.isRegularFile(model.resolve("tokenizer.json"))
                || !Files.isDirectory(model)) {
            ConfigJson config = Synthesis.config(model.toString());
            return FaceShieldPlan.of(config, weights.of(config, 0), options(), device, budget);
        }
        return FaceShieldPlan.of(model, options(), device, budget);
    }

    private FaceShieldTrainingData sets() {
        Problems problems = new Problems();
        InstructionSet all = InstructionFile.read(data, images, problems);
        return development == null
                ? FaceShieldTrainingData.heldOut(all, share, seed, problems)
                : new FaceShieldTrainingData(all, InstructionFile.read(development, images, problems), problems);
    }

    private FaceShieldTrainingOptions options() {
        FaceShieldTrainingOptions usual = FaceShieldTrainingOptions.of(Stage.named(stage), out);
        FaceShieldTrainingOptions.Fit f = usual.fit();
        FaceShieldTrainingOptions.Limits l = usual.limits();
        FaceShieldTrainingOptions.Lora a = usual.lora();
        return usual.withSeed(seed)
                .withBest(best)
                .withFit(new FaceShieldTrainingOptions.Fit(
                        or(epochs, f.epochs()),
                        or(batch, f.batch()),
                        or(accumulate, f.accumulation()),
                        meanOfBatches
                                ? FaceShieldTrainingOptions.Normalization.MICRO_BATCHES
                                : FaceShieldTrainingOptions.Normalization.TOKENS,
                        or(rate, f.learningRate()),
                        or(projectorRate, rate != null && usual.stage() != Stage.ADAPTERS ? rate : f.projectorRate()),
                        Schedule.parse(schedule),
                        or(warmUp, f.warmUp()),
                        or(beta2, f.beta2()),
                        or(weightDecay, f.weightDecay()),
                        or(clip, f.clip())))
                .withLora(new FaceShieldTrainingOptions.Lora(
                        or(rank, a.rank()), or(alpha, a.alpha()), or(dropout, a.dropout())))
                .withLimits(new FaceShieldTrainingOptions.Limits(
                        length, or(lanes, l.lanes()), or(checkpointing, l.checkpointed())))
                .withRun(new FaceShieldTrainingOptions.Run(out, saveEvery, cache, memory.bytes()));
    }

    private static <T> T or(T given, T usual) {
        return Optional.ofNullable(given).orElse(usual);
    }
}
