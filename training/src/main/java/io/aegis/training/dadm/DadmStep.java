package io.aegis.training.dadm;

import io.aegis.kernels.DType;
import io.aegis.layers.BatchCounts;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.layers.Pass;
import io.aegis.layers.Probe;
import io.aegis.models.dadm.DadmConfig;
import io.aegis.models.dadm.DadmNetwork;
import io.aegis.models.dadm.Hyperplanes;
import io.aegis.models.dadm.LabelTensors;
import io.aegis.models.dadm.Losses;
import io.aegis.models.dadm.Permutations;
import io.aegis.models.dadm.Prototypes;
import io.aegis.models.dadm.ReGrad;
import io.aegis.models.dadm.Recipe;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import io.aegis.training.Adam;
import io.aegis.training.GradientSums;
import io.aegis.training.LossScale;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/**
 * One training step of DADM: prototypes, forward, four losses, one backward pass that carries all of them, gradient
 * modulation, Adam, alignment of the hyperplanes. Each parameter is updated soon after its four gradients are complete, so
 * that those of all parameters never exist at once: {@link HeldGradients}.
 *
 * <p>A device that can record launches all of it but the alignment as one graph, from the second step of a kind on ({@link
 * RecordedStep}, {@link StepRecordings}): no bit depends on it. Steps with scaled losses, and micro-batches, go kernel by kernel.
 */
public final class DadmStep implements AutoCloseable {
    private final DadmNetwork network;
    private final Parameters parameters;
    private final Recipe recipe;
    private final Adam adam;
    private final long seed;
    private final Optional<LossScale> scale;
    private final Retry retry;
    private final Map<Tensor, Parameter> trainable = new IdentityHashMap<>();
    private final Map<Tensor, Parameter> modulated = new IdentityHashMap<>();
    /** Of each loss, whose gradients are asked for. */
    private final List<Set<Tensor>> wanted;

    private final StepRecordings recordings;
    private final HeldPrototypes prototypes;

    /**
     * What a step tells.
     *
     * @param total the loss of the total
     * @param modal the three modal losses
     * @param information mu, mean information of each modality
     * @param agreement of the hyperplanes, before they were aligned; NaN for a micro-batch that only adds its gradients
     */
    public record Report(double total, double[] modal, double[] information, double agreement) {}

    /** Without a scale of losses, for all precisions but half. */
    public DadmStep(DadmNetwork network, Parameters parameters, Recipe recipe, Adam adam, long seed) {
        this(network, parameters, recipe, adam, seed, true);
    }

    /**
     * As above.
     *
     * @param graphs whether steps are recorded where they can be
     */
    public DadmStep(DadmNetwork network, Parameters parameters, Recipe recipe, Adam adam, long seed, boolean graphs) {
        this(network, parameters, recipe, adam, seed, graphs, Optional.empty(), null);
    }

    /**
     * @param scale of losses, where gradients go back in half precision
     * @param retry stays the caller's; needed with a scale
     */
    DadmStep(
            DadmNetwork network,
            Parameters parameters,
            Recipe recipe,
            Adam adam,
            long seed,
            Optional<LossScale> scale,
            Retry retry) {
        this(network, parameters, recipe, adam, seed, true, scale, retry);
    }

    private DadmStep(
            DadmNetwork network,
            Parameters parameters,
            Recipe recipe,
            Adam adam,
            long seed,
            boolean graphs,
            Optional<LossScale> scale,
            Retry retry) {
        this.recordings = new StepRecordings(graphs);
        this.parameters = parameters;
        this.scale = scale;
        this.retry = retry;
        this.network = network;
        this.recipe = recipe;
        this.adam = adam;
        this.seed = seed;
        List<Parameter> all = parameters.trainable();
        all.forEach(p -> trainable.put(p.tensor(), p));
        ReGrad.modulated(all, recipe.regrad()).forEach(p -> modulated.put(p.tensor(), p));
        prototypes =
                new HeldPrototypes(network.config().classes(), network.config().width());
        wanted = List.of(modulated.keySet(), modulated.keySet(), modulated.keySet(), trainable.keySet());
    }

