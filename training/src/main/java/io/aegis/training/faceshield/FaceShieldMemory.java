package io.aegis.training.faceshield;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.layers.Probe;
import io.aegis.models.faceshield.FaceShieldConfig;
import io.aegis.models.faceshield.FaceShieldNetwork;
import io.aegis.models.faceshield.MaskingMode;
import io.aegis.models.lora.Adapter;
import io.aegis.models.lora.LoraConfig;
import io.aegis.tensor.Tensor;
import io.aegis.training.memory.MemoryPlan;
import io.aegis.training.memory.MemoryPlan.Part;
import io.aegis.training.memory.Rehearsal;
import io.aegis.training.memory.StepMemory;
import io.aegis.training.memory.Workspace;
import io.aegis.weights.StoredType;
import io.aegis.weights.TensorInfo;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * What training a FaceShield holds, from shapes alone. Weights, gradients and moments are counted; what lies between them is
 * rehearsed: the model's own code, and the trainer's, go through a lesson with kernels that compute nothing. No vision token
 * is masked there, so that no lesson of the same size holds more.
 */
final class FaceShieldMemory {
    /** A part's name. */
    static final String KEPT = "kept for the way back";

    static final String WORKING = "largest working set";

    private static final double MILLION = 1e6;

    private final StoredWeights stored;
    private final FaceShieldTrainingOptions options;
    private final Workspace workspace;
    private final Rehearsal rehearsal;

    FaceShieldMemory(StoredWeights stored, FaceShieldTrainingOptions options, Workspace workspace) {
        this.stored = stored;
        this.options = options;
        this.workspace = workspace;
        this.rehearsal = new Rehearsal(workspace);
    }

    /**
     * The plan for lessons of a size.
     *
     * @param checkpointed blocks of the language model that are computed again, from the first on
     */
    MemoryPlan plan(LessonSize size, int checkpointed) {
        try (Parameters parameters = new Parameters();
                Parameters adapters = new Parameters()) {
            FaceShieldNetwork network = network(parameters, adapters);
            List<Parameter> all = Stream.concat(parameters.all().stream(), adapters.all().stream())
                    .toList();
            List<Part> parts = new ArrayList<>(weights(all));
            StepMemory step = step(network, all, size, checkpointed);
            parts.add(kept(step, size, checkpointed));
            parts.add(working(step, besides(network, size, step)));
            written(all).ifPresent(parts::add);
            parts.add(workspace.beside());
            return new MemoryPlan(title(size, checkpointed), parts);
        }
    }

    /** What one lesson holds on its way there and back. */
    StepMemory step(LessonSize size, int checkpointed) {
        try (Parameters parameters = new Parameters();
                Parameters adapters = new Parameters()) {
            FaceShieldNetwork network = network(parameters, adapters);
            List<Parameter> all = Stream.concat(parameters.all().stream(), adapters.all().stream())
                    .toList();
            return step(network, all, size, checkpointed);
        }
    }

    private FaceShieldNetwork network(Parameters parameters, Parameters adapters) {
        FaceShieldNetwork network = new FaceShieldNetwork(parameters, stored.config());
        parameters.all().stream()
                .filter(p -> !FaceShieldLearner.trains(options.stage()).test(p))
                .forEach(Parameter::frozen);
        Rehearsal.bind(parameters, stored::of);
        if (options.stage() == Stage.ADAPTERS) {
            FaceShieldTrainingOptions.Lora lora = options.lora();
            Adapter.fresh(network.language(), LoraConfig.of(lora.rank(), lora.alpha(), lora.dropout()), adapters);
            Rehearsal.bind(adapters, p -> List.of(new TensorInfo(p.name(), StoredType.F32, p.shape())));
        }
        return network;
    }

    private StepMemory step(FaceShieldNetwork network, List<Parameter> all, LessonSize size, int checkpointed) {
        Lesson lesson = size.lesson(stored.config());
        List<Tensor> leaves = all.stream()
                .filter(Parameter::isTrainable)
                .map(Parameter::tensor)
                .toList();
        return rehearsal.step(probe -> loss(network, checkpointed, probe).loss(lesson, 0), leaves);
    }

    private LessonLoss loss(FaceShieldNetwork network, int checkpointed, Probe probe) {
        return new LessonLoss(network, eyes(network), MaskingMode.OFF, options.seed(), checkpointed, probe);
    }

    private Eyes eyes(FaceShieldNetwork network) {
        FaceShieldConfig config = stored.config();
        boolean cached = options.stage().towerIsFrozen();
        return new Eyes() {
            @Override
            public Tensor features(Path picture) {
                return cached
                        ? Tensor.empty(
                                DType.F32,
                                2,
                                config.streamTokens(),
                                config.vision().width())
                        : network.features(pixels());
            }

            @Override
            public void prepare(Path picture) {
                network.features(pixels());
            }

            private Tensor pixels() {
                int side = config.vision().image();
                return Tensor.empty(DType.F32, 2, 3, side, side);
            }
        };
    }

