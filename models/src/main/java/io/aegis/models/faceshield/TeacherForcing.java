package io.aegis.models.faceshield;

import io.aegis.layers.Probe;
import io.aegis.models.llama.LlamaNetwork;
import io.aegis.models.llama.SequenceCache;
import io.aegis.tensor.AttentionMask;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import java.util.Arrays;

/** How likely a language model finds an answer that is put into its mouth. */
public final class TeacherForcing {
    private TeacherForcing() {}

    /**
     * log P of each token of answers that may follow one prompt, natural logarithm. The cache is afterwards as before.
     *
     * <p>All answers go through products of as many rows as the longest needs. Where products of many rows are rounded and
     * those of a few are not, answers of eight and of ten tokens would otherwise be computed in different precisions, and
     * the errors they share would no longer cancel in the difference of their likelihoods, which is a face's score.
     *
     * @param logits behind the prompt's last token, V of them
     * @param answers each of at least one token
     * @return a row for each answer
     */
    public static double[][] logProbabilities(
            LlamaNetwork network, SequenceCache cache, double[] logits, long[]... answers) {
        int most = Arrays.stream(answers).mapToInt(a -> a.length).max().orElse(0);
        long length = cache.length();
        long next = cache.nextPosition();
        double[][] out = new double[answers.length][];
        for (int i = 0; i < answers.length; i++) {
            // What is behind an answer does not change it: tokens see only those before them.
            long[] tokens = Arrays.copyOf(answers[i], most - 1);
            Arrays.fill(tokens, Math.min(answers[i].length, tokens.length), tokens.length, answers[i][0]);
            out[i] = logProbabilities(logits, logits(network, cache, tokens), answers[i]);
            cache.truncate(length, next);
        }
        return out;
    }

    private static double[] logProbabilities(double[] logits, double[] rows, long[] answer) {
        double[] out = new double[answer.length];
        out[0] = logProbability(logits, 0, logits.length, answer[0]);
        for (int i = 1; i < answer.length; i++) {
            out[i] = logProbability(rows, (i - 1) * logits.length, logits.length, answer[i]);
        }
        return out;
    }

    /**
     * Scores of every token as the next, behind each of some tokens that the cache takes in: a row of V for each, one after
     * the other.
     */
    static double[] logits(LlamaNetwork network, SequenceCache cache, long[] tokens) {
        double[][] rows = {{}};
        if (tokens.length > 0) {
            Tape.withoutRecording(() -> {
                try (Scope scope = Scope.open()) {
                    Tensor x = network.embed(Tensor.of(tokens, 1, tokens.length));
                    Tensor positions = LlamaNetwork.positions(cache.nextPosition(), tokens.length);
                    Tensor h = network.hidden(x, positions, AttentionMask.causal(), cache, Probe.NONE);
                    rows[0] = network.logits(h).toDoubles();
                }
            });
        }
        return rows[0];
    }

    private static double logProbability(double[] logits, int from, int vocabulary, long id) {
        double greatest = Double.NEGATIVE_INFINITY;
        for (int i = from; i < from + vocabulary; i++) {
            greatest = Math.max(greatest, logits[i]);
        }
        double sum = 0;
        for (int i = from; i < from + vocabulary; i++) {
            sum += Math.exp(logits[i] - greatest);
        }
        return logits[from + Math.toIntExact(id)] - greatest - Math.log(sum);
    }

    /**
     * The score of a face.
     *
     * @param logProbabilities of the answers' tokens, bona fide first
     * @param ids of the answers
     * @throws IllegalArgumentException when one answer is the beginning of the other
     */
    static ForcedScores scores(double[][] logProbabilities, long[][] ids, Scoring scoring) {
        double real = Arrays.stream(logProbabilities[0]).sum();
        double spoof = Arrays.stream(logProbabilities[1]).sum();
        int differ = Arrays.mismatch(ids[0], ids[1]);
        if (differ < 0 || differ == Math.min(ids[0].length, ids[1].length)) {
            throw new IllegalArgumentException(
                    "one canonical answer is the beginning of the other: no token tells them apart");
        }
        double score =
                switch (scoring) {
                    case ANSWERS -> real - spoof;
                    case FIRST_DIFFERENCE -> logProbabilities[0][differ] - logProbabilities[1][differ];
                };
        return new ForcedScores(real, spoof, score);
    }
}