    /** Prototypes after the last step; null before the first. */
    public Prototypes prototypes() {
        return prototypes.get();
    }

    /** Continues from stored prototypes. */
    public void restore(Prototypes stored) {
        prototypes.restore(stored);
    }

    /**
     * Runs one step and updates the network.
     *
     * @param epoch from 0; prototypes have momentum from epoch 1 on
     * @param step global number of this step, the counter of its randomness
     * @throws ArithmeticException when a loss is not finite; nothing has been updated then
     * @throws IllegalArgumentException when labels are none, before anything else
     * @throws OutOfMemoryError when the device has no memory left; it has back what the step took, but running statistics, prototypes
     *     and whatever was updated by then may have changed, so that whoever wants the same step again starts from a stored state
     */
    public Report run(Batch batch, long epoch, long step, double learningRate) {
        return run(batch, epoch, step, learningRate, null);
    }

    /** As above, with given permutations rather than random ones. */
    public Report run(Batch batch, long epoch, long step, double learningRate, Permutations given) {
        batch.labels().require(network.config().classes());
        begin(batch, scale.isEmpty(), learningRate);
        if (scale.isEmpty()) {
            return differentiate(batch, epoch, step, given, adam::update, () -> true);
        }
        try (GradientSums sums = new GradientSums()) {
            Report report = null;
            while (report == null) {
                report = scaled(batch, epoch, step, given, sums);
            }
            return report;
        }
    }

    /**
     * As {@link #run(Batch, long, long, double)} for the last of several micro-batches: the update takes the mean of its
     * gradients and of those that were accumulated, and leaves {@code sums} empty. Parameters are updated, and hyperplanes
     * aligned, once.
     *
     * @return null where scaled gradients overflowed: then all is as it was before the first of the micro-batches, which are to
     *     be learned from again, one after the other, with the scale that the losses have now
     */
    public Report runAccumulated(Batch batch, long epoch, long step, double learningRate, GradientSums sums) {
        batch.labels().require(network.config().classes());
        boolean alone = scale.isEmpty() && sums.isEmpty();
        begin(batch, alone, learningRate);
        if (scale.isPresent()) {
            return scaled(batch, epoch, step, null, sums);
        }
        HeldGradients.Sink sink = gradients -> {
            gradients.forEach(sums::complete);
            adam.update(gradients);
        };
        return differentiate(batch, epoch, step, null, alone ? sink : ofOwnDomains(batch, sink), () -> {
            sums.drain(adam::update);
            return true;
        });
    }

    /**
     * Adds the gradients of a micro-batch to those of the others before it; {@link #runAccumulated} with the last one
     * updates the network. This is not a larger batch: the angle and prototype losses couple the rows of a batch, and batch
     * norm and ReGrad see each micro-batch by itself.
     *
     * @param step global number of this micro-batch, the counter of its randomness
     * @throws ArithmeticException when a loss is not finite
     */
    public Report accumulate(Batch batch, long epoch, long step, GradientSums sums) {
        batch.labels().require(network.config().classes());
        begin(sums);
        recordings.begin(null);
        Report report = differentiate(batch, epoch, step, null, each(batch, sums), null);
        sums.endBatch();
        return report;
    }

    /** The last micro-batch of an update, with scaled losses; null when any of them gave gradients that overflowed. */
    private Report scaled(Batch batch, long epoch, long step, Permutations given, GradientSums sums) {
        begin(sums);
        return differentiate(batch, epoch, step, given, each(batch, sums), () -> {
            Optional<Parameter> overflowed = LossScale.overflowed(sums.sums());
            if (overflowed.isPresent()) {
                sums.clear();
                prototypes.restore(retry.restore());
                scale.get().halve(step, overflowed.get());
                return false;
            }
            sums.drain(adam::update);
            scale.get().passed(step);
            return true;
        });
    }

