package io.aegis.models.dadm;

import io.aegis.tensor.Ops;
import io.aegis.tensor.Tensor;

/**
 * The four losses of a training step (DADM, sections 3.3 and 3.4), which are never summed: {@link ReGrad} combines their
 * gradients. What is launched depends on nothing but the batch's size: who is live and of which domain is read by kernels. {@link
 * LiteralLosses} are the same as they are published.
 *
 * @param total classification by each domain's head, weighed by the domain's share of the batch, and 0.2 of the angles
 * @param modal one a modality: 0.3 (single-side loss + 0.5 mutual information of one pair)
 */
public record Losses(Tensor total, Tensor[] modal) {
    static final double ANGLE_SHARE = 0.2;
    private static final double SINGLE_SIDE_SHARE = 0.3;
    private static final double MUTUAL_INFORMATION_SHARE = 0.5;

    /**
     * Computes all of them from one forward pass. A head whose domain the batch lacks has a gradient of zeros.
     *
     * @param out must hold the mutual-information losses
     * @param prototypes [classes, D], one a modality
     */
    public static Losses of(
            DadmNetwork network,
            DadmNetwork.Output out,
            LabelTensors labels,
            Tensor[] prototypes,
            boolean zeroGradientAtPrototype) {
        Tensor[] features = out.features();
        long b = features[0].size(0);
        // Of a domain with n rows the mean over them, times n / B: the sum over them by B.
        Tensor classified = Ops.crossEntropyOfSome(network.domainLogits(features), labels.heads(), b);
        Tensor angle = AngleLoss.of(features, labels.live(), labels.domain());
        Tensor[] modal = new Tensor[Modality.COUNT];
        for (int k = 0; k < modal.length; k++) {
            Tensor distances = Ops.negativeDistance(features[k], prototypes[k], zeroGradientAtPrototype);
            modal[k] = modal(Ops.crossEntropyOfSome(distances, labels.prototype(), b), out.mutualInformation()[k]);
        }
        return new Losses(angle.times(ANGLE_SHARE).plus(classified), modal);
    }

    /** As published, modality k is paired with pair k: RGB with (1,2), depth with (1,3), infrared with (2,3). */
    static Tensor modal(Tensor singleSide, Tensor mutualInformation) {
        return singleSide
                .plus(mutualInformation.times(MUTUAL_INFORMATION_SHARE))
                .times(SINGLE_SIDE_SHARE);
    }
}
