package io.aegis.training.faceshield;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.models.faceshield.FaceShieldNetwork;
import io.aegis.models.lora.Adapter;
import io.aegis.models.lora.LoraConfig;
import io.aegis.models.lora.TargetModules;
import io.aegis.training.Adam;
import io.aegis.training.LossScale;
import io.aegis.weights.Checkpoint;
import io.aegis.weights.Finite;
import io.aegis.weights.StoredTensor;
import io.aegis.weights.Views;
import io.aegis.weights.WeightsException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;

/**
 * A model that learns: its network, whose frozen matrices stay in the base's files; what is trained, as float32; Adam's
 * moments of that; the scale of its losses. As tensors of a file it is the trained parameters under their names, {@link Adam}'s,
 * and {@link LossScale}'s in half precision.
 */
final class FaceShieldLearner implements AutoCloseable {
    private final BaseModel base;
    private final Parameters parameters = new Parameters();
    private final Parameters adapters = new Parameters();
    private final FaceShieldNetwork network;
    private final List<Parameter> trained = new ArrayList<>();
    private final Optional<LoraConfig> lora;
    private final Optional<LossScale> scale = LossScale.of(Backends.chosen().operands());
    private Adam adam;

    /** At the start of a run; {@code base} must stay open. */
    FaceShieldLearner(BaseModel base, FaceShieldTrainingOptions options) {
        this.base = base;
        try {
            network = new FaceShieldNetwork(parameters, base.config());
            base.fill(parameters, trains(options.stage()), options.seed());
            lora = options.stage() == Stage.ADAPTERS ? Optional.of(lora(options.lora())) : Optional.empty();
            lora.ifPresent(config -> {
                Adapter.fresh(network.language(), config, adapters);
                adapters.initialize(DType.F32, options.seed());
            });
            trained.addAll(parameters.trainable());
            trained.addAll(adapters.trainable());
            adam = new Adam(
                    trained,
                    Adam.Constants.decoupled(
                            options.fit().beta2(), options.fit().weightDecay()));
        } catch (RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    /** Adapters for the language model's blocks; what learns besides is kept beside them. */
    private LoraConfig lora(FaceShieldTrainingOptions.Lora asked) {
        List<String> beside = parameters.trainable().stream()
                .map(p -> base.layout().nameOf(p.name()).replaceFirst("^model\\.", ""))
                .map(name -> name.substring(0, name.indexOf('.')))
                .distinct()
                .toList();
        return new LoraConfig(
                Optional.of(base.folder().toAbsolutePath().normalize().toString()),
                asked.rank(),
                asked.alpha(),
                asked.dropout(),
                TargetModules.LLAMA,
                false,
                Map.of(),
                Map.of(),
                Set.of(),
                beside);
    }

    /** What of a model learns, adapters aside. */
    static Predicate<Parameter> trains(Stage stage) {
        return switch (stage) {
            case PROJECTOR, ADAPTERS -> FaceShieldLearner::isBetween;
            case FULL -> p -> true;
        };
    }

    /** Whether a parameter lies between tower and language model. */
    private static boolean isBetween(Parameter p) {
        return p.name().startsWith("proj") || p.name().startsWith("pvtm.");
    }

    /** Whether a parameter learns at the projector's rate: all but the language model and its adapters. */
    static boolean learnsAsProjector(Parameter p) {
        return isBetween(p) || p.name().startsWith("vis.");
    }

    /** Takes over what {@link #tensors} gave. */
    void restore(Checkpoint c) {
        for (Parameter p : trained) {
            View stored = Views.of(c, p.name());
            if (stored.dtype() != DType.F32 || !Arrays.equals(stored.shape(), p.shape())) {
                throw WeightsException.of(c.path(), p.name(), "is " + stored + ", expected " + p);
            }
            Backends.best().elementwise().copy(stored, p.view());
            p.changed();
        }
        adam.restore(c);
        scale.ifPresent(s -> s.restore(c));
    }

    BaseModel base() {
        return base;
    }

    FaceShieldNetwork network() {
        return network;
    }

    Parameters parameters() {
        return parameters;
    }

    Parameters adapters() {
        return adapters;
    }

    /** What the adapters are, where it is adapters that learn. */
    Optional<LoraConfig> lora() {
        return lora;
    }

    /** In the order of declaration, adapters last. */
    List<Parameter> trained() {
        return trained;
    }

    Adam adam() {
        return adam;
    }

    /** Of losses, where gradients go back in half precision. */
    Optional<LossScale> scale() {
        return scale;
    }

    /**
     * Refuses weights that are none.
     *
     * @throws WeightsException naming the first parameter with NaN or an infinity
     */
    void requireFinite(Path file) {
        trained.forEach(p -> Finite.check(file, p.name(), p.view()));
    }

    /** All of it for a file; what does not lie as files hold it is copied into the arena, of shared kind. */
    List<StoredTensor> tensors(Arena arena) {
        List<StoredTensor> out = new ArrayList<>();
        trained.forEach(p -> out.add(StoredTensor.of(p.name(), p.view(), arena)));
        out.addAll(adam.tensors(arena));
        scale.ifPresent(s -> out.addAll(s.tensors(arena)));
        return out;
    }

    @Override
    public void close() {
        if (adam != null) {
            adam.close();
        }
        adapters.close();
        parameters.close();
    }
}