    /**
     * Before an update.
     *
     * @param alone whether its gradients are those of this batch, and used as soon as they are there
     */
    private void begin(Batch batch, boolean alone, double learningRate) {
        try (Scope scope = Scope.open()) {
            boolean composite = prototypePictures(batch)[2] != batch.pictures()[2];
            List<Parameter> launched = recordings.begin(alone ? RecordedStep.Shape.of(batch, composite) : null);
            adam.begin(p -> learningRate, launched, alone ? idle(batch) : List.of());
        }
    }

    /** Gives back the memory of what was recorded; the second step from here on is recorded anew. */
    public void rest() {
        recordings.close();
    }

    @Override
    public void close() {
        rest();
        prototypes.close();
    }

    /** Before the first micro-batch of an update whose losses are scaled. */
    private void begin(GradientSums sums) {
        if (scale.isPresent() && sums.isEmpty()) {
            try (Scope scope = Scope.open()) {
                retry.save(prototypes.get());
            }
        }
    }

    /** The heads of domains that a batch lacks: as published these have no update, nor does Adam count one. */
    private List<Parameter> idle(Batch batch) {
        return IntStream.range(0, DadmConfig.DOMAINS)
                .filter(j -> !batch.labels().has(j))
                .mapToObj(network::domainHead)
                .toList();
    }

    private HeldGradients.Sink each(Batch batch, GradientSums sums) {
        return ofOwnDomains(batch, gradients -> gradients.forEach(sums::add));
    }

    /** Where gradients are summed over batches, those of zeros of idle heads stay out: another batch may lack the domain as well. */
    private HeldGradients.Sink ofOwnDomains(Batch batch, HeldGradients.Sink sink) {
        Set<Parameter> idle = Set.copyOf(idle(batch));
        return gradients -> {
            Map<Parameter, Tensor> own = new LinkedHashMap<>(gradients);
            own.keySet().removeAll(idle);
            sink.accept(own);
        };
    }

    /** All of a step but the update, for kernels that count what it holds. */
    void rehearse(Batch batch) {
        differentiate(batch, 0, 0, null, gradients -> {}, null);
    }

    /**
     * Prototypes, forward, losses, backward.
     *
     * @param sink takes parameters' gradients soon after they are complete
     * @param end finishes the update after the last gradient, or says that there is none after all; null when there is no
     *     update yet
     * @return null where there is no update after all
     */
    private Report differentiate(
            Batch batch, long epoch, long step, Permutations given, HeldGradients.Sink sink, BooleanSupplier end) {
        try (Scope scope = Scope.open()) {
            Pass pass = recipe.trainingMode()
                    ? Pass.training(seed, step, batch.samples())
                    : new Pass(false, false, false, seed, step, batch.samples());
            Permutations permutations = given != null ? given : Permutations.random(pass);
            RecordedStep again = recordings.recording(this::record);
            boolean momentum = prototypes.hasMomentum(epoch);
            Report losses = again == null
                    ? kernelByKernel(batch, momentum, pass, permutations, sink)
                    : launched(again, batch, momentum, step, permutations);
            if (end == null) {
                return losses;
            }
            return end.getAsBoolean()
                    ? new Report(losses.total, losses.modal, losses.information, Hyperplanes.align(network))
                    : null;
        }
    }

    private Report kernelByKernel(
            Batch batch, boolean momentum, Pass pass, Permutations permutations, HeldGradients.Sink sink) {
        Tensor labels =
                Tensor.empty(DType.I64, LabelTensors.shape(batch.labels().live().length));
        LabelTensors.write(batch.labels(), labels.view());
        StepInputs inputs = new StepInputs(
                batch.pictures(),
                prototypePictures(batch),
                pass,
                permutations,
                LabelTensors.in(labels.view()),
                Tensor.of(new long[] {momentum ? 1 : 0}, 1));
        List<Parameter> updated = new ArrayList<>();
        List<Report> told = new ArrayList<>();
        Consumer<StepResults> seen = results -> {
            prototypes.saw(batch.labels(), momentum);
            told.add(results.report(pass.step()));
        };
        compute(inputs, seen, gradients -> {
            sink.accept(gradients);
            updated.addAll(gradients.keySet());
        });
        recordings.went(updated);
        return told.getFirst();
    }

