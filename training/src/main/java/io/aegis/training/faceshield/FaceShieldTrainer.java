package io.aegis.training.faceshield;

import io.aegis.kernels.Backends;
import io.aegis.kernels.Kernels;
import io.aegis.layers.Parameter;
import io.aegis.layers.Probe;
import io.aegis.models.DecisionThreshold;
import io.aegis.models.faceshield.FaceShieldNetwork;
import io.aegis.tensor.Pool;
import io.aegis.training.Lanes;
import io.aegis.training.LossScale;
import io.aegis.training.TrainingException;
import io.aegis.training.memory.MemoryBudget;
import io.aegis.training.memory.MemoryPlan;
import io.aegis.training.memory.MemoryReport;
import io.aegis.training.memory.PeakMemory;
import io.aegis.training.memory.Workspace;
import io.aegis.training.metrics.Evaluation;
import io.aegis.training.metrics.Scores;
import io.aegis.training.metrics.Threshold;
import io.aegis.training.metrics.ThresholdRule;
import io.aegis.training.report.ProgressBar;
import io.aegis.training.report.ResidentMemory;
import io.aegis.weights.WeightsException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Trains a FaceShield, question by question. After each epoch the development set, which is of other pictures, says how
 * good it is and chooses a threshold for its scores; the best state so far is kept with that in {@code best/}, or in stage 2
 * in {@code adapter/}. All that training needs to go on is in {@code last.safetensors}, so a run that was killed at any
 * moment and resumed writes the same files, bit for bit, as one that was not: every random number is a function of seed,
 * update and sample.
 */
public final class FaceShieldTrainer {
    /** A run's log has about as many lines, at most. */
    private static final int LINES = 200;

    /**
     * What a finished run gives.
     *
     * @param model folder of the best state: a model's, or in stage 2 an adapter's
     * @param log of updates
     * @param development what the development set said, epoch after epoch
     * @param best which of that the model is of
     * @param problems what was left out of the data
     * @param memory what was planned, and what came of it
     */
    public record Outcome(
            Path model,
            List<UpdateLog> log,
            List<DevelopmentLog> development,
            DevelopmentLog best,
            Problems problems,
            MemoryReport memory) {}

    private final FaceShieldTrainingOptions options;
    private final FaceShieldRun run;
    private final FaceShieldLearner learner;
    private final FaceShieldNetwork network;
    private final Eyes eyes;
    private final Lanes lanes;
    private final Classroom classroom;
    private final Curriculum curriculum;
    private final DevelopmentExam exam;
    private final FaceShieldPlanner.Choice plan;
    private final PeakMemory peak = new PeakMemory();
    private final long total;
    private final long warmUp;
    private RunState state;

    /**
     * Starts a run and trains to its end.
     *
     * @param model folder of what to start from; one without weights begins at random, in stage full
     * @param console where progress goes
     * @throws TrainingException when the folder holds a run, or training diverges
     * @throws TrainingException also when it would hold more memory than it may
     * @throws io.aegis.training.data.DataException when nothing is left to learn from
     * @throws WeightsException when the model cannot be read, or a file cannot be written; what was there before is
     *     unchanged
     */
    public static Outcome train(
            Path model,
            FaceShieldTrainingOptions options,
            FaceShieldTrainingData data,
            ProgressBar.Surroundings console) {
        return start(model, options, data, console, false);
    }

    /**
     * Goes on with a run where its last checkpoint left it. A run that has ended gets its pictures drawn again.
     *
     * @throws TrainingException also when there is no run, or it began with other options, another base or other data
     */
    public static Outcome resume(
            Path model,
            FaceShieldTrainingOptions options,
            FaceShieldTrainingData data,
            ProgressBar.Surroundings console) {
        return start(model, options, data, console, true);
    }

