package io.aegis.kernels;

import java.util.List;

/** What happens to gradients and parameters after the backward pass. Views of one parameter have one shape. */
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
     * One Adam step: updates parameter, first and second moment in place; nothing where the step does not apply.
     *
     * @param step an {@link AdamStep} as it lies in memory, dense
     */
    void adam(View parameter, View gradient, View first, View second, Adam constants, View step);

    /**
     * One Adam step of one parameter among several.
     *
     * @param step an {@link AdamStep} as it lies in memory, dense
     */
    record Update(View parameter, View gradient, View first, View second, Adam constants, View step) {}

    /** As {@link #adam(View, View, View, View, Adam, View)} of each, to the bit; on a GPU small ones share a launch. */
    default void adam(List<Update> all) {
        for (Update u : all) {
            adam(u.parameter, u.gradient, u.first, u.second, u.constants, u.step);
        }
    }

    /**
     * Lets updates take place only where losses are numbers, without the host: steps as they are, but that none of them {@link
     * AdamStep#applies} where a value is not finite.
     *
     * @param values dense
     * @param steps F64 [n, {@value AdamStep#SIZE}], {@link AdamStep}s one behind the other, dense
     * @param guarded as {@code steps}, overwritten; where updates read their steps
     */
    void guard(View values, View steps, View guarded);

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
     * One gradient that ReGrad corrects. All views have one shape, float; sources may be null, which counts as zeros.
     *
     * @param out destination; may be {@code total}, and overlaps no other source
     * @param total gradient of the total loss
     * @param own g_k, of the loss of the modality that the parameter belongs to
     * @param first g_i, of the loss of the lower of the other two
     * @param second g_j, of that of the higher
     * @param owner k, from 0 to 2
     */
    record Correction(View out, View total, View own, View first, View second, int owner) {
        /** i. */
        public int lower() {
            return owner == 0 ? 1 : 0;
        }

        /** j. */
        public int higher() {
            return owner == 2 ? 1 : 2;
        }

        /**
         * Whether no mean information is above the owner's.
         *
         * @param mu of the three modalities
         */
        public boolean isSlow(double[] mu) {
            return mu[owner] >= mu[lower()] && mu[owner] >= mu[higher()];
        }
    }

    /**
     * Corrects gradients by ReGrad (Lin et al., "Suppress and Rebalance", arXiv 2402.19298, section 3.3, as DADM uses it), each
     * by inner products over one whole tensor. With mod(b, x) = q b if b . x > 0, else x - q b, where q = (b . x) / (b . b +
     * 1e-8), NaN taken as 0:
     *
     * <pre>
     *     k slow:  out = total + g_k + mu_i mod(g_k, g_i) + mu_j mod(g_k, g_j)
     *     else:    out = total + g_i + g_j + mu_k mod(g_i + g_j, g_k)
     * </pre>
     *
     * @param information mu, F64 [3], dense; which case it is, is decided where kernels run
     */
    void regrad(List<Correction> all, View information);
}
