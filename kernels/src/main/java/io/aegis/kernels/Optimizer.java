package io.aegis.kernels;

import java.util.List;

/** What happens to gradients and parameters after the backward pass. Views of one call have one shape and strides. */
public interface Optimizer {
    /**
     * Constants of Adam (Kingma and Ba, arXiv 1412.6980); what changes from step to step is an {@link AdamStep}.
     *
     * @param beta1 decay of the first moment
     * @param beta2 decay of the second moment
     * @param eps added to the root of the corrected second moment
     * @param weightDecay lambda
     * @param decoupled subtract alpha lambda p directly (AdamW) rather than adding lambda p to the gradient (L2)
     */
    record Adam(double beta1, double beta2, double eps, double weightDecay, boolean decoupled) {}

    /**
     * One Adam step: updates parameter, first and second moment in place.
     *
     * @param step an {@link AdamStep} as it lies in memory, dense
     */
    void adam(View parameter, View gradient, View first, View second, Adam constants, View step);

    /** The sum of squares, in double: gradients are clipped by the root of their common sum. */
    double squares(View x);

    /** The sum of squares of all of them together; on a GPU the caller waits once, not once for each. */
    default double squares(List<View> all) {
        double sum = 0;
        for (View x : all) {
            sum += squares(x);
        }
        return sum;
    }

    /**
     * Gradient modulation of ReGrad (Lin et al., "Suppress and Rebalance", arXiv 2402.19298, used by DADM), over one
     * whole tensor: with p = (b . x) / (b . b + 1e-8), NaN taken as 0, out = p b if b . x > 0, else x - p b. out may
     * be x, not b.
     */
    void modulate(View base, View x, View out);
}
