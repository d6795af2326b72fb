package io.aegis.training.dadm;

import io.aegis.kernels.Backends;
import io.aegis.kernels.Kernels;
import io.aegis.models.DecisionThreshold;
import io.aegis.models.dadm.Dadm;
import io.aegis.models.dadm.Modality;
import io.aegis.models.dadm.Recipe;
import io.aegis.tensor.Scope;
import io.aegis.training.GradientSums;
import io.aegis.training.LossScale;
import io.aegis.training.TrainingException;
import io.aegis.training.data.BatchSampler;
import io.aegis.training.data.DataException;
import io.aegis.training.data.Position;
import io.aegis.training.data.Prefetcher;
import io.aegis.training.memory.MemoryBudget;
import io.aegis.training.memory.MemoryPlan;
import io.aegis.training.memory.MemoryReport;
import io.aegis.training.memory.PeakMemory;
import io.aegis.training.memory.Workspace;
import io.aegis.training.metrics.Evaluation;
import io.aegis.training.metrics.Sample;
import io.aegis.training.metrics.Scores;
import io.aegis.training.metrics.Split;
import io.aegis.training.metrics.Threshold;
import io.aegis.training.report.ProgressBar;
import io.aegis.training.report.ResidentMemory;
import io.aegis.training.run.RunFolder;
import io.aegis.weights.WeightsException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/**
 * Trains a DADM. After each epoch the development set, which comes from the training domains and never from the test,
 * chooses a threshold and says how good the model is; the best so far, by HTER, then AUC, then cross-entropy, is kept
 * with its threshold in {@code best/}. All that training needs to go on is in {@code last.safetensors}, so a run that was
 * killed at any moment and resumed writes the same files, bit for bit, as one that was not: every random number is a
 * function of seed, epoch, step and sample.
 */
public final class DadmTrainer {
    /**
     * What a finished run gives.
     *
     * @param model folder of the best model
     * @param log of all epochs
     * @param best the epoch that the model is of
     * @param development the best model on the development set
     * @param memory what was planned, and what came of it
     */
    public record Outcome(Path model, List<EpochLog> log, EpochLog best, Evaluation development, MemoryReport memory) {}

    private static final String LOWER = "a lower learning rate may help";
    private static final String OFFICIAL =
            "the official recipe breaks where the samples of a class in a batch are all alike, as a single one is:"
                    + " larger batches help, or the intended recipe";

    private final DadmTrainingOptions options;
    private final DadmTrainingData data;
    private final DadmRun run;
    private final RunFolder folder;
    private final Learner learner;
    private final BatchSampler sampler;
    private final Set<Modality> unused;
    private final MemoryPlan plan;
    private final PeakMemory peak = new PeakMemory();
    /** Of the update that is under way, as long as it may have to be computed again. */
    private final List<LoadedBatch> begun = new ArrayList<>();

    private RunState state;

    /**
     * Starts a run and trains to its end.
     *
     * @param console where progress goes
     * @throws TrainingException when the folder holds a run, options and data do not fit each other, or training diverges
     * @throws DataException when a picture cannot be read
     * @throws WeightsException when a file cannot be written; what was there before is unchanged
     */
    public static Outcome train(DadmTrainingOptions options, DadmTrainingData data, ProgressBar.Surroundings console) {
        requireFitting(options, data);
        MemoryPlan plan = requireRoom(options);
        DadmRun run = new DadmRun(options.run().out());
        try (Learner learner = Learner.fresh(options)) {
            run.begin(options, data);
            return new DadmTrainer(options, data, run, learner, RunState.START, plan).run(console);
        }
    }

    /**
     * Goes on with a run where its last checkpoint left it, with the options that it began with. A run that has ended gets
     * its pictures drawn again.
     *
     * @throws TrainingException also when there is no run, or the data are not those that it began with
     */
    public static Outcome resume(Path out, DadmTrainingData data, ProgressBar.Surroundings console) {
        return resume(options(out), data, console);
    }

    /** As above, and makes sure that these are the options it began with; all but {@link DadmTrainingOptions.Run}. */
    public static Outcome resume(DadmTrainingOptions options, DadmTrainingData data, ProgressBar.Surroundings console) {
        requireFitting(options, data);
        DadmRun run = new DadmRun(options.run().out());
        run.requireSame(options, data);
        MemoryPlan plan = requireRoom(options);
        DadmRun.Restored restored = run.restore(options, data)
                .orElseGet(() -> new DadmRun.Restored(Learner.fresh(options), RunState.START));
        try (Learner learner = restored.learner()) {
            return new DadmTrainer(options, data, run, learner, restored.state(), plan).run(console);
        }
    }

    /** The options that a run began with. */
    public static DadmTrainingOptions options(Path out) {
        return new DadmRun(out).options();
    }

