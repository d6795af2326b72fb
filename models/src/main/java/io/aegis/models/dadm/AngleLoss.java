package io.aegis.models.dadm;

import static io.aegis.tensor.Ops.add;
import static io.aegis.tensor.Ops.affine;
import static io.aegis.tensor.Ops.angles;
import static io.aegis.tensor.Ops.gather;
import static io.aegis.tensor.Ops.matmul;
import static io.aegis.tensor.Ops.multiply;
import static io.aegis.tensor.Ops.normalizeRows;
import static io.aegis.tensor.Ops.permute;
import static io.aegis.tensor.Ops.total;

import io.aegis.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * Alignment of modality angles across domains (DADM, section 3.3). Features of unit length; for every class and pair of
 * domains, (1) within a modality, inner products between the domains are pulled to tau; (2) the angle between two
 * modalities is made the same in both domains. Sums, not means, as published: with three domains a third of the sum, with
 * two the sum. A class that some domain of the batch lacks contributes nothing, nor does a batch of one domain.
 */
public final class AngleLoss {
    private static final double TAU_LIVE = 1.0;
    private static final double TAU_ATTACK = 0.85;
    private static final int[][] MODALITY_PAIRS = {{0, 1}, {0, 2}, {1, 2}};

    private AngleLoss() {}

    /**
     * The loss in one operation, which reads who is what where it is computed.
     *
     * @param features [B, D], one a modality
     * @param live I64 [B], 1 bona fide, 0 attack
     * @param domain I64 [B]; rows of domains other than 0 to 2 take no part
     * @return shape [1]
     */
    public static Tensor of(Tensor[] features, Tensor live, Tensor domain) {
        return angles(features, live, domain, DadmConfig.DOMAINS, TAU_LIVE, TAU_ATTACK);
    }

    /**
     * The same operation by operation, as it is published: an oracle. The host reads means on the way.
     *
     * @return shape [1], or null where it is a plain zero
     */
    public static Tensor literal(Tensor[] features, Labels labels) {
        int[] present = java.util.stream.IntStream.range(0, DadmConfig.DOMAINS)
                .filter(d -> labels.rowsOf(d).length > 0)
                .toArray();
        if (present.length < 2) {
            return null;
        }
        Tensor[] units = new Tensor[features.length];
        for (int k = 0; k < units.length; k++) {
            units[k] = normalizeRows(features[k]);
        }
        List<Tensor> terms = new ArrayList<>();
        addClass(terms, units, labels, present, 1, TAU_LIVE);
        addClass(terms, units, labels, present, 0, TAU_ATTACK);
        if (terms.isEmpty()) {
            return null;
        }
        Tensor sum = terms.stream().reduce((a, b) -> add(a, b)).orElseThrow();
        return present.length == 3 ? affine(sum, 1.0 / 3, 0) : sum;
    }

    private static void addClass(
            List<Tensor> terms, Tensor[] units, Labels labels, int[] present, int live, double tau) {
        for (int d : present) {
            if (labels.rowsOf(d, live).length == 0) {
                return;
            }
        }
        Tensor[][] rows = new Tensor[present.length][units.length];
        for (int p = 0; p < present.length; p++) {
            long[] index = labels.rowsOf(present[p], live);
            Tensor at = Tensor.of(index, index.length);
            for (int k = 0; k < units.length; k++) {
                rows[p][k] = gather(units[k], at);
            }
        }
        for (int p = 0; p < present.length; p++) {
            for (int q = p + 1; q < present.length; q++) {
                for (int k = 0; k < units.length; k++) {
                    Tensor off = affine(products(rows[p][k], rows[q][k]), 1, -tau);
                    terms.add(total(multiply(off, off)));
                }
                for (int[] st : MODALITY_PAIRS) {
                    terms.add(
                            margin(products(rows[p][st[0]], rows[p][st[1]]), products(rows[q][st[0]], rows[q][st[1]])));
                }
            }
        }
    }

    /** All inner products of rows: [n, D] and [m, D] to [n, m]. */
    private static Tensor products(Tensor a, Tensor b) {
        return matmul(a, permute(b, 1, 0));
    }

    /**
     * The sum of (u - v)^2 over all pairs, without forming them: |V| sum u^2 + |U| sum v^2 - 2 sum u sum v. It does not
     * change when both are shifted, so they are shifted by their common mean first: the plain form cancels in float32.
     */
    private static Tensor margin(Tensor u, Tensor v) {
        double shift = (mean(u) * u.elements() + mean(v) * v.elements()) / (u.elements() + v.elements());
        Tensor a = affine(u, 1, -shift);
        Tensor b = affine(v, 1, -shift);
        Tensor squares =
                add(affine(total(multiply(a, a)), v.elements(), 0), affine(total(multiply(b, b)), u.elements(), 0));
        return add(squares, affine(multiply(total(a), total(b)), -2, 0));
    }

    private static double mean(Tensor x) {
        return java.util.Arrays.stream(x.toDoubles()).average().orElse(0);
    }
}
