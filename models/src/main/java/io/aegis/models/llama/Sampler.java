package io.aegis.models.llama;

import io.aegis.kernels.Philox;
import java.util.Arrays;
import java.util.BitSet;

/**
 * Chooses the next token of one sequence. The draw depends on the seed, the sequence's identity and the number of the token
 * only, so it is the same alone and in a batch.
 */
final class Sampler {
    /** Which randomness of a model this is. */
    private static final long SITE = 1L << 24;

    private final GenerationOptions options;
    private final long sample;
    private final BitSet seen = new BitSet();

    /**
     * What was chosen.
     *
     * @param id the token
     * @param logProbability of it, by the model's logits as they are
     */
    record Choice(int id, double logProbability) {
        /**
         * As {@link io.aegis.kernels.Reduction#likeliest} gives it.
         *
         * @throws ArithmeticException for -1: one of the logits is not a number
         */
        static Choice of(long index, double share) {
            if (index < 0) {
                throw notNumbers();
            }
            return new Choice(Math.toIntExact(index), share);
        }
    }

    Sampler(GenerationOptions options, long sample) {
        this.options = options;
        this.sample = sample;
    }

    /** Counts a token as seen, for the penalty. */
    void saw(int id) {
        seen.set(id);
    }

    /**
     * Chooses token number {@code step} of the answer.
     *
     * @param logits of every token
     * @throws ArithmeticException when one of them is not a number
     */
    Choice next(double[] logits, long step) {
        for (double x : logits) {
            if (Double.isNaN(x)) {
                throw notNumbers();
            }
        }
        double[] scores = logits.clone();
        penalise(scores);
        int id = options.temperature() == 0 ? best(scores) : draw(scores, step);
        saw(id);
        return new Choice(id, logits[id] - logSum(logits));
    }

    private static ArithmeticException notNumbers() {
        return new ArithmeticException("the model's logits are not numbers (NaN): its weights are damaged");
    }

    /** Whether it takes the likeliest token by the logits as they are. */
    boolean isGreedy() {
        return options.temperature() == 0 && options.repetitionPenalty() == 1;
    }

    private void penalise(double[] scores) {
        double penalty = options.repetitionPenalty();
        if (penalty != 1) {
            seen.stream().filter(i -> i < scores.length).forEach(i -> {
                scores[i] = scores[i] > 0 ? scores[i] / penalty : scores[i] * penalty;
            });
        }
    }

    /** The first of the greatest. */
    static int best(double[] scores) {
        int best = 0;
        for (int i = 1; i < scores.length; i++) {
            if (scores[i] > scores[best]) {
                best = i;
            }
        }
        return best;
    }

    private int draw(double[] scores, long step) {
        double top = scores[best(scores)];
        double least = options.topK() == 0 || options.topK() >= scores.length ? Double.NEGATIVE_INFINITY : kth(scores);
        double[] weights = new double[scores.length];
        double total = 0;
        for (int i = 0; i < scores.length; i++) {
            weights[i] = scores[i] < least ? 0 : Math.exp((scores[i] - top) / options.temperature());
            total += weights[i];
        }
        if (options.topP() < 1) {
            total = nucleus(weights, options.topP() * total);
        }
        double point = uniform(step) * total;
        int last = 0;
        for (int i = 0; i < weights.length; i++) {
            if (weights[i] > 0) {
                last = i;
                point -= weights[i];
                if (point < 0) {
                    return i;
                }
            }
        }
        return last; // rounding took the point past the end
    }

    private double kth(double[] scores) {
        double[] sorted = scores.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length - options.topK()];
    }

    /** Leaves the fewest greatest weights that reach {@code mass}, of equal ones the first; returns their sum. */
    private static double nucleus(double[] weights, double mass) {
        double[] sorted = weights.clone();
        Arrays.sort(sorted);
        double sum = 0;
        int least = sorted.length;
        while (least > 0 && (sum < mass || least == sorted.length)) {
            sum += sorted[--least];
        }
        double threshold = sorted[least];
        long equal = 0;
        for (int i = least; i < sorted.length && sorted[i] == threshold; i++) {
            equal++;
        }
        for (int i = 0; i < weights.length; i++) {
            if (weights[i] < threshold || weights[i] == threshold && equal-- <= 0) {
                weights[i] = 0;
            }
        }
        return sum;
    }

    /** 53 random bits. */
    private double uniform(long step) {
        long high = Philox.bits(options.seed(), step, sample, SITE, 0) & 0xffffffffL;
        long low = Philox.bits(options.seed(), step, sample, SITE, 1) >>> 11;
        return (high << 21 | low) * 0x1p-53;
    }

    private static double logSum(double[] logits) {
        double top = logits[best(logits)];
        double sum = 0;
        for (double x : logits) {
            sum += Math.exp(x - top);
        }
        return top + Math.log(sum);
    }
}
