package io.aegis.kernels.scalar;

import io.aegis.kernels.AdamStep;
import io.aegis.kernels.Optimizer;
import io.aegis.kernels.View;
import java.util.Arrays;
import java.util.List;

/**
 * Adam (Kingma and Ba, arXiv 1412.6980, algorithm 1) at step t, with g' = g + lambda p (L2) or, decoupled (Loshchilov and
 * Hutter, arXiv 1711.05101), g' = g and p first shrunk by 1 - alpha lambda:
 *
 * <pre>
 * m = beta1 m + (1 - beta1) g'      v = beta2 v + (1 - beta2) g'^2
 * p = p - alpha (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)
 * </pre>
 */
final class ScalarOptimizer implements Optimizer {
    @Override
    public void adam(View parameter, View gradient, View first, View second, Adam k, View step) {
        AdamStep now = AdamStep.read(step);
        if (!now.applies()) {
            return;
        }
        for (Walk w = new Walk(parameter, gradient, first, second); w.more(); w.next()) {
            double p = parameter.getAt(w.at(0));
            double g = gradient.getAt(w.at(1));
            if (k.decoupled()) {
                p -= now.learningRate() * k.weightDecay() * p;
            } else {
                g += k.weightDecay() * p;
            }
            double m = k.beta1() * first.getAt(w.at(2)) + (1 - k.beta1()) * g;
            double v = k.beta2() * second.getAt(w.at(3)) + (1 - k.beta2()) * g * g;
            p -= now.learningRate() * (m / now.correction1()) / (Math.sqrt(v / now.correction2()) + k.eps());
            parameter.setAt(w.at(0), p);
            first.setAt(w.at(2), m);
            second.setAt(w.at(3), v);
        }
    }

    @Override
    public void guard(View values, View steps, View guarded) {
        boolean finite = Arrays.stream(values.toDoubles()).allMatch(Double::isFinite);
        double[] all = steps.toDoubles();
        for (int i = 0; i < all.length; i++) {
            boolean says = i % AdamStep.SIZE == AdamStep.APPLIES;
            guarded.setAt(guarded.offset() + i, says && !finite ? 0 : all[i]);
        }
    }

    @Override
    public double squares(View x) {
        double sum = 0;
        for (Walk w = new Walk(x); w.more(); w.next()) {
            double v = x.getAt(w.at(0));
            sum += v * v;
        }
        return sum;
    }

    @Override
    public void regrad(List<Correction> all, View information) {
        double[] mu = information.toDoubles();
        all.forEach(c -> correct(c, mu));
    }

    private static void correct(Correction c, double[] mu) {
        double[] own = values(c.own(), c.out());
        double[] lower = values(c.first(), c.out());
        double[] higher = values(c.second(), c.out());
        double[] sum = values(c.total(), c.out());
        if (c.isSlow(mu)) {
            double[] one = modulated(own, lower);
            double[] other = modulated(own, higher);
            for (int i = 0; i < sum.length; i++) {
                sum[i] += own[i] + mu[c.lower()] * one[i] + mu[c.higher()] * other[i];
            }
        } else {
            double[] others = new double[sum.length];
            Arrays.setAll(others, i -> lower[i] + higher[i]);
            double[] modulated = modulated(others, own);
            for (int i = 0; i < sum.length; i++) {
                sum[i] += others[i] + mu[c.owner()] * modulated[i];
            }
        }
        for (int i = 0; i < sum.length; i++) {
            c.out().setAt(c.out().position(i), sum[i]);
        }
    }

    /** Zeros for null. */
    private static double[] values(View x, View like) {
        return x == null ? new double[(int) like.elements()] : x.toDoubles();
    }

    private static double[] modulated(double[] base, double[] x) {
        double along = 0;
        double square = 0;
        for (int i = 0; i < x.length; i++) {
            along += base[i] * x[i];
            square += base[i] * base[i];
        }
        double ratio = along / (square + 1e-8);
        double q = Double.isNaN(ratio) ? 0 : ratio;
        double[] out = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            out[i] = along > 0 ? q * base[i] : x[i] - q * base[i];
        }
        return out;
    }
}
