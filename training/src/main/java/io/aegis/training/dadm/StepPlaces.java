package io.aegis.training.dadm;

import io.aegis.kernels.AdamStep;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.layers.Pass;
import io.aegis.models.dadm.DadmConfig;
import io.aegis.models.dadm.LabelTensors;
import io.aegis.models.dadm.Modality;
import io.aegis.models.dadm.Permutations;
import io.aegis.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * What a recorded step is handed and hands on: tensors that stay where they are between its launches.
 *
 * @param pictures of the modalities, then infrared as prototypes see it, if that is another: [B, 3, S, S]
 * @param numbers the step's number, whether prototypes have momentum, samples, labels, permutations: I64, uploaded at once
 * @param results losses and mu
 * @param guarded steps of Adam, as far as they apply
 * @param layers of the network
 */
record StepPlaces(List<Tensor> pictures, View numbers, StepResults results, View guarded, int layers) {
    private static final int COUNTER = 0;
    private static final int MOMENTUM = 1;
    private static final int SAMPLES = 2;

    /**
     * Makes them.
     *
     * @param b B
     * @param infrared whether prototypes see infrared otherwise
     * @param learned number of parameters that learn
     */
    static StepPlaces of(DadmConfig c, long b, boolean infrared, long learned, FixedTensors fixed) {
        List<Tensor> pictures = new ArrayList<>();
        for (int i = 0; i < (infrared ? Modality.COUNT + 1 : Modality.COUNT); i++) {
            pictures.add(fixed.make(DType.F32, b, 3, c.image(), c.image()));
        }
        long labels = View.count(LabelTensors.shape(b));
        long permutations = View.count(Permutations.shape(c.layers(), b));
        View numbers =
                fixed.make(DType.I64, SAMPLES + b + labels + permutations).view();
        View guarded = fixed.make(DType.F64, learned, AdamStep.SIZE).view();
        return new StepPlaces(
                List.copyOf(pictures), numbers, StepResults.of(DType.F32, fixed::make), guarded, c.layers());
    }

    /**
     * What the step is of.
     *
     * @param identified whether it is known who the samples are
     * @param training whether batch norm and dropout are
     */
    StepInputs inputs(boolean identified, boolean training, long seed) {
        Tensor[] seen = pictures.subList(0, Modality.COUNT).toArray(Tensor[]::new);
        Tensor[] ofPrototypes = seen.clone();
        ofPrototypes[Modality.COUNT - 1] = pictures.getLast();
        Tensor samples = identified ? Tensor.wrap(samples(), false) : null;
        Tensor counter = training ? Tensor.wrap(counter(), false) : null;
        return new StepInputs(
                seen,
                ofPrototypes,
                new Pass(training, training, training, seed, 0, samples, counter),
                Permutations.in(permutations()),
                LabelTensors.in(labels()),
                Tensor.wrap(momentum(), false));
    }

    private long batch() {
        return pictures.getFirst().size(0);
    }

    /** I64 [1]. */
    View counter() {
        return numbers.slice(0, COUNTER, COUNTER + 1);
    }

    /** I64 [1]. */
    View momentum() {
        return numbers.slice(0, MOMENTUM, MOMENTUM + 1);
    }

    /** I64 [B]. */
    View samples() {
        return numbers.slice(0, SAMPLES, SAMPLES + batch());
    }

    /** As {@link LabelTensors#in} takes them. */
    View labels() {
        long[] all = LabelTensors.shape(batch());
        long from = SAMPLES + batch();
        return numbers.slice(0, from, from + View.count(all)).reshape(all);
    }

    /** As {@link Permutations#in} takes them. */
    View permutations() {
        long from = SAMPLES + batch() + View.count(LabelTensors.shape(batch()));
        return numbers.slice(0, from, numbers.size(0)).reshape(Permutations.shape(layers, batch()));
    }
}