    private static Outcome start(
            Path model,
            FaceShieldTrainingOptions options,
            FaceShieldTrainingData data,
            ProgressBar.Surroundings console,
            boolean resume) {
        try (BaseModel base = BaseModel.open(model)) {
            FaceShieldRun run = new FaceShieldRun(options, base, data);
            if (resume) {
                run.requireSame();
            }
            FaceShieldPlanner.Choice plan =
                    planner(StoredWeights.of(base), options).require();
            try (FaceShieldLearner learner = new FaceShieldLearner(base, options);
                    Lanes lanes = new Lanes(options.limits().lanes())) {
                if (!resume) {
                    run.begin(base);
                }
                RunState state = resume ? run.restore(learner) : RunState.START;
                return new FaceShieldTrainer(options, run, learner, lanes, data, state, plan, console).run(console);
            }
        }
    }

    private static FaceShieldPlanner planner(StoredWeights stored, FaceShieldTrainingOptions options) {
        Kernels kernels = Backends.chosen();
        return new FaceShieldPlanner(
                stored,
                options,
                Workspace.of(kernels),
                MemoryBudget.of(options.run().memory(), kernels));
    }

    private FaceShieldTrainer(
            FaceShieldTrainingOptions options,
            FaceShieldRun run,
            FaceShieldLearner learner,
            Lanes lanes,
            FaceShieldTrainingData data,
            RunState state,
            FaceShieldPlanner.Choice plan,
            ProgressBar.Surroundings console) {
        this.plan = plan;
        this.options = options;
        this.run = run;
        this.learner = learner;
        this.network = learner.network();
        this.lanes = lanes;
        this.state = state;
        this.eyes = options.stage().towerIsFrozen()
                ? new CachedEyes(
                        network,
                        learner.parameters(),
                        learner.base().dtype("vis.embeddings.position_embedding.weight"),
                        options.run().cache())
                : new LiveEyes(network);
        this.classroom = Classroom.of(data, learner.base(), options, eyes, lanes, console);
        this.curriculum = new Curriculum(classroom.train(), options.fit().perUpdate(), options.seed());
        this.exam = new DevelopmentExam(network, eyes, classroom.development(), classroom.faces(), lanes);
        this.total = options.fit().epochs() * curriculum.updatesPerEpoch();
        this.warmUp = (long) Math.ceil(options.fit().warmUp() * total);
    }

    private Outcome run(ProgressBar.Surroundings console) {
        long before = Pool.host().bound(tensors(plan.plan()) + Workspace.Processor.REUSE);
        try {
            return learnAll(console);
        } finally {
            Pool.host().bound(before);
        }
    }

    private Outcome learnAll(ProgressBar.Surroundings console) {
        try (FaceShieldStep step = new FaceShieldStep(
                        objective(), learner.trained(), learner.adam(), learner.scale(), lanes, options.fit());
                ProgressBar bar = new ProgressBar("", state.updates(), total, console)) {
            while (state.updates() < total) {
                long update = state.updates();
                bar.label("epoch " + (update / curriculum.updatesPerEpoch() + 1) + "/"
                        + options.fit().epochs());
                List<Lesson> lessons = curriculum.update(update);
                int changes = scaleChanges().size();
                FaceShieldStep.Report report = learn(step, lessons, update);
                scaleChanges().stream().skip(changes).forEach(c -> bar.message(c.toString()));
                state = state.after(report);
                bar.step(lessons.size(), report.loss() / report.tokens());
                if (endsEpoch(update)) {
                    bar.message(endEpoch());
                } else {
                    if (state.stretch().updates() >= Math.ceilDiv(total, LINES)) {
                        state = state.logged(learningRate(update));
                    }
                    if (isDue()) {
                        requireFinite();
                        run.save(learner, state);
                    }
                }
            }
        }
        return finish();
    }

    private List<LossScale.Change> scaleChanges() {
        return learner.scale().map(LossScale::changes).orElse(List.of());
    }

    private LessonLoss objective() {
        return new LessonLoss(
                network,
                eyes,
                network.config().options().pvtm().training(),
                options.seed(),
                plan.checkpointed(),
                Probe.NONE);
    }

    private FaceShieldStep.Report learn(FaceShieldStep step, List<Lesson> lessons, long update) {
        try {
            double factor = factor(update);
            return peak.during(() -> step.run(lessons, update, p -> factor * rate(p)));
        } catch (ArithmeticException e) {
            throw diverged(e.getMessage(), e);
        }
    }