    private static MemoryPlan requireRoom(DadmTrainingOptions options) {
        Kernels kernels = Backends.chosen();
        MemoryBudget budget = MemoryBudget.of(options.run().memory(), kernels);
        return DadmMemory.require(options, Workspace.of(kernels), budget);
    }

    private static void requireFitting(DadmTrainingOptions options, DadmTrainingData data) {
        int needed = data.domains().classes();
        if (options.config().classes() < needed) {
            throw new TrainingException("n_classes " + options.config().classes() + "; the training domains "
                    + String.join(", ", data.domains().names()) + " need " + needed);
        }
    }

    private DadmTrainer(
            DadmTrainingOptions options,
            DadmTrainingData data,
            DadmRun run,
            Learner learner,
            RunState state,
            MemoryPlan plan) {
        this.plan = plan;
        this.options = options;
        this.data = data;
        this.run = run;
        this.folder = run.folder();
        this.learner = learner;
        this.state = state;
        this.unused = options.input().unused();
        this.sampler = new BatchSampler(
                data.train(),
                new BatchSampler.Options(
                        options.fit().batchSize(), true, false, options.input().balance()),
                options.seed());
    }

    private Outcome run(ProgressBar.Surroundings console) {
        int epochs = options.fit().epochs();
        run.prepareBest(options, data);
        try (Prefetcher<LoadedBatch> batches = batches(epochs);
                GradientSums sums = new GradientSums();
                ProgressBar bar =
                        new ProgressBar("", globalStep(state.next()), epochs * sampler.stepsPerEpoch(), console)) {
            while (batches.hasNext()) {
                LoadedBatch batch = batches.next().value();
                Position at = batch.plan().position();
                bar.label("epoch " + (at.epoch() + 1) + "/" + epochs);
                int changes = scaleChanges().size();
                DadmStep.Report report = learn(batch, sums);
                scaleChanges().stream().skip(changes).forEach(c -> bar.message(c.toString()));
                state = state.after(
                        sampler.after(at),
                        state.losses().plus(report, batch.plan().size()));
                bar.step(batch.plan().size(), report.total());
                if (endsEpoch(at)) {
                    bar.message(endEpoch(at, report));
                } else if (isDue(at)) {
                    requireFinite(at);
                    save();
                }
            }
        }
        return finish();
    }

    private Prefetcher<LoadedBatch> batches(int epochs) {
        boolean descriptors = Recipe.named(options.recipe()).compositeInfrared();
        SampleReader.Changes changes = new SampleReader.Changes(
                options.input().augmentation(), options.input().missing(), descriptors, options.seed());
        int size = options.config().image();
        SampleReader reader = new SampleReader(data.source(), size, unused, changes);
        return new DadmBatches(reader, size)
                .ahead(sampler.batches(state.next(), epochs), options.run().loaders());
    }

    /**
     * One batch: an update, or its share in the next one. An update whose gradients overflow is computed again from its first
     * batch on, whose losses stay the same.
     */
    private DadmStep.Report learn(LoadedBatch loaded, GradientSums sums) {
        learner.scale().ifPresent(_ -> begun.add(loaded));
        DadmStep.Report report = differentiate(loaded, sums);
        while (report == null) {
            for (LoadedBatch part : begun) {
                report = differentiate(part, sums);
            }
        }
        if (endsUpdate(loaded.plan().position())) {
            begun.clear();
        }
        return report;
    }

    private List<LossScale.Change> scaleChanges() {
        return learner.scale().map(LossScale::changes).orElse(List.of());
    }

    private DadmStep.Report differentiate(LoadedBatch loaded, GradientSums sums) {
        Position at = loaded.plan().position();
        try (Scope scope = Scope.open()) {
            Batch batch = loaded.batch(data.domains());
            DadmStep step = learner.step();
            return peak.during(() -> endsUpdate(at)
                    ? step.runAccumulated(batch, at.epoch(), globalStep(at), learningRate(at), sums)
                    : step.accumulate(batch, at.epoch(), globalStep(at), sums));
        } catch (ArithmeticException e) {
            throw new TrainingException(
                    "epoch " + (at.epoch() + 1) + ": " + e.getMessage() + "; " + remedy() + folder.kept(), e);
        }
    }

