package io.aegis.models.faceshield;

import java.util.stream.IntStream;

/**
 * What the ranking of one picture's vision tokens against one question gave; tokens of the picture first, then those of
 * its auxiliary picture.
 *
 * @param streams how many streams of equal length the tokens are
 * @param cosine of each token with the question
 * @param importance S, their softmax
 * @param top the top k percent, ascending
 * @param kept the tokens that are not masked, ascending
 */
public record Selection(int streams, double[] cosine, double[] importance, int[] top, int[] kept) {
    public Selection {
        cosine = cosine.clone();
        importance = importance.clone();
        top = top.clone();
        kept = kept.clone();
    }

    @Override
    public double[] cosine() {
        return cosine.clone();
    }

    @Override
    public double[] importance() {
        return importance.clone();
    }

    @Override
    public int[] top() {
        return top.clone();
    }

    @Override
    public int[] kept() {
        return kept.clone();
    }

    /** Number of tokens of all streams. */
    public int tokens() {
        return cosine.length;
    }

    /** Which share of a stream's tokens is kept, in [0, 1]. */
    public double keptShare(int stream) {
        int n = cosine.length / streams;
        return IntStream.of(kept).filter(i -> i / n == stream).count() / (double) n;
    }
}
