package io.aegis.training.dadm;

import io.aegis.kernels.DType;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.models.dadm.DadmConfig;
import io.aegis.models.dadm.DadmNetwork;
import io.aegis.models.dadm.Labels;
import io.aegis.models.dadm.Recipe;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import io.aegis.training.LossScale;
import io.aegis.training.TrainingException;
import io.aegis.training.memory.Bytes;
import io.aegis.training.memory.MemoryBudget;
import io.aegis.training.memory.MemoryPlan;
import io.aegis.training.memory.MemoryPlan.Part;
import io.aegis.training.memory.Rehearsal;
import io.aegis.training.memory.StepMemory;
import io.aegis.training.memory.Workspace;
import io.aegis.weights.StoredType;
import io.aegis.weights.TensorInfo;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * What training a DADM holds, from shapes alone: a step is rehearsed with kernels that compute nothing. All of a batch goes
 * through the network together, so that only a smaller one takes less.
 */
public final class DadmMemory {
    static final String STEP = "a step at its largest";

    /** What stays at its place between steps that are recorded, a part of {@link #plan}. */
    public static final String PLACES = "at fixed places";

    private static final double MILLION = 1e6;

    private DadmMemory() {}

    /** The plan of a run on a device with this workspace. */
    public static MemoryPlan plan(DadmTrainingOptions options, Workspace device) {
        try (Parameters parameters = new Parameters()) {
            DadmNetwork network = network(parameters, options);
            long learned = bytes(parameters.trainable());
            long all = bytes(List.copyOf(parameters.all()));
            List<Part> parts = new ArrayList<>();
            if (all > learned) {
                parts.add(new Part("frozen weights, statistics", "F32", all - learned));
            }
            parts.add(new Part(
                    "trained weights", String.format(Locale.ROOT, "%.1f M F32", learned / 4 / MILLION), learned));
            boolean scaled = LossScale.of(device.precision()).isPresent();
            if (options.fit().accumulation() > 1) {
                parts.add(new Part("their gradients", "F32, summed over the batches of an update", learned));
            } else if (scaled) {
                parts.add(new Part("their gradients", "F32, all looked at before one is used", learned));
            }
            if (scaled) {
                List<Parameter> buffers = parameters.all().stream()
                        .filter(p -> p.kind() == Parameter.Kind.BUFFER)
                        .toList();
                parts.add(new Part("statistics", "as they were before an update", bytes(buffers)));
            }
            parts.add(new Part("Adam's moments", "m and v, F32", 2 * learned));
            StepMemory step = step(network, parameters, options, device);
            List<Part> of = step.atPeak().entrySet().stream()
                    .filter(e -> e.getValue() >= step.peak() / 100)
                    .sorted(Map.Entry.<String, Long>comparingByValue().reversed())
                    .map(e -> new Part(e.getKey(), "", e.getValue()))
                    .toList();
            parts.add(new Part(STEP, "activations, and gradients of four losses on their way", step.peak(), of));
            if (device.records() && !scaled && options.fit().accumulation() == 1) {
                parts.add(new Part(PLACES, "pictures and numbers of a recorded step", places(options, device)));
            }
            parts.add(device.beside());
            return new MemoryPlan(
                    "memory of training DADM: " + options.fit().batchSize() + " samples a step, trunk "
                            + options.trunk().name().toLowerCase(Locale.ROOT),
                    parts);
        }
    }

    /**
     * The plan of a run that fits.
     *
     * @throws TrainingException when it does not, with its largest parts and the batch that would fit
     */
    static MemoryPlan require(DadmTrainingOptions options, Workspace device, MemoryBudget budget) {
        MemoryPlan plan = plan(options, device);
        if (!budget.fits(plan)) {
            throw new TrainingException("training would hold " + Bytes.text(plan.total()) + ", more than " + budget
                    + "; the largest parts: " + plan.largest(3) + "; " + remedy(options, device, budget));
        }
        return plan;
    }

    /** What would make it fit; for people. */
    public static String remedy(DadmTrainingOptions options, Workspace device, MemoryBudget budget) {
        for (int batch = options.fit().batchSize() / 2; batch >= 1; batch /= 2) {
            MemoryPlan smaller = plan(options.withFit(options.fit().withBatch(batch)), device);
            if (budget.fits(smaller)) {
                return "it would fit with --batch " + batch + " (" + Bytes.text(smaller.total()) + ")";
            }
        }
        return "not even a sample at a time would fit: a smaller --size, or more memory";
    }

    /** What a step's tensors hold, the batch's pictures among them. */
    static StepMemory step(DadmTrainingOptions options, Workspace device) {
        try (Parameters parameters = new Parameters()) {
            return step(network(parameters, options), parameters, options, device);
        }
    }

    /** What a recorded step is handed and hands on, beside the batch itself. */
    static long places(DadmTrainingOptions options, Workspace device) {
        boolean composite = Recipe.named(options.recipe()).compositeInfrared();
        try (Parameters parameters = new Parameters()) {
            network(parameters, options);
            int learned = parameters.trainable().size();
            return new Rehearsal(device).peak(() -> {
                try (FixedTensors fixed = new FixedTensors(Scope.current().kernels())) {
                    return StepPlaces.of(options.config(), options.fit().batchSize(), composite, learned, fixed);
                }
            });
        }
    }

    private static DadmNetwork network(Parameters parameters, DadmTrainingOptions options) {
        DadmNetwork network = new DadmNetwork(parameters, options.config(), options.trunk());
        Rehearsal.bind(parameters, p -> List.of(stored(p)));
        return network;
    }

    private static TensorInfo stored(Parameter p) {
        boolean counter = p.kind() == Parameter.Kind.BUFFER && p.shape().length == 0;
        return new TensorInfo(p.name(), counter ? StoredType.I64 : StoredType.F32, p.shape());
    }

    private static long bytes(List<Parameter> some) {
        return some.stream().mapToLong(p -> stored(p).bytes()).sum();
    }

    private static StepMemory step(
            DadmNetwork network, Parameters parameters, DadmTrainingOptions options, Workspace device) {
        Recipe recipe = Recipe.named(options.recipe());
        Optional<LossScale> scale = LossScale.of(device.precision());
        try (DadmStep step = new DadmStep(network, parameters, recipe, null, options.seed(), scale, null)) {
            return new Rehearsal(device).update(() -> step.rehearse(batch(options)));
        }
    }

    /** Bona fide and attacks of all domains, in turn. */
    static Batch batch(DadmTrainingOptions options) {
        int b = options.fit().batchSize();
        DadmConfig c = options.config();
        Tensor[] pictures = new Tensor[3];
        Arrays.setAll(pictures, k -> Tensor.empty(DType.F32, b, 3, c.image(), c.image()));
        boolean composite = Recipe.named(options.recipe()).compositeInfrared();
        long[] live = new long[b];
        long[] prototype = new long[b];
        long[] domain = new long[b];
        long[] samples = new long[b];
        for (int i = 0; i < b; i++) {
            live[i] = 1 - i % 2;
            domain[i] = i / 2 % 3;
            prototype[i] = live[i] == 1 ? 1 : 0;
            samples[i] = i;
        }
        return new Batch(
                pictures,
                composite ? Tensor.empty(DType.F32, b, 3, c.image(), c.image()) : null,
                new Labels(live, prototype, domain),
                Tensor.of(samples, b));
    }
}