    /** The same by a recording. */
    private Report launched(RecordedStep again, Batch batch, boolean momentum, long step, Permutations permutations) {
        try {
            again.write(batch, prototypePictures(batch)[2], momentum, step, permutations);
            again.launch();
            prototypes.saw(batch.labels(), momentum);
            return again.results().report(step);
        } catch (RuntimeException | Error e) { // a loss that is none, for which nothing was updated
            adam.abandon();
            throw e;
        }
    }

    private RecordedStep record(RecordedStep.Shape shape) {
        RecordedStep.Of of = new RecordedStep.Of(network.config(), trainable.size(), recipe.trainingMode(), seed);
        return new RecordedStep(
                of,
                shape,
                new BatchCounts(parameters.all()),
                (inputs, to, guarded) -> compute(
                        inputs,
                        results -> {
                            results.copyTo(to);
                            adam.guard(results.losses().view(), guarded);
                        },
                        gradients -> adam.update(gradients, guarded)));
    }

    private Tensor[] prototypePictures(Batch batch) {
        Tensor[] pictures = batch.pictures().clone();
        if (recipe.compositeInfrared() && batch.prototypeInfrared() != null) {
            pictures[2] = batch.prototypeInfrared();
        }
        return pictures;
    }

    /**
     * A step as kernels see it.
     *
     * @param told sees losses and mu before anything is updated
     * @param sink takes parameters' gradients soon after they are complete
     */
    private void compute(StepInputs in, Consumer<StepResults> told, HeldGradients.Sink sink) {
        Tensor[] features = evaluated(in.prototypePictures());
        Tensor[] centres = prototypes.update(features, in.labels().prototype(), in.momentum(), recipe);
        try (Tape tape = Tape.record()) {
            DadmNetwork.Output output = network.forward(in.pictures(), in.pass(), in.permutations(), Probe.NONE);
            Losses losses = Losses.of(network, output, in.labels(), centres, recipe.zeroGradientAtPrototype());
            StepResults results = StepResults.of(losses, output.information());
            told.accept(results);
            List<Tensor> all = new ArrayList<>(List.of(losses.modal()));
            all.add(losses.total());
            scale.ifPresent(s -> all.replaceAll(loss -> loss.times(s.factor())));
            HeldGradients held = new HeldGradients(results.information(), sink);
            tape.backward(all, wanted, (leaf, gradients) -> hold(held, leaf, gradients));
            held.flush();
        }
    }

    /** Features [B, D] a modality, in evaluation, in the current scope. */
    private Tensor[] evaluated(Tensor[] pictures) {
        try (Scope scope = Scope.open()) {
            Tensor[] features =
                    network.forward(pictures, Pass.EVALUATION, null, Probe.NONE).features();
            return Arrays.stream(features).map(scope::keep).toArray(Tensor[]::new);
        }
    }

    private void hold(HeldGradients held, Tensor leaf, Tensor[] gradients) {
        // ReGrad is no linear function of gradients: it is shown those of the losses themselves.
        scale.ifPresent(s -> s.unscale(Arrays.stream(gradients)
                .filter(Objects::nonNull)
                .map(Tensor::view)
                .toList()));
        Tensor[] own =
                Arrays.stream(gradients).map(g -> g == null ? null : g.detach()).toArray(Tensor[]::new);
        held.add(trainable.get(leaf), own[3], modulated.containsKey(leaf) ? Arrays.copyOf(own, 3) : new Tensor[3]);
    }
}
