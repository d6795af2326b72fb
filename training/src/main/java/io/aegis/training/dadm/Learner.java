package io.aegis.training.dadm;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.models.dadm.DadmFolder;
import io.aegis.models.dadm.DadmNetwork;
import io.aegis.models.dadm.Hyperplanes;
import io.aegis.models.dadm.Modality;
import io.aegis.models.dadm.PretrainedVit;
import io.aegis.models.dadm.Prototypes;
import io.aegis.models.dadm.Recipe;
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
import java.util.Optional;

/**
 * Everything that training changes: parameters, Adam's moments, prototypes. As tensors of a file they are the model's own
 * under their names, {@link Adam}'s, {@code prototypes/K} F64 [classes, D] for each modality K from 0, and {@code prototypes/present} I64 [classes].
 */
final class Learner implements AutoCloseable {
    private static final String PROTOTYPES = "prototypes/";
    private static final String PRESENT = PROTOTYPES + "present";

    private final Parameters parameters = new Parameters();
    private final DadmNetwork network;
    private final Optional<LossScale> scale = LossScale.of(Backends.chosen().operands());
    private Retry retry;
    private Adam adam;
    private DadmStep step;

    private Learner(DadmTrainingOptions options) {
        network = new DadmNetwork(parameters, options.config(), options.trunk());
    }

    /** At the start of a run. */
    static Learner fresh(DadmTrainingOptions options) {
        Learner learner = new Learner(options);
        try {
            learner.parameters.initialize(DType.F32, options.seed());
            options.init().ifPresent(file -> PretrainedVit.into(learner.parameters, options.config(), file));
            if (Recipe.named(options.recipe()).averageHeads()) {
                Hyperplanes.average(learner.network);
            }
            learner.ready(options);
            return learner;
        } catch (RuntimeException | Error e) {
            learner.close();
            throw e;
        }
    }

    /**
     * As a checkpoint left it.
     *
     * @throws WeightsException when tensors are missing, misshapen or unknown
     */
    static Learner stored(DadmTrainingOptions options, Checkpoint c) {
        Learner learner = new Learner(options);
        try {
            List<String> own =
                    c.names().stream().filter(n -> n.indexOf('/') < 0).toList();
            learner.parameters.load(c.path().toString(), own, n -> Views.of(c, n), DType.F32, false);
            learner.ready(options);
            learner.adam.restore(c);
            learner.scale.ifPresent(scale -> scale.restore(c));
            if (c.has(PRESENT)) {
                learner.step.restore(prototypes(c));
            }
            return learner;
        } catch (IllegalArgumentException e) {
            learner.close();
            throw new WeightsException(e.getMessage(), e);
        } catch (RuntimeException | Error e) {
            learner.close();
            throw e;
        }
    }

    private void ready(DadmTrainingOptions o) {
        adam = new Adam(parameters.trainable(), Adam.Constants.l2(o.fit().weightDecay()));
        retry = scale.isPresent() ? new Retry(parameters) : null;
        step = new DadmStep(network, parameters, Recipe.named(o.recipe()), adam, o.seed(), scale, retry);
    }

    private static Prototypes prototypes(Checkpoint c) {
        double[] seen = Views.of(c, PRESENT).toDoubles();
        boolean[] present = new boolean[seen.length];
        double[][] values = new double[Modality.COUNT][];
        int width = 0;
        for (int i = 0; i < seen.length; i++) {
            present[i] = seen[i] != 0;
        }
        for (int k = 0; k < values.length; k++) {
            View stored = Views.of(c, PROTOTYPES + k);
            if (stored.rank() != 2 || stored.size(0) != seen.length || k > 0 && stored.size(1) != width) {
                throw WeightsException.of(c.path(), PROTOTYPES + k, "has shape " + Arrays.toString(stored.shape()));
            }
            width = (int) stored.size(1);
            values[k] = stored.toDoubles();
        }
        return Prototypes.of(values, present, width);
    }

    DadmNetwork network() {
        return network;
    }

    DadmStep step() {
        return step;
    }

    /** Of losses, where gradients go back in half precision. */
    Optional<LossScale> scale() {
        return scale;
    }

    Parameters parameters() {
        return parameters;
    }

    /**
     * Refuses weights that are none.
     *
     * @throws WeightsException naming the first parameter with NaN or an infinity
     */
    void requireFinite(Path file) {
        for (Parameter p : parameters.all()) {
            Finite.check(file, p.name(), p.view());
        }
    }

    /** All of it for a file; what does not lie as files hold it is copied into the arena, of shared kind. */
    List<StoredTensor> tensors(Arena arena) {
        List<StoredTensor> out = new ArrayList<>(DadmFolder.tensors(parameters, arena));
        out.addAll(adam.tensors(arena));
        scale.ifPresent(s -> out.addAll(s.tensors(arena)));
        Prototypes prototypes = step.prototypes();
        if (prototypes != null) {
            boolean[] present = prototypes.present();
            for (int k = 0; k < Modality.COUNT; k++) {
                View v = View.allocate(arena, DType.F64, present.length, prototypes.width());
                double[] values = prototypes.values(k);
                for (int i = 0; i < values.length; i++) {
                    v.setAt(i, values[i]);
                }
                out.add(StoredTensor.of(PROTOTYPES + k, v, arena));
            }
            View seen = View.allocate(arena, DType.I64, present.length);
            for (int i = 0; i < present.length; i++) {
                seen.setLongAt(i, present[i] ? 1 : 0);
            }
            out.add(StoredTensor.of(PRESENT, seen, arena));
        }
        return out;
    }

    @Override
    public void close() {
        if (step != null) {
            step.close();
        }
        if (adam != null) {
            adam.close();
        }
        if (retry != null) {
            retry.close();
        }
        parameters.close();
    }
}