    /** Scores the development set, keeps what is best, saves; the line for people. */
    private String endEpoch(Position at, DadmStep.Report last) {
        requireFinite(at);
        learner.step().rest(); // scoring takes memory as well
        Scores scores = new DadmEvaluator(
                        learner.network(), data.source(), options.run().loaders())
                .scores(data.development(), Split.DEVELOPMENT, unused);
        Threshold threshold = Threshold.select(scores, options.threshold());
        Evaluation on = Evaluation.of(scores, threshold);
        LossMeans sums = state.losses();
        EpochLog epoch = new EpochLog(
                Math.toIntExact(at.epoch() + 1),
                learningRate(at),
                sums.total() / sums.samples(),
                sums.rgb() / sums.samples(),
                sums.depth() / sums.samples(),
                sums.infrared() / sums.samples(),
                last.agreement(),
                on.auc(),
                on.eer(),
                on.hter(),
                logLoss(scores),
                threshold.value());
        state = state.afterEpoch(epoch);
        boolean best = state.best().orElseThrow() == epoch;
        if (best) {
            DecisionThreshold stored = new DecisionThreshold(threshold.value(), threshold.origin());
            run.saveBest(learner, epoch, stored, globalStep(state.next()), options);
        }
        save();
        run.writeLog(state, learner);
        return String.format(
                Locale.ROOT,
                "epoch %d/%d  loss %.4f  development: AUC %.4f, HTER %.4f, threshold %.4f%s",
                epoch.epoch(),
                options.fit().epochs(),
                epoch.loss(),
                epoch.auc(),
                epoch.hter(),
                epoch.threshold(),
                best ? "  (best so far)" : "");
    }

    /** Cross-entropy of the scores; one that is exactly wrong counts as 1e-15. */
    private static double logLoss(Scores scores) {
        double sum = 0;
        for (Sample s : scores.samples()) {
            sum -= Math.log(Math.max(1e-15, s.bonaFide() ? s.score() : 1 - s.score()));
        }
        return sum / scores.samples().size();
    }

    private void save() {
        run.save(learner, state, globalStep(state.next()), options, data);
    }

    private void requireFinite(Position at) {
        try {
            learner.requireFinite(folder.last());
        } catch (WeightsException e) {
            throw new TrainingException(
                    "epoch " + (at.epoch() + 1) + ": training diverged, " + e.getMessage() + "; " + remedy()
                            + folder.kept(),
                    e);
        }
    }

    private String remedy() {
        return (Recipe.named(options.recipe()).zeroGradientAtPrototype() ? LOWER : OFFICIAL)
                + learner.scale().map(_ -> LossScale.REMEDY).orElse("");
    }

    /** Draws the pictures, by the best model as it stands in its folder. */
    private Outcome finish() {
        run.writeLog(state, learner);
        try (Dadm best = Dadm.load(folder.best())) {
            Threshold threshold = DadmEvaluator.threshold(best.threshold().orElseThrow());
            Scores scores = DadmEvaluator.of(best, data.source(), options.run().loaders())
                    .scores(data.development(), Split.DEVELOPMENT, unused);
            Evaluation on = Evaluation.of(scores, threshold);
            EpochLog epoch = state.best().orElseThrow();
            RunCharts.losses(state.log()).write(folder.file("curves.svg"));
            RunCharts.roc(scores, threshold).write(folder.file("roc.svg"));
            RunCharts.scores(scores, threshold).write(folder.file("scores.svg"));
            MemoryReport memory = memory();
            memory.write(folder.file(MemoryReport.FILE));
            RunReport.of(options, state.log(), epoch, scores, on, plan).write(folder.file("report.html"));
            return new Outcome(folder.best(), state.log(), epoch, on, memory);
        }
    }

    private MemoryReport memory() {
        // A GPU's memory also counts copies of weights.
        long tensors = Backends.chosen().memory() == null ? plan.of(DadmMemory.STEP) : plan.total();
        return new MemoryReport(plan, Optional.empty(), tensors, peak.bytes(), ResidentMemory.peak());
    }

    // Counting. A step is a batch; an update is every so many of them, and what is left at the end of an epoch.

    private long globalStep(Position at) {
        return at.epoch() * sampler.stepsPerEpoch() + at.step();
    }

    private boolean endsEpoch(Position at) {
        return at.step() + 1 == sampler.stepsPerEpoch();
    }

    private boolean endsUpdate(Position at) {
        return endsEpoch(at) || (at.step() + 1) % options.fit().accumulation() == 0;
    }

    private boolean isDue(Position at) {
        long every = options.run().saveEvery();
        return every > 0 && endsUpdate(at) && (update(at) + 1) % every == 0;
    }

    private long update(Position at) {
        return at.epoch() * updatesPerEpoch() + at.step() / options.fit().accumulation();
    }

    private long updatesPerEpoch() {
        return Math.ceilDiv(sampler.stepsPerEpoch(), (long) options.fit().accumulation());
    }

    private double learningRate(Position at) {
        DadmTrainingOptions.Fit fit = options.fit();
        long total = fit.epochs() * updatesPerEpoch();
        return fit.learningRate() * fit.schedule().factor(update(at), total, fit.warmUp());
    }
}
