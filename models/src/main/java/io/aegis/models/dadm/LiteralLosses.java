package io.aegis.models.dadm;

import io.aegis.tensor.Ops;
import io.aegis.tensor.Tensor;
import java.util.Arrays;
import java.util.Objects;

/**
 * {@link Losses} operation by operation, as they are published, with what they are put together from: an oracle. The host looks at
 * labels on the way, gathers the rows of each domain, and computes nothing of a domain that has none.
 *
 * @param losses the four
 * @param singleSide the cross-entropies within the modal ones
 * @param domain cross-entropy of each domain's head; null where the batch has no row of it
 * @param domainLogits logits of each domain's rows; null likewise
 * @param angle the angle loss; null where it is a plain zero
 */
public record LiteralLosses(Losses losses, Tensor[] singleSide, Tensor[] domain, Tensor[] domainLogits, Tensor angle) {
    /** Computes all of them from one forward pass; its output must hold the mutual-information losses. */
    public static LiteralLosses of(
            DadmNetwork network,
            DadmNetwork.Output out,
            Labels labels,
            Prototypes prototypes,
            boolean zeroGradientAtPrototype) {
        Tensor[] features = out.features();
        int b = labels.live().length;
        Tensor angle = AngleLoss.literal(features, labels);
        Tensor[] domain = new Tensor[DadmConfig.DOMAINS];
        Tensor[] logits = new Tensor[DadmConfig.DOMAINS];
        Tensor total = angle == null ? null : angle.times(Losses.ANGLE_SHARE);
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
        Tensor[] centres = prototypes.tensors(features[0].dtype());
        Tensor classes = Tensor.of(labels.prototype(), b);
        for (int k = 0; k < modal.length; k++) {
            Tensor distances = Ops.negativeDistance(features[k], centres[k], zeroGradientAtPrototype);
            singleSide[k] = Ops.crossEntropy(distances, classes);
            modal[k] = Losses.modal(singleSide[k], out.mutualInformation()[k]);
        }
        return new LiteralLosses(new Losses(total, modal), singleSide, domain, logits, angle);
    }

    private static Tensor pick(long[] values, long[] rows) {
        long[] out = new long[rows.length];
        for (int i = 0; i < out.length; i++) {
            out[i] = values[(int) rows[i]];
        }
        return Tensor.of(out, out.length);
    }
}
