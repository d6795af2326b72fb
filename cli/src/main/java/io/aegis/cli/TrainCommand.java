package io.aegis.cli;

import io.aegis.image.Augmentation;
import io.aegis.models.dadm.Dadm;
import io.aegis.models.dadm.DadmConfig;
import io.aegis.models.dadm.Modality;
import io.aegis.training.Schedule;
import io.aegis.training.dadm.DadmEvaluator;
import io.aegis.training.dadm.DadmMemory;
import io.aegis.training.dadm.DadmTrainer;
import io.aegis.training.dadm.DadmTrainingData;
import io.aegis.training.dadm.DadmTrainingOptions;
import io.aegis.training.dadm.SampleSource;
import io.aegis.training.data.Balance;
import io.aegis.training.data.Domains;
import io.aegis.training.data.FlexModal;
import io.aegis.training.data.Manifest;
import io.aegis.training.data.MissingModalities;
import io.aegis.training.data.MmdgBenchmark;
import io.aegis.training.data.Protocol;
import io.aegis.training.data.RandomMissing;
import io.aegis.training.data.Split;
import io.aegis.training.memory.MemoryPlan;
import io.aegis.training.memory.Workspace;
import io.aegis.training.metrics.Evaluation;
import io.aegis.training.metrics.Scores;
import io.aegis.training.metrics.Threshold;
import io.aegis.training.metrics.ThresholdRule;
import io.aegis.training.report.ProgressBar;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Trains models. */
@Command(
        name = "train",
        description = "Trains a model.",
        mixinStandardHelpOptions = true,
        subcommands = {TrainCommand.OfDadm.class, TrainFaceShieldCommand.class})
final class TrainCommand implements Runnable {
    @Spec
    CommandSpec spec;

    @Override
    public void run() {
        spec.commandLine().usage(spec.commandLine().getOut());
    }

    /** From a manifest, or the lists of a benchmark; the test set of a benchmark is measured once, at the end. */
    @Command(
            name = "dadm",
            description = "Trains a DADM (arXiv 2503.00429). A run that was stopped, at whatever moment, goes on with"
                    + " --resume as if it had not been.",
            mixinStandardHelpOptions = true,
            sortOptions = false)
    static final class OfDadm implements Callable<Integer> {
        /** Whose list files. */
        enum Benchmark {
            MMDG,
            FLEXMODAL
        }

        /** Sizes of the model. */
        enum Size {
            /** ViT-B/16 at 224 pixels, as published: 267.8 million parameters. */
            BASE(DadmConfig.BASE),
            /** 96 pixels, for a few thousand samples and an hour. */
            SMALL(new DadmConfig(192, 6, 4, 12, 8, 768, 48, 8, 5)),
            /** 32 pixels, for a try. */
            TINY(new DadmConfig(48, 4, 2, 8, 4, 96, 16, 8, 5));

            private final DadmConfig config;

            Size(DadmConfig config) {
                this.config = config;
            }
        }

        @Option(
                names = "--data",
                paramLabel = "CSV",
                description = "manifest: rgb,depth,ir,label[,domain,attack,box,subject]")
        Path data;

        @Option(
                names = "--dev",
                paramLabel = "CSV",
                description = "manifest of the development set; without it a share of --data is held out")
        Path development;

        @Option(
                names = "--dev-share",
                paramLabel = "S",
                description = "share held out (default ${DEFAULT-VALUE}), whole subjects")
        double share = 0.15;

        @Option(
                names = "--protocol",
                paramLabel = "NAME",
                description = "mmdg or flexmodal: list files instead of a manifest")
        Benchmark protocol;

        @Option(names = "--root", paramLabel = "DIR", description = "where the benchmark lies")
        Path root;

        @Option(names = "--train", paramLabel = "A,B,C", split = ",", description = "its training sets, in order")
        List<String> train;

        @Option(names = "--test", paramLabel = "D", split = ",", description = "its test sets")
        List<String> test;

        @Option(names = "--out", paramLabel = "DIR", description = "the run folder")
        Path out;

        @Option(names = "--resume", description = "go on with the run in --out")
        boolean resume;

        @Option(
                names = "--plan",
                description = "prints what training would hold in memory, and whether that fits, and does not begin;"
                        + " neither data nor --out are needed")
        boolean plan;

        @Mixin
        MemoryOptions memory = new MemoryOptions();

        @Option(
                names = "--init",
                paramLabel = "FILE",
                description =
                        "a ViT-B/16 (torchvision, timm or Hugging Face) to start from; its layers are then frozen but the last, as published")
        Path init;

        @Option(names = "--recipe", description = "intended (default) or official: what the published code does")
        String recipe = "intended";

        @Option(names = "--size", description = "base (default), small or tiny")
        Size size = Size.BASE;

        @Option(names = "--epochs", description = "default ${DEFAULT-VALUE}")
        int epochs = 80;

        @Option(names = "--batch", description = "samples a step (default ${DEFAULT-VALUE})")
        int batch = 16;

        @Option(
                names = "--accumulate",
                paramLabel = "N",
                description =
                        "steps an update (default ${DEFAULT-VALUE}); not the same as a larger batch: angle and prototype losses couple rows, and batch norm sees each step alone")
        int accumulate = 1;

        @Option(names = "--lr", description = "learning rate (default ${DEFAULT-VALUE})")
        double rate = 5e-5;

        @Option(names = "--schedule", description = "constant (default), cosine[:FLOOR] or step:EVERY:FACTOR")
        String schedule = "constant";

        @Option(
                names = "--warm-up",
                paramLabel = "N",
                description = "updates of linear warm-up (default ${DEFAULT-VALUE})")
        long warmUp = 0;