    /** What is held, beyond a lesson's peak, while pictures are looked at and the development set is asked. */
    private long besides(FaceShieldNetwork network, LessonSize size, StepMemory step) {
        Lesson lesson = size.lesson(stored.config());
        long asking = rehearsal.peak(() -> loss(network, 0, Probe.NONE).loss(lesson, 0));
        long looking = rehearsal.peak(() -> {
            eyes(network).prepare(Path.of(""));
            return null;
        });
        return Math.max(0, Math.max(asking, looking) - step.peak());
    }

    private List<Part> weights(List<Parameter> all) {
        List<Parameter> trained = all.stream().filter(Parameter::isTrainable).toList();
        List<Parameter> frozen = all.stream().filter(p -> !p.isTrainable()).toList();
        List<Parameter> mapped = frozen.stream().filter(stored::isMapped).toList();
        List<Parameter> own = frozen.stream().filter(p -> !stored.isMapped(p)).toList();
        long learned = bytes(trained);
        int lanes = options.limits().lanes();
        String what =
                switch (options.stage()) {
                    case PROJECTOR -> "the projector";
                    case ADAPTERS -> "adapters of rank " + options.lora().rank() + " and the projector";
                    case FULL -> "everything";
                };
        List<Part> parts = new ArrayList<>();
        if (!mapped.isEmpty()) {
            parts.add(new Part("frozen weights, mapped", types(mapped), bytes(mapped)));
        }
        if (!own.isEmpty()) {
            parts.add(new Part("frozen weights, resident", types(own) + ": vectors, convolutions", bytes(own)));
        }
        parts.add(new Part("trained weights", types(trained) + ", their own masters: " + what, learned));
        parts.add(new Part("their gradients", lanes == 1 ? "F32" : "F32, of " + lanes + " lanes", lanes * learned));
        parts.add(new Part("Adam's moments", "m and v, F32", 2 * learned));
        return parts;
    }

    /** On the host the best state is rounded to the model's type before it is written. */
    private Optional<Part> written(List<Parameter> all) {
        if (workspace != Workspace.PROCESSOR) {
            return Optional.empty();
        }
        long count = all.stream()
                .filter(Parameter::isTrainable)
                .mapToLong(p -> View.count(p.shape()))
                .sum();
        return Optional.of(new Part(
                "the best state, while it is written",
                stored.written().toString(),
                stored.written().bits() / 8 * count));
    }

    private long bytes(List<Parameter> some) {
        return some.stream()
                .flatMap(p -> stored.of(p).stream())
                .mapToLong(TensorInfo::bytes)
                .sum();
    }

    /** {@code 8030.3 M: 98 % BF16, 2 % F32}, by weights. */
    private String types(List<Parameter> some) {
        Map<String, Long> counts = new TreeMap<>();
        for (Parameter p : some) {
            String type =
                    switch (stored.of(p).getFirst().dtype()) {
                        case I8 -> "int8";
                        case U8 -> "int4";
                        default -> stored.of(p).getFirst().dtype().toString();
                    };
            counts.merge(type, View.count(p.shape()), Long::sum);
        }
        return String.join(
                ", ",
                counts.entrySet().stream()
                        .map(e -> String.format(Locale.ROOT, "%.1f M %s", e.getValue() / MILLION, e.getKey()))
                        .toList());
    }

    private Part kept(StepMemory step, LessonSize size, int checkpointed) {
        int lanes = options.limits().lanes();
        int layers = step.blocks().length;
        int again = Math.min(checkpointed, layers);
        List<Part> of = new ArrayList<>();
        of.add(new Part("picture and prompt", "features, projector, rows", lanes * step.before()));
        if (again > 0) {
            of.add(new Part(blocks(again) + ", checkpointed", "what goes in", lanes * sum(step, 0, again)));
        }
        if (again < layers) {
            of.add(new Part(blocks(layers - again) + ", whole", "", lanes * sum(step, again, layers)));
        }
        of.add(new Part(
                "behind the blocks", "norm, vocabulary's loss of " + size.answer() + " tokens", lanes * step.behind()));
        return new Part(KEPT, "", lanes * step.kept(), of);
    }

    private static String blocks(int count) {
        return count + (count == 1 ? " block" : " blocks");
    }

    private static long sum(StepMemory step, int from, int to) {
        return Arrays.stream(step.blocks(), from, to).sum();
    }

    private Part working(StepMemory step, long besides) {
        int lanes = options.limits().lanes();
        long bytes = lanes * (step.working() + besides);
        List<Part> of = step.atPeak().entrySet().stream()
                .filter(e -> lanes * e.getValue() >= bytes / 100)
                .sorted(Map.Entry.<String, Long>comparingByValue().reversed())
                .map(e -> new Part(e.getKey(), "", lanes * e.getValue()))
                .toList();
        // Where it is something else that holds most, of what is not known.
        boolean known = besides == 0
                && step.atPeak().values().stream().mapToLong(b -> b).sum() == step.working();
        return new Part(WORKING, "of one block going back, or of the vocabulary", bytes, known ? of : List.of());
    }

    private String title(LessonSize size, int checkpointed) {
        int layers = stored.config().language().layers();
        return String.format(
                Locale.ROOT,
                "memory of training, stage %s: %s of at most %d positions, %d of %d blocks computed again",
                options.stage(),
                options.limits().lanes() == 1
                        ? "one sequence"
                        : options.limits().lanes() + " sequences at once",
                size.positions(),
                Math.min(checkpointed, layers),
                layers);
    }
}
