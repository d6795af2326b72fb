package io.aegis.models.dadm;

import io.aegis.tensor.Ops;
import io.aegis.tensor.Tensor;
import java.util.Arrays;
import java.util.Objects;

/**
 * The four losses of a training step (DADM, sections 3.3 and 3.4), which are never summed: {@link ReGrad} combines their
 * gradients.
 *
 * @param total classification by each domain's head, weighed by the domain's share of the batch, and 0.2 of the angles
 * @param modal one a modality: 0.3 (single-side loss + 0.5 mutual information of one pair)
 * @param singleSide the cross-entropies within {@code modal}
 * @param domain cross-entropy of each domain's head; null where the batch has no row of it
 * @param domainLogits logits of each domain's rows; null likewise
 * @param angle the angle loss; null where it is a plain zero and is computed literally
 */
public record Losses(
        Tensor total, Tensor[] modal, Tensor[] singleSide, Tensor[] domain, Tensor[] domainLogits, Tensor angle) {
    private static final double ANGLE_SHARE = 0.2;
    private static final double SINGLE_SIDE_SHARE = 0.3;
    private static final double MUTUAL_INFORMATION_SHARE = 0.5;

    /** Computes all of them from one forward pass; its output must hold the mutual-information losses. */
    public static Losses of(
            DadmNetwork network,
            DadmNetwork.Output out,
            Labels labels,
            Prototypes prototypes,
            boolean zeroGradientAtPrototype) {
        int b = labels.live().length;
        Tensor angle = AngleLoss.of(out.features(), Tensor.of(labels.live(), b), Tensor.of(labels.domain(), b));
        return of(network, out, labels, prototypes, zeroGradientAtPrototype, angle);
    }

    /** The same with angles operation by operation, as they are published. */
    public static Losses literal(
            DadmNetwork network,
            DadmNetwork.Output out,
            Labels labels,
            Prototypes prototypes,
            boolean zeroGradientAtPrototype) {
        Tensor angle = AngleLoss.literal(out.features(), labels);
        return of(network, out, labels, prototypes, zeroGradientAtPrototype, angle);
    }

    private static Losses of(
            DadmNetwork network,
            DadmNetwork.Output out,
            Labels labels,
            Prototypes prototypes,
            boolean zeroGradientAtPrototype,
            Tensor angle) {
        Tensor[] features = out.features();
        int b = labels.live().length;
        Tensor[] domain = new Tensor[DadmConfig.DOMAINS];
        Tensor[] logits = new Tensor[DadmConfig.DOMAINS];
        Tensor total = angle == null ? null : angle.times(ANGLE_SHARE);
        for (int j = 0; j < domain.length; j++) {
            long[] rows = labels.rowsOf(j);
            if (rows.length == 0) {
                continue;
            }
            logits[j] = network.domainLogits(j, features, Tensor.of(rows, rows.length));
            domain[j] = Ops.crossEntropy(logits[j], pick(labels.live(), rows));
            Tensor share = domain[j].times((double) rows.length / b);
            total = total == null ? share : total.plus(share);
        }
        if (Arrays.stream(domain).allMatch(Objects::isNull)) {
            throw new IllegalArgumentException("no row of the batch belongs to one of the domains 0 to 2");
        }
        Tensor[] singleSide = new Tensor[Modality.COUNT];
        Tensor[] modal = new Tensor[Modality.COUNT];
        Tensor classes = Tensor.of(labels.prototype(), b);
        for (int k = 0; k < modal.length; k++) {
            Tensor distances = Ops.negativeDistance(
                    features[k], prototypes.tensor(k, features[k].dtype()), zeroGradientAtPrototype);
            singleSide[k] = Ops.crossEntropy(distances, classes);
            // As published, modality k is paired with pair k: RGB with (1,2), depth with (1,3), infrared with (2,3).
            modal[k] = singleSide[k]
                    .plus(out.mutualInformation()[k].times(MUTUAL_INFORMATION_SHARE))
                    .times(SINGLE_SIDE_SHARE);
        }
        return new Losses(total, modal, singleSide, domain, logits, angle);
    }

    private static Tensor pick(long[] values, long[] rows) {
        long[] out = new long[rows.length];
        for (int i = 0; i < out.length; i++) {
            out[i] = values[(int) rows[i]];
        }
        return Tensor.of(out, out.length);
    }
}
