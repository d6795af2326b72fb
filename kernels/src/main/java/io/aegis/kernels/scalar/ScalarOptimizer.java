package io.aegis.kernels.scalar;

import io.aegis.kernels.AdamStep;
import io.aegis.kernels.Optimizer;
import io.aegis.kernels.View;

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
    public double squares(View x) {
        double sum = 0;
        for (Walk w = new Walk(x); w.more(); w.next()) {
            double v = x.getAt(w.at(0));
            sum += v * v;
        }
        return sum;
    }

    @Override
    public void modulate(View base, View x, View out) {
        double along = 0;
        double square = 0;
        for (Walk w = new Walk(base, x); w.more(); w.next()) {
            double b = base.getAt(w.at(0));
            along += b * x.getAt(w.at(1));
            square += b * b;
        }
        double ratio = along / (square + 1e-8);
        double p = Double.isNaN(ratio) ? 0 : ratio;
        for (Walk w = new Walk(base, x, out); w.more(); w.next()) {
            double projection = p * base.getAt(w.at(0));
            out.setAt(w.at(2), along > 0 ? projection : x.getAt(w.at(1)) - projection);
        }
    }
}
