package io.aegis.kernels.scalar;

import io.aegis.kernels.Philox;
import io.aegis.kernels.View;
import io.aegis.kernels.VisionMasking;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/** One sample after the other; the order of summation is the interface's. */
final class ScalarVisionMasking implements VisionMasking {
    private static final int LANES = 32;
    /** Neighbours of a lane. */
    private static final int RUN = 8;

    @Override
    public void select(
            View tokens,
            View prompt,
            View samples,
            Rule rule,
            View cosine,
            View importance,
            View top,
            View kept,
            View counts) {
        for (long b = 0; b < tokens.size(0); b++) {
            double[] cosines = cosines(tokens.select(0, b), prompt.select(0, b));
            Doubles.write(cosines, cosine.select(0, b));
            if (importance != null) {
                Doubles.write(softmax(cosines, rule.temperature()), importance.select(0, b));
            }
            boolean[] best = best(cosines, rule);
            long sample = samples.getLong(b);
            int count = 0;
            for (int i = 0; i < best.length; i++) {
                if (top != null) {
                    top.set(best[i] ? 1 : 0, b, i);
                }
                if (best[i] || !isMasked(rule, sample, i)) {
                    kept.setLongAt(kept.index(b, count++), i);
                }
            }
            for (int i = count; i < best.length; i++) {
                kept.setLongAt(kept.index(b, i), -1);
            }
            counts.setLongAt(counts.index(b), count);
        }
    }

    private static boolean isMasked(Rule rule, long sample, int token) {
        return Philox.uniform(rule.seed(), rule.step(), sample, rule.site(), token) < rule.probability();
    }

    private static double[] cosines(View tokens, View prompt) {
        double[][] rows = new double[(int) prompt.size(0)][];
        double[] lengths = new double[rows.length];
        for (int j = 0; j < rows.length; j++) {
            rows[j] = Doubles.readRow(prompt, prompt.index(j));
            lengths[j] = length(rows[j]);
        }
        double[] out = new double[(int) tokens.size(0)];
        for (int i = 0; i < out.length; i++) {
            double[] token = Doubles.readRow(tokens, tokens.index(i));
            double own = length(token);
            out[i] = Double.NEGATIVE_INFINITY;
            for (int j = 0; j < rows.length; j++) {
                double c = dot(token, rows[j]) / (own * lengths[j]);
                out[i] = Double.compare(c, out[i]) > 0 ? c : out[i];
            }
        }
        return out;
    }

    private static double length(double[] x) {
        return Math.max(FLOOR, Math.sqrt(dot(x, x)));
    }

    private static double dot(double[] a, double[] b) {
        double[] lanes = new double[LANES];
        for (int from = 0, lane = 0; from < a.length; from += RUN, lane = (lane + 1) % LANES) {
            double sum = lanes[lane];
            for (int k = from; k < Math.min(from + RUN, a.length); k++) {
                sum += a[k] * b[k];
            }
            lanes[lane] = sum;
        }
        for (int half = LANES / 2; half > 0; half /= 2) {
            for (int l = 0; l < half; l++) {
                lanes[l] += lanes[l + half];
            }
        }
        return lanes[0];
    }

    private static boolean[] best(double[] cosines, Rule rule) {
        boolean[] out = new boolean[cosines.length];
        int length = cosines.length / rule.groups();
        for (int from = 0; from < cosines.length; from += length) {
            IntStream.range(from, from + length)
                    .boxed()
                    .sorted(Comparator.comparing((Integer i) -> cosines[i]).reversed())
                    .limit(rule.keep())
                    .forEach(i -> out[i] = true);
        }
        return out;
    }

    private static double[] softmax(double[] cosines, double temperature) {
        double greatest = Arrays.stream(cosines).max().orElse(0);
        double[] out = Arrays.stream(cosines)
                .map(c -> Math.exp((c - greatest) / temperature))
                .toArray();
        double sum = Arrays.stream(out).sum();
        return Arrays.stream(out).map(e -> e / sum).toArray();
    }
}
