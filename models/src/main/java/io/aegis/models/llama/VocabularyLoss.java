package io.aegis.models.llama;

import io.aegis.layers.Parameter;
import io.aegis.tensor.Ops;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * Mean cross-entropy over a large vocabulary. Scores, probabilities and their gradient are each as large as rows times
 * vocabulary, so that a long answer is taken a few rows at a time, whose scores are computed again going backward. A short
 * one is taken as a whole; both differ by rounding only.
 *
 * @param logits [n, d] to [n, V], row by row
 * @param weight what {@code logits} reads that may be trained
 * @param rows most rows at a time
 */
record VocabularyLoss(UnaryOperator<Tensor> logits, Parameter weight, int rows) {
    /** Scores at a time: 32 MB of float32. */
    private static final long AT_ONCE = 1L << 23;

    /** As many rows as have room, a power of two, by which a mean is divided exactly. */
    static int rows(long vocabulary) {
        return (int) Long.highestOneBit(Math.max(1, AT_ONCE / vocabulary));
    }

    /**
     * The loss.
     *
     * @param hidden [n, d]
     * @param targets the token that each row is to be followed by, at least one
     * @return [1]
     */
    Tensor of(Tensor hidden, long[] targets) {
        int n = targets.length;
        try (Scope scope = Scope.open()) {
            if (n <= rows) {
                return scope.keep(mean(hidden, targets));
            }
            List<Tensor> trained = weight.isTrainable() ? List.of(weight.tensor()) : List.of();
            Tensor sum = null;
            for (int from = 0; from < n; from += rows) {
                int to = Math.min(n, from + rows);
                long[] some = Arrays.copyOfRange(targets, from, to);
                Tensor mean =
                        Ops.checkpoint(in -> mean(in[0], some), new Tensor[] {hidden.slice(0, from, to)}, trained);
                Tensor part = mean.times((double) some.length / n);
                sum = sum == null ? part : sum.plus(part);
            }
            return scope.keep(sum);
        }
    }

    private Tensor mean(Tensor hidden, long[] targets) {
        return Ops.crossEntropy(logits.apply(hidden), Tensor.of(targets, targets.length));
    }
}
