package io.aegis.cli.demo;

import io.aegis.kernels.Backends;
import io.aegis.kernels.Kernels;
import io.aegis.models.dadm.Dadm;
import io.aegis.models.dadm.Modality;
import io.aegis.training.dadm.DadmEvaluator;
import io.aegis.training.dadm.DadmTrainer;
import io.aegis.training.dadm.DadmTrainingData;
import io.aegis.training.dadm.DadmTrainingOptions;
import io.aegis.training.data.Domains;
import io.aegis.training.data.Sample;
import io.aegis.training.data.Split;
import io.aegis.training.metrics.Evaluation;
import io.aegis.training.metrics.Scores;
import io.aegis.training.metrics.Threshold;
import io.aegis.training.report.ProgressBar;
import io.aegis.training.synthetic.Domain;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;

/**
 * Draws faces of four domains, trains on three and scores the fourth, once with all three cameras and once with the
 * colour camera alone; then writes it all down. Both models train at once, a thread each: the networks are so small that
 * two threads inside one of them would wait for each other most of the time. Before that a FaceShield that has been
 * trained, where there is one, talks about faces.
 */
public final class Demo {
    private static final String MARK = ".aegis-demo";

    private final Path out;
    private final Optional<Path> faceShield;
    private final long seed;
    private final DemoPlan plan;
    private final PrintWriter console;
    private final SyntheticSource source = new SyntheticSource();

    /**
     * @param out folder of the report and both runs
     * @param faceShield a model folder to let talk as well
     * @param quick train next to nothing
     */
    public Demo(Path out, Optional<Path> faceShield, long seed, boolean quick, PrintWriter console) {
        this.out = out;
        this.faceShield = faceShield;
        this.seed = seed;
        this.plan = quick ? DemoPlan.QUICK : DemoPlan.FULL;
        this.console = console;
    }

    /** What one trained model did on the unseen domain. */
    record Trial(DadmTrainer.Outcome outcome, Scores scores, Threshold threshold, Evaluation evaluation) {}

    /** Runs everything; the report's path is the last line. */
    public void run() throws IOException {
        long start = System.nanoTime();
        prepare();
        Kernels.Choice products = Backends.best().choices().getFirst();
        say("kernels: %s, products by %s", Backends.best().name(), products.implementation());

        Optional<FaceShieldDemo> talk = talk();

        List<Domain> domains = Domain.standard();
        Domain unseen = domains.getLast();
        DadmTrainingData data = training(domains.subList(0, domains.size() - 1));
        Split test = source.draw("test", unseen, seed + 300, plan.test(), DemoPlan.PICTURE);
        say(
                "faces: %d to learn from, %d to choose the threshold, both of %s; %d of %s, which no model sees in training",
                data.train().size(),
                data.development().size(),
                String.join(", ", data.domains().names()),
                test.size(),
                unseen.name());

        say("training a DADM on RGB, depth and infrared, and beside it, for comparison, the same on RGB alone");
        Trial all;
        Trial rgb;
        try (ExecutorService two = Executors.newFixedThreadPool(2)) {
            Future<Trial> first = two.submit(() -> trial("all", EnumSet.allOf(Modality.class), data, test));
            Future<Trial> second = two.submit(() -> trial("rgb-only", EnumSet.of(Modality.RGB), data, test));
            all = outcome(first);
            rgb = outcome(second);
        }

        Path report = out.resolve("report.html");
        try (Dadm dadm = Dadm.load(all.outcome().model())) {
            new DemoReport(plan, caution(), source, dadm, unseen, test, all, rgb, talk).write(report);
        }
        say("");
        talk.ifPresent(this::said);
        say("DADM, unseen domain '%s', area under the ROC curve:", unseen.name());
        say(
                "  RGB, depth and infrared   %.4f   (HTER %.4f at the development threshold)",
                all.evaluation().auc(), all.evaluation().hter());
        say(
                "  RGB alone                 %.4f   (HTER %.4f)",
                rgb.evaluation().auc(), rgb.evaluation().hter());
        say("  %s", caution());
        say("%.0f seconds; report: %s", (System.nanoTime() - start) / 1e9, report.toAbsolutePath());
    }

