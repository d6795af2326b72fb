package io.aegis.models.faceshield;

import io.aegis.tensor.Tensor;
import java.util.stream.IntStream;

/**
 * How a question ranks the vision tokens of one picture, where that was computed; only which are kept has come to the host.
 * All of it lives as long as the scope that it was computed in.
 *
 * @param streams how many streams of equal length the tokens are
 * @param cosine of each token with the question, F64 [1, n]
 * @param importance their softmax, F64 [1, n]
 * @param top whether a token is among the top k percent, BOOL [1, n]
 * @param kept the tokens that are not masked
 */
public record RankedTokens(int streams, Tensor cosine, Tensor importance, Tensor top, KeptTokens kept) {
    /** All of it on the host, to be shown. */
    public Selection selection() {
        double[] isTop = top.toDoubles();
        int[] best = IntStream.range(0, isTop.length).filter(i -> isTop[i] != 0).toArray();
        return new Selection(streams, cosine.toDoubles(), importance.toDoubles(), best, kept.places());
    }
}
