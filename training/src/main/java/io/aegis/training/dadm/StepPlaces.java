package io.aegis.training.dadm;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.models.dadm.DadmConfig;
import io.aegis.models.dadm.DadmNetwork;
import io.aegis.models.dadm.Modality;
import io.aegis.models.dadm.Permutations;
import io.aegis.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntFunction;

/**
 * What a recorded step is handed and hands on: tensors that stay where they are between its launches.
 *
 * @param pictures of the modalities, then infrared as prototypes see it, if that is another: [B, 3, S, S]
 * @param numbers the step's number, then samples, then permutations: I64, uploaded at once
 * @param evaluated features in evaluation, [3, B, D]
 * @param output of the way forward; its features and mutual-information losses are leaves
 * @param cotangents the losses' gradients
 * @param information mu, F64 [3]
 */
record StepPlaces(
        List<Tensor> pictures,
        View numbers,
        View evaluated,
        DadmNetwork.Output output,
        Cotangents cotangents,
        Tensor information) {
    /**
     * Makes them.
     *
     * @param b B
     * @param infrared whether prototypes see infrared otherwise
     */
    static StepPlaces of(DadmConfig c, long b, boolean infrared, FixedTensors fixed) {
        List<Tensor> pictures = new ArrayList<>();
        for (int i = 0; i < (infrared ? Modality.COUNT + 1 : Modality.COUNT); i++) {
            pictures.add(fixed.make(DType.F32, b, 3, c.image(), c.image()));
        }
        long permutations = View.count(Permutations.shape(c.layers(), b));
        View numbers = fixed.make(DType.I64, 1 + b + permutations).view();
        View evaluated = fixed.make(DType.F32, Modality.COUNT, b, c.width()).view();
        DadmNetwork.Output output = output(fixed, b, c.width());
        Cotangents cotangents = Cotangents.of(output, fixed::make);
        return new StepPlaces(
                List.copyOf(pictures), numbers, evaluated, output, cotangents, fixed.make(DType.F64, Modality.COUNT));
    }

    /** Laid out as the network's own is: features of all modalities in one piece. */
    private static DadmNetwork.Output output(FixedTensors fixed, long b, long d) {
        View features = fixed.make(DType.F32, Modality.COUNT, b, d).view();
        View means = fixed.make(DType.F32, Modality.COUNT, b, 1, d).view();
        Tensor[] information = each(k -> Tensor.wrap(means.select(0, k), false));
        return Learned.leaves(new DadmNetwork.Output(
                null,
                each(k -> Tensor.wrap(features.select(0, k), false)),
                information,
                each(k -> fixed.make(DType.F32, 1))));
    }

    private static Tensor[] each(IntFunction<Tensor> of) {
        Tensor[] all = new Tensor[Modality.COUNT];
        Arrays.setAll(all, of);
        return all;
    }
}