    /** How far the figures carry: bench/NOTES.md has those of other seeds. */
    private String caution() {
        return "one short training, seed " + seed + ": with another --seed an AUC moves by a few hundredths"
                + (plan.equals(DemoPlan.QUICK) ? ", and --quick hardly trains at all" : "");
    }

    private Optional<FaceShieldDemo> talk() throws IOException {
        if (faceShield.isEmpty()) {
            say("no trained FaceShield is at hand, so none talks; --faceshield names one");
            return Optional.empty();
        }
        say("FaceShield of %s, one face of each kind, and which attack it names:", faceShield.get());
        return Optional.of(
                FaceShieldDemo.run(faceShield.get(), out, seed + 400, plan.talks(), line -> say("%s", line)));
    }

    private void said(FaceShieldDemo demo) {
        FaceShieldExam a = demo.known();
        FaceShieldExam b = demo.foreign();
        say(
                "FaceShield, by its words on new faces:    known domains   unseen domain '%s'",
                demo.unseen().name());
        row("real or spoof, accuracy", a.coarse().accuracy(), b.coarse().accuracy());
        row("which attack, accuracy", a.fine().accuracy(), b.fine().accuracy());
        a.boxes().ifPresent(known -> b.boxes()
                .ifPresent(foreign -> row("partial attacks found, IoU of 0.5", known.ap(0.5), foreign.ap(0.5))));
    }

    private void row(String what, double known, double unseen) {
        say("  %-37s   %.4f          %.4f", what, known, unseen);
    }

    private DadmTrainingData training(List<Domain> seen) {
        List<Sample> train = new ArrayList<>();
        List<Sample> development = new ArrayList<>();
        List<String> names = new ArrayList<>();
        for (Domain d : seen) {
            int i = names.size();
            names.add(d.name());
            train.addAll(source.draw("train-" + d.name(), d, seed + 100 + i, plan.perDomain(), DemoPlan.PICTURE)
                    .samples());
            development.addAll(
                    source.draw("development-" + d.name(), d, seed + 200 + i, plan.development(), DemoPlan.PICTURE)
                            .samples());
        }
        return new DadmTrainingData(
                new Domains(names), new Split("training", train), new Split("development", development), source);
    }

    private static Trial outcome(Future<Trial> trial) throws IOException {
        try {
            return trial.get();
        } catch (ExecutionException e) {
            switch (e.getCause()) {
                case RuntimeException r -> throw r;
                case Error r -> throw r;
                case Throwable r -> throw new IOException(r.getMessage(), r);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }

    private Trial trial(String name, Set<Modality> modalities, DadmTrainingData data, Split test) {
        DadmTrainingOptions options = plan.options(out.resolve(name), seed, modalities);
        ProgressBar.Surroundings usual = ProgressBar.Surroundings.standard();
        ProgressBar.Surroundings own = new ProgressBar.Surroundings(
                Prefixed.of(usual.out(), String.format("%-9s ", name)),
                false,
                usual.columns(),
                usual.nanoTime(),
                usual.memory());
        DadmTrainer.Outcome outcome = DadmTrainer.train(options, data, own);
        try (Dadm dadm = Dadm.load(outcome.model())) {
            Threshold threshold = DadmEvaluator.threshold(dadm.threshold().orElseThrow());
            Scores scores = DadmEvaluator.of(dadm, source, 1)
                    .scores(
                            test,
                            io.aegis.training.metrics.Split.TEST,
                            options.input().unused());
            return new Trial(outcome, scores, threshold, Evaluation.of(scores, threshold));
        }
    }

    /** An empty folder, or one that a former demo made. */
    private void prepare() throws IOException {
        if (Files.exists(out)) {
            boolean former = Files.exists(out.resolve(MARK));
            try (Stream<Path> inside = Files.list(out)) {
                if (!former && inside.findAny().isPresent()) {
                    throw new IOException(
                            out + " is not empty and not a former demo's; name another folder with --out");
                }
            }
            try (Stream<Path> tree = Files.walk(out)) {
                for (Path p : tree.sorted(Comparator.reverseOrder()).toList()) {
                    if (!p.equals(out)) {
                        Files.delete(p);
                    }
                }
            }
        }
        Files.createDirectories(out);
        Files.createFile(out.resolve(MARK));
    }

    private void say(String format, Object... values) {
        console.println(String.format(Locale.ROOT, format, values));
        console.flush();
    }
}
