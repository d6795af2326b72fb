package io.aegis.training.dadm;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.models.dadm.Losses;
import io.aegis.models.dadm.Modality;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/**
 * What a step tells, where kernels left it.
 *
 * @param losses [4], the modal ones, then the total
 * @param information mu, F64 [3]
 */
record StepResults(Tensor losses, Tensor information) {
    static final int LOSSES = Modality.COUNT + 1;

    /** Memory for them. */
    @FunctionalInterface
    interface Maker {
        Tensor make(DType dtype, long... shape);
    }

    /** Room for them, with any content. */
    static StepResults of(DType dtype, Maker maker) {
        return new StepResults(maker.make(dtype, LOSSES), maker.make(DType.F64, Modality.COUNT));
    }

    /**
     * Collects them, in the current scope.
     *
     * @param information mean information tokens, one a modality
     */
    static StepResults of(Losses losses, Tensor[] information) {
        StepResults to = of(losses.total().dtype(), Tensor::empty);
        View[] from = Stream.concat(Stream.of(losses.modal()), Stream.of(losses.total()))
                .map(Tensor::view)
                .toArray(View[]::new);
        View[] places = new View[LOSSES];
        Arrays.setAll(places, i -> to.losses.view().slice(0, i, i + 1));
        Scope.current().kernels().elementwise().copies(from, places);
        List<View> tokens = Stream.of(information).map(Tensor::view).toList();
        Scope.current().kernels().mutualInformation().means(tokens, to.information.view());
        return to;
    }

    /** Copies them to where others are. */
    void copyTo(StepResults other) {
        View[] from = {losses.view(), information.view()};
        View[] to = {other.losses.view(), other.information.view()};
        Scope.current().kernels().elementwise().copies(from, to);
    }

    /**
     * On the host, which waits for them.
     *
     * @throws ArithmeticException when a loss is not finite
     */
    DadmStep.Report report(long step) {
        double[] all = losses.toDoubles();
        for (int k = 0; k < LOSSES; k++) {
            if (!Double.isFinite(all[k])) {
                String what = k < Modality.COUNT ? "loss of modality " + (k + 1) : "total loss";
                throw new ArithmeticException(what + " is " + all[k] + " at step " + step);
            }
        }
        double[] modal = Arrays.copyOf(all, Modality.COUNT);
        return new DadmStep.Report(all[Modality.COUNT], modal, information.toDoubles(), Double.NaN);
    }
}