        @Option(names = "--weight-decay", description = "L2 factor (default ${DEFAULT-VALUE})")
        double weightDecay = 5e-5;

        @Option(names = "--seed", description = "default ${DEFAULT-VALUE}")
        long seed = 42;

        @Option(
                names = "--balance",
                description = "none (default), domain or domain_and_label: whose shares of a batch are equal")
        Balance balance = Balance.NONE;

        @Option(
                names = "--augment",
                negatable = true,
                defaultValue = "true",
                fallbackValue = "true",
                description = "shift colours, bend contrast, mirror, as published (default on)")
        boolean augment;

        @Option(
                names = "--drop-modalities",
                paramLabel = "P",
                description = "depth and infrared go missing at random with this probability (published: 0.3)")
        Double drop;

        @Option(names = "--without", paramLabel = "depth,ir", description = "train as if there were no such cameras")
        String without;

        @Option(
                names = "--bpcer",
                paramLabel = "P",
                description =
                        "choose the threshold that rejects at most this share of bona fide development samples, rather than the equal error rate")
        Double bpcer;

        @Option(
                names = "--save-every",
                paramLabel = "N",
                description = "updates between checkpoints (default ${DEFAULT-VALUE})")
        long saveEvery = 200;

        @Option(names = "--loaders", paramLabel = "N", description = "threads that decode pictures")
        int loaders = EvaluateCommand.loaders();

        @Mixin
        DeviceOptions computing = new DeviceOptions();

        @Spec
        CommandSpec spec;

        @Override
        public Integer call() {
            if (plan) {
                print(plan());
                return 0;
            }
            if (out == null) {
                throw wrong("Missing required option: '--out=DIR'");
            }
            computing.choose();
            Protocol lists = protocol();
            DadmTrainingData set = lists != null ? DadmTrainingData.of(lists, SampleSource.FILES) : manifest();
            DadmTrainingOptions options = options();
            ProgressBar.Surroundings console = ProgressBar.Surroundings.standard();
            DadmTrainer.Outcome outcome =
                    resume ? DadmTrainer.resume(options, set, console) : DadmTrainer.train(options, set, console);
            PrintWriter to = spec.commandLine().getOut();
            to.printf("best model, of epoch %d: %s%n", outcome.best().epoch(), outcome.model());
            to.println(outcome.development());
            to.println("memory: " + outcome.memory().line());
            if (lists != null && lists.test().size() > 0) {
                to.println(test(outcome.model(), lists.test(), options));
            }
            to.flush();
            return 0;
        }

        private void print(List<String> lines) {
            lines.forEach(spec.commandLine().getOut()::println);
            spec.commandLine().getOut().flush();
        }

        private List<String> plan() {
            Workspace device = computing.workspace();
            out = out == null ? Path.of("run") : out;
            MemoryPlan planned = DadmMemory.plan(options(), device);
            List<String> lines = new ArrayList<>(planned.lines());
            memory.known(device).ifPresent(budget -> {
                lines.add(budget.verdict(planned));
                if (!budget.fits(planned)) {
                    lines.add("  " + DadmMemory.remedy(options(), device, budget));
                }
            });
            return lines;
        }

        private Protocol protocol() {
            if (protocol == null) {
                if (data == null) {
                    throw wrong("give --data manifest.csv, or --protocol with --root, --train and --test");
                }
                if (root != null || train != null || test != null) {
                    throw wrong("--root, --train and --test belong to --protocol, which is not given");
                }
                return null;
            }
            if (data != null || root == null || train == null || test == null) {
                throw wrong("--protocol takes --root, --train and --test, and no --data");
            }
            return protocol == Benchmark.MMDG
                    ? MmdgBenchmark.open(root, train, test)
                    : FlexModal.open(root, train, test);
        }

        private DadmTrainingData manifest() {
            Split all = Manifest.open(data);
            if (development == null) {
                return DadmTrainingData.heldOut(all, share, seed, SampleSource.FILES);
            }
            return new DadmTrainingData(
                    new Domains(all.domains()), all, Manifest.open(development), SampleSource.FILES);
        }

        private DadmTrainingOptions options() {
            Set<Modality> use = EnumSet.allOf(Modality.class);
            if (without != null) {
                use.removeAll(MissingModalities.parse(without));
            }
            ThresholdRule rule =
                    bpcer == null ? new ThresholdRule.EqualErrorRate() : new ThresholdRule.BpcerAtMost(bpcer);
            return new DadmTrainingOptions(
                    size.config,
                    recipe,
                    seed,
                    new DadmTrainingOptions.Fit(
                            epochs, batch, accumulate, rate, Schedule.parse(schedule), warmUp, weightDecay),
                    new DadmTrainingOptions.Input(
                            balance,
                            augment ? Augmentation.PUBLISHED : Augmentation.NONE,
                            Optional.ofNullable(drop).map(p -> new RandomMissing(p, true, true)),
                            use),
                    rule,
                    Optional.ofNullable(init),
                    new DadmTrainingOptions.Run(out, saveEvery, loaders, memory.bytes()));
        }

        private Evaluation test(Path model, Split set, DadmTrainingOptions options) {
            try (Dadm dadm = Dadm.load(model)) {
                Threshold at = DadmEvaluator.threshold(dadm.threshold().orElseThrow());
                Scores scores = DadmEvaluator.of(dadm, SampleSource.FILES, loaders)
                        .scores(
                                set,
                                io.aegis.training.metrics.Split.TEST,
                                options.input().unused());
                return Evaluation.of(scores, at);
            }
        }

        private ParameterException wrong(String what) {
            return new ParameterException(spec.commandLine(), what);
        }
    }
}