    private double rate(Parameter p) {
        return FaceShieldLearner.learnsAsProjector(p)
                ? options.fit().projectorRate()
                : options.fit().learningRate();
    }

    /** Asks the development set, keeps what is best, saves; the line for people. */
    private String endEpoch() {
        requireFinite();
        state = state.logged(learningRate(state.updates() - 1));
        double loss = exam.loss();
        Optional<Scores> scores = exam.scores();
        Optional<Threshold> threshold = scores.map(s -> Threshold.select(s, new ThresholdRule.EqualErrorRate()));
        Optional<Evaluation> on = threshold.map(t -> Evaluation.of(scores.orElseThrow(), t));
        DevelopmentLog said = new DevelopmentLog(
                state.updates(),
                loss,
                on.map(Evaluation::accuracy).orElse(Double.NaN),
                on.map(Evaluation::auc).orElse(Double.NaN),
                on.map(Evaluation::eer).orElse(Double.NaN),
                threshold.map(Threshold::value).orElse(Double.NaN));
        state = state.with(said);
        boolean best = state.best(options.best()).orElseThrow() == said;
        if (best) {
            run.saveBest(learner, said, scores, threshold.map(t -> new DecisionThreshold(t.value(), t.origin())));
        }
        run.save(learner, state);
        run.writeLogs(state, learner);
        String faces = on.map(
                        e -> String.format(Locale.ROOT, ", faces: AUC %.4f, accuracy %.4f", e.auc(), e.accuracy()))
                .orElse("");
        return String.format(
                Locale.ROOT,
                "epoch %d/%d  loss %.4f  development: loss %.4f%s%s",
                state.updates() / curriculum.updatesPerEpoch(),
                options.fit().epochs(),
                state.log().getLast().loss(),
                loss,
                faces,
                best ? "  (best so far)" : "");
    }

    private void requireFinite() {
        try {
            learner.requireFinite(run.folder().last());
        } catch (WeightsException e) {
            throw diverged(e.getMessage(), e);
        }
    }

    private TrainingException diverged(String what, Exception cause) {
        return new TrainingException(
                "update " + (state.updates() + 1) + ": training diverged, " + what + "; a lower learning rate may help"
                        + learner.scale().map(_ -> LossScale.REMEDY).orElse("")
                        + run.folder().kept(),
                cause);
    }

    private Outcome finish() {
        run.writeLogs(state, learner);
        DevelopmentLog best = state.best(options.best()).orElseThrow();
        MemoryReport memory = memory();
        memory.write(run.folder().file(MemoryReport.FILE));
        FaceShieldRunReport.write(run, options, state, best, classroom.problems(), plan.plan());
        return new Outcome(run.best(), state.log(), state.development(), best, classroom.problems(), memory);
    }

    private MemoryReport memory() {
        Kernels kernels = Backends.chosen();
        MemoryPlan longest = new FaceShieldMemory(StoredWeights.of(learner.base()), options, Workspace.of(kernels))
                .plan(LessonSize.of(classroom.train(), network.config()), plan.checkpointed());
        // A GPU's memory also counts copies of weights.
        long tensors = kernels.memory() == null ? tensors(longest) : longest.total();
        return new MemoryReport(plan.plan(), Optional.of(longest), tensors, peak.bytes(), ResidentMemory.peak());
    }

    private static long tensors(MemoryPlan some) {
        return some.of(FaceShieldMemory.KEPT) + some.of(FaceShieldMemory.WORKING);
    }

    private boolean endsEpoch(long update) {
        return (update + 1) % curriculum.updatesPerEpoch() == 0;
    }

    private boolean isDue() {
        long every = options.run().saveEvery();
        return every > 0 && state.updates() % every == 0;
    }

    private double factor(long update) {
        return options.fit().schedule().factorFromZero(update, total, warmUp);
    }

    private double learningRate(long update) {
        return factor(update) * options.fit().learningRate();
    }
}
