package io.aegis.models.dadm;

import io.aegis.kernels.DType;
import io.aegis.kernels.Optimizer;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * Combines the gradients of the four losses, parameter by parameter (gradient modulation of "Suppress and Rebalance",
 * arXiv 2402.19298, section 3.3, as DADM uses it). A parameter belongs to one modality k; the modality with the largest
 * mean information is the slow one. With mod(b, x) from {@link Optimizer#regrad}, and mu the information means:
 *
 * <pre>
 *     k slow:  corr = g_k + mu_i mod(g_k, g_i) + mu_j mod(g_k, g_j)
 *     else:    corr = mu_k mod(g_i + g_j, g_k) + g_i + g_j
 *     gradient = g_total + corr
 * </pre>
 */
public final class ReGrad {
    private ReGrad() {}

    /** The parameters that get modulated gradients: only for these are the modal losses differentiated. */
    public static List<Parameter> modulated(List<Parameter> trainable, Recipe.Regrad mode) {
        List<Parameter> out = new ArrayList<>();
        for (Parameter p : trainable) {
            boolean token = p.name().startsWith("class_token") || p.name().startsWith("pos_embedding");
            boolean exempt = mode == Recipe.Regrad.FIXED
                    ? p.name().contains("fc")
                    : topLevel(p).contains("fc");
            if (mode == Recipe.Regrad.OFFICIAL ? token : owner(p) >= 0 && !exempt) {
                out.add(p);
            }
        }
        return out;
    }

    /** The modality that a parameter follows, from 0, by the first number in its name's first part; -1 for none. */
    static int owner(Parameter p) {
        java.util.regex.Matcher number = java.util.regex.Pattern.compile("\\d+").matcher(topLevel(p));
        if (!number.find()) {
            return -1;
        }
        return switch (number.group()) {
            case "3", "13", "23" -> 2;
            case "2", "12" -> 1;
            case "1" -> 0;
            default -> -1;
        };
    }

    private static String topLevel(Parameter p) {
        int dot = p.name().indexOf('.');
        return dot < 0 ? p.name() : p.name().substring(0, dot);
    }

    /**
     * The correction of one gradient, for {@link Optimizer#regrad}; null where none of the modal losses has a gradient, and nothing
     * is to be added.
     *
     * @param out where the corrected gradient is written; may be {@code total}
     * @param total gradient of the total loss; null for zeros
     * @param modal gradients of the three modal losses; null for zeros
     */
    public static Optimizer.Correction correction(Parameter p, View out, Tensor total, Tensor[] modal) {
        if (modal[0] == null && modal[1] == null && modal[2] == null) {
            return null;
        }
        int k = owner(p);
        Tensor lower = modal[k == 0 ? 1 : 0];
        Tensor higher = modal[k == 2 ? 1 : 2];
        return new Optimizer.Correction(out, view(total), view(modal[k]), view(lower), view(higher), k);
    }

    private static View view(Tensor t) {
        return t == null ? null : t.view();
    }

    /**
     * Adds the correction to the total gradient in place. Modal gradients that do not exist count as zeros; without any,
     * nothing is added.
     *
     * @param total gradient of the total loss
     * @param modal gradients of the three modal losses, each possibly null; unchanged
     * @param information mu, one a modality
     */
    public static void combine(Parameter p, Tensor total, Tensor[] modal, double[] information) {
        Optimizer.Correction correction = correction(p, total.view(), total, modal);
        if (correction != null) {
            try (Scope scope = Scope.open()) {
                View mu = Tensor.of(DType.F64, information, information.length).view();
                scope.kernels().optimizer().regrad(List.of(correction), mu);
            }
        }
    }
}
