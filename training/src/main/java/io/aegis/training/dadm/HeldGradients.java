package io.aegis.training.dadm;

import io.aegis.kernels.Optimizer;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.models.dadm.ReGrad;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Complete gradients of some parameters on their way from the tape to the optimiser. Most parameters are small, and a launch costs a
 * GPU the same whatever it does; so they wait for one another until together they are worth correcting. How many bytes wait at most
 * does not depend on the model, but for a single parameter's four gradients.
 */
final class HeldGradients {
    /** Bytes of gradients that may wait. Within the second-level cache of a GPU, as the update reads them next. */
    static final long MOST = 32L << 20;

    private final Scope scope = Scope.current();
    private final View information;
    private final Sink sink;
    private final Map<Parameter, Tensor> complete = new LinkedHashMap<>();
    private final List<Optimizer.Correction> corrections = new ArrayList<>();
    private final List<Tensor> held = new ArrayList<>();
    private long bytes;

    /** Takes some parameters' gradients, corrected, in the order in which they were complete; valid during the call. */
    @FunctionalInterface
    interface Sink {
        void accept(Map<Parameter, Tensor> gradients);
    }

    /**
     * In the current scope, in which gradients are added.
     *
     * @param information mu, of each modality: F64 [3], read where gradients are corrected
     */
    HeldGradients(Tensor information, Sink sink) {
        this.information = information.view();
        this.sink = sink;
    }

    /**
     * Takes a parameter's gradients over; they are released when they have been used.
     *
     * @param total that of the total loss. Where it does not come by, as published it would bring zeros, so that weight decay goes on:
     *     null
     * @param modal those of the modal losses that correct it; null where there is none
     */
    void add(Parameter p, Tensor total, Tensor[] modal) {
        Tensor gradient = total != null ? total : like(p.view());
        Optimizer.Correction correction = ReGrad.correction(p, gradient.view(), total, modal);
        if (correction != null) {
            corrections.add(correction);
        } else if (total == null) {
            scope.kernels().elementwise().fill(gradient.view(), 0);
        }
        complete.put(p, gradient);
        if (total != null) {
            hold(total);
        }
        Arrays.stream(modal).filter(Objects::nonNull).forEach(this::hold);
        if (bytes >= MOST) {
            flush();
        }
    }

    /** Memory for a gradient with this layout, with any content. */
    private Tensor like(View v) {
        Tensor memory = Tensor.empty(v.dtype(), v.elements());
        hold(memory);
        return Tensor.wrap(View.of(memory.buffer(), v.dtype(), 0, v.shape(), v.strides()), false);
    }

    private void hold(Tensor gradient) {
        held.add(gradient);
        bytes += gradient.view().bytes();
    }

    /** Hands on what waits. */
    void flush() {
        if (!corrections.isEmpty()) {
            scope.kernels().optimizer().regrad(corrections, information);
        }
        if (!complete.isEmpty()) {
            sink.accept(complete);
        }
        corrections.clear();
        complete.clear();
        held.forEach(scope::release);
        held.clear();
        bytes = 0;
    }
}
