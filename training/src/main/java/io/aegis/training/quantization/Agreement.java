package io.aegis.training.quantization;

import java.util.List;

/**
 * How far a language model's expectations are from another's, place by place of the same texts.
 *
 * @param places how many
 * @param meanDivergence mean of KL(P || Q) in nats, P the other's distribution of the next token and Q this one's
 * @param greatestDivergence the greatest of them
 * @param sameFirst the share of places where both find the same token likeliest: where greedy answers go on together
 */
public record Agreement(long places, double meanDivergence, double greatestDivergence, double sameFirst) {
    /**
     * Compares scores before any softmax.
     *
     * @param before texts of rows of scores
     * @param after as before
     */
    static Agreement of(List<float[][]> before, List<float[][]> after) {
        long places = 0;
        double sum = 0;
        double greatest = 0;
        long same = 0;
        for (int t = 0; t < before.size(); t++) {
            for (int i = 0; i < before.get(t).length; i++) {
                float[] p = before.get(t)[i];
                float[] q = after.get(t)[i];
                double divergence = divergence(p, q);
                sum += divergence;
                greatest = Math.max(greatest, divergence);
                same += largest(p) == largest(q) ? 1 : 0;
                places++;
            }
        }
        return new Agreement(places, sum / places, greatest, (double) same / places);
    }

    private static double divergence(float[] p, float[] q) {
        double np = logSum(p);
        double nq = logSum(q);
        double sum = 0;
        for (int v = 0; v < p.length; v++) {
            double logP = p[v] - np;
            sum += Math.exp(logP) * (logP - (q[v] - nq));
        }
        return Math.max(0, sum);
    }

    private static double logSum(float[] x) {
        double greatest = x[largest(x)];
        double sum = 0;
        for (float v : x) {
            sum += Math.exp(v - greatest);
        }
        return greatest + Math.log(sum);
    }

    private static int largest(float[] x) {
        int best = 0;
        for (int i = 1; i < x.length; i++) {
            best = x[i] > x[best] ? i : best;
        }
        return best;
    }
}
