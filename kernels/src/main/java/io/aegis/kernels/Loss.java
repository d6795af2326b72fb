package io.aegis.kernels;

import java.util.List;

/** Losses, each with what its gradient needs. Scalars are views of one element. */
public interface Loss {
    /**
     * Softmax cross-entropy, mean over rows.
     *
     * @param logits [B, C]
     * @param target I64 [B], each in 0..C-1
     * @param loss one element
     * @param probabilities [B, C], kept for the backward pass, or null
     */
    void crossEntropy(View logits, View target, View loss, View probabilities);

    /** dlogits = dloss (probabilities - onehot) / B. */
    void crossEntropyBackward(View probabilities, View target, View dloss, View dlogits);

    /** Target of a row that takes no part in {@link #crossEntropyOfSome}, whatever it holds. */
    long NO_PART = -1;

    /**
     * Softmax cross-entropy, summed over the rows that take part and divided by {@code over}. Which rows these are is decided where
     * kernels run.
     *
     * @param logits [B, C]
     * @param target I64 [B], each in 0..C-1, or {@value #NO_PART}
     * @param loss one element
     * @param probabilities [B, C] of all rows, kept for the backward pass, or null
     */
    void crossEntropyOfSome(View logits, View target, long over, View loss, View probabilities);

    /** dlogits = dloss (probabilities - onehot) / over, and 0 in rows that take no part. */
    void crossEntropyOfSomeBackward(View probabilities, View target, long over, View dloss, View dlogits);

    /** y[i, c] = -||x[i] - p[c]||, Euclidean; x [B, D], p [C, D], y [B, C]. */
    void negativeDistance(View x, View p, View y);

    /**
     * dx[i] = sum over c of dy[i, c] (x[i] - p[c]) / y[i, c].
     *
     * @param zeroAtZero gradient 0 where a distance is exactly 0; otherwise NaN there, as PyTorch's square root gives
     */
    void negativeDistanceBackward(View x, View p, View y, View dy, boolean zeroAtZero, View dx);

    /**
     * What DADM's {@link #prototypes} are computed from.
     *
     * @param features M of one shape and dtype, [B, D], of any length
     * @param classes I64 [B]; a row whose class is none of {@code state} takes no part
     * @param momentum I64 [1], 0 where what was before does not count; read where kernels run
     * @param swap whether modality k from the second on is mixed with what modality M - k was, as published
     * @param keepAbsent whether a class without a row stays what it was, rather than being mixed with 0
     */
    record PrototypesOf(List<View> features, View classes, View momentum, boolean swap, boolean keepAbsent) {
        /** Share of this batch. */
        public static final double FRESH = 0.8;
        /** Share of what was before. */
        public static final double BEFORE = 1 - FRESH;
    }

    /**
     * Mean feature of each class in each modality (arXiv 2503.00429, section 3.4), 0 for a class without a row, and with momentum
     * {@value PrototypesOf#FRESH} of it and the rest of what was before. Sums in double, row by row.
     *
     * @param state F64 [M, classes, D], dense, updated in place
     * @param to [M, classes, D], dense, of the features' dtype: the new state, rounded
     */
    void prototypes(PrototypesOf of, View state, View to);

    /**
     * What {@link #angles} are of. A row takes part if its domain is one of the first {@code domains}, a domain that has rows is present.
     *
     * @param features M of one shape and dtype, [B, D], of any length
     * @param live I64 [B], 1 for one class (bona fide), anything else for the other (attacks)
     * @param domain I64 [B]
     * @param domains how many there are at most, from 0 on
     * @param tauLive what inner products of the first class are pulled to
     * @param tauAttack the same of the other
     */
    record Angles(List<View> features, View live, View domain, int domains, double tauLive, double tauAttack) {
        /** Rows of a cell are of one class and domain: that of the first class and domain 0 comes first, then that of the next domain. */
        public int cells() {
            return 2 * domains;
        }

        /** Pairs of features (0, 1), (0, 2), .., (1, 2), ... */
        public int pairs() {
            return features.size() * (features.size() - 1) / 2;
        }
    }

    /**
     * What the way back needs of {@link #angles}, with any content before.
     *
     * @param products [M B, M B], of the features' dtype: inner products of rows of unit length, as far as they count
     * @param lengths [M B], of the features' dtype
     * @param cells F64 [cells, 2 + pairs]: rows of a cell, the weight of its class's terms (0 where the class does not count), means
     *     of the inner products of each pair of features within it
     */
    record AngleParts(View products, View lengths, View cells) {}

    /**
     * DADM's alignment of angles (arXiv 2503.00429, section 3.3). With n[k, i] row i of features k divided by its length, the mean over
     * pairs of present domains (p, q) of the sum over classes that every present domain has of
     *
     * <pre>  sum over k, i in p, j in q of (n[k, i] n[k, j] - tau)^2
     *   + sum over s < t, u in C[p, s, t], v in C[q, s, t] of (u - v)^2,   C[p, s, t] = all n[s, i] n[t, j] with i and j in p</pre>
     *
     * <p>0 where there is no such class, or one domain. A row of length 0 makes NaN of what it takes part in.
     *
     * @param loss one element
     */
    void angles(Angles of, View loss, AngleParts kept);

    /**
     * Overwrites the features' gradients; those of a row that takes no part are 0, or NaN at length 0 unless all of the loss is none.
     *
     * @param to one a feature, as that; null where it is not wanted
     */
    void anglesBackward(Angles of, AngleParts kept, View dloss, List<View> to);
}
