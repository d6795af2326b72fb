package io.aegis.training.faceshield;

import io.aegis.kernels.DType;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.layers.Probe;
import io.aegis.models.faceshield.FaceShieldConfig;
import io.aegis.models.faceshield.FaceShieldNetwork;
import io.aegis.models.faceshield.MaskingMode;
import io.aegis.models.lora.Adapter;
import io.aegis.models.lora.LoraConfig;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import io.aegis.training.Adam;
import io.aegis.training.Lanes;
import io.aegis.training.LossScale;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/**
 * An update of stage 2 from one sequence of the greatest length that is allowed, about nothing: what a run's own code takes and
 * holds at the most, without its files. Which the plan of a run foretells ({@link FaceShieldPlan}).
 *
 * <p>What the tower sees of the picture comes from the host, as a run has it on disk; no vision token is masked.
 */
public final class LongestUpdate implements AutoCloseable {
    private static final double RATE = 1e-5;

    private final Arena arena = Arena.ofShared();
    private final View features;
    private final Parameters adapters = new Parameters();
    private final Lanes lanes;
    private final Adam adam;
    private final FaceShieldStep step;
    private final List<Lesson> lessons;
    private long updates;

    /**
     * Makes adapters and the optimiser's state.
     *
     * @param parameters of the network, which have values; those that {@link #learns} says are trained
     * @param options of stage 2
     * @param operands what products compute in
     */
    public LongestUpdate(
            FaceShieldNetwork network, Parameters parameters, FaceShieldTrainingOptions options, DType operands) {
        if (options.stage() != Stage.ADAPTERS) {
            throw new IllegalArgumentException("stage " + options.stage() + ", expected " + Stage.ADAPTERS);
        }
        FaceShieldTrainingOptions.Lora lora = options.lora();
        Adapter.fresh(network.language(), LoraConfig.of(lora.rank(), lora.alpha(), lora.dropout()), adapters);
        adapters.initialize(DType.F32, options.seed());
        List<Parameter> trained = new ArrayList<>(parameters.trainable());
        trained.addAll(adapters.trainable());
        adam = new Adam(
                trained,
                Adam.Constants.decoupled(options.fit().beta2(), options.fit().weightDecay()));
        FaceShieldConfig config = network.config();
        features = waves(2, config.streamTokens(), config.vision().width());
        int layers = config.language().layers();
        LessonLoss loss = new LessonLoss(
                network,
                seen(),
                MaskingMode.OFF,
                options.seed(),
                options.limits().checkpointed() ? layers : 0,
                Probe.NONE);
        lanes = new Lanes(1);
        step = new FaceShieldStep(loss, trained, adam, LossScale.of(operands), lanes, options.fit());
        lessons = List.of(LessonSize.allowed(config, options.limits()).lesson(config));
    }

    /** Which of a network's parameters are trained beside adapters. */
    public static Predicate<Parameter> learns() {
        return FaceShieldLearner.trains(Stage.ADAPTERS);
    }

    private View waves(long... shape) {
        View waves = View.allocate(arena, DType.F32, shape);
        for (long i = 0; i < waves.elements(); i++) {
            waves.setAt(i, Math.sin(0.37 * i));
        }
        return waves;
    }

    private Eyes seen() {
        return new Eyes() {
            @Override
            public Tensor features(Path picture) {
                Tensor out = Tensor.empty(DType.F32, features.shape());
                Elementwise on = Scope.current().kernels().elementwise();
                on.copy(features, out.view());
                return out;
            }

            @Override
            public void prepare(Path picture) {}
        };
    }

    /**
     * Does it once, with the kernels of the current scope.
     *
     * @return the loss of an answer's token
     * @throws ArithmeticException when that is none
     */
    public double run() {
        FaceShieldStep.Report report = step.run(lessons, updates++, p -> RATE);
        return report.loss() / report.tokens();
    }

    /** Tokens of the answer that it learns. */
    public int answer() {
        return lessons.getFirst().tokens();
    }

    @Override
    public void close() {
        step.close();
        lanes.close();
        adam.close();
        adapters.close();
        features.buffer().discardMirror();
        arena.close();
    }
}
