package io.aegis.models.dadm;

import static io.aegis.tensor.Ops.concat;
import static io.aegis.tensor.Ops.mean;

import io.aegis.kernels.Activation;
import io.aegis.kernels.Convolution.Geometry;
import io.aegis.layers.BatchNorm;
import io.aegis.layers.Conv2d;
import io.aegis.layers.Linear;
import io.aegis.layers.Parameters;
import io.aegis.layers.Pass;
import io.aegis.layers.Stage;
import io.aegis.tensor.Tensor;
import java.util.List;
import java.util.function.Function;

/** Mutual-information mask between two modalities (DADM, section 3.2); token 0 is the class token. */
final class MutualInformationMask {
    private final int width;
    private final int grid;
    private final int h1;

    private final Conv2d depthwise;
    private final BatchNorm depthwiseNorm;
    private final Conv2d pointwise;
    private final BatchNorm pointwiseNorm;
    private final Conv2d shared;
    private final BatchNorm sharedNorm;
    private final Linear classInteraction;
    private final Conv2d mask0;
    private final BatchNorm maskNorm0;
    private final Conv2d mask1;
    private final BatchNorm maskNorm1;
    private final Conv2d mask2;
    private final BatchNorm maskNorm2;
    private final Linear fuseA;
    private final Linear fuseB;

    /**
     * What comes out for both modalities.
     *
     * @param a first modality, aligned, [B, N, D]
     * @param b second modality, aligned, [B, N, D]
     * @param tokenA information token of the first, [B, 1, D]
     * @param tokenB information token of the second, [B, 1, D]
     */
    record Aligned(Tensor a, Tensor b, Tensor tokenA, Tensor tokenB) {}

    MutualInformationMask(Parameters p, DadmConfig config) {
        width = config.width();
        grid = config.grid();
        h1 = config.mimMask();
        int both = 2 * width;
        int h2 = config.mimShared();
        Parameters block = p.at("interactive_block");
        depthwise = new Conv2d(block.at("0.depthwise_conv.0"), both, both, 3, Geometry.depthwise3x3(both));
        depthwiseNorm = new BatchNorm(block.at("0.depthwise_conv.1"), both, Activation.RELU);
        pointwise = new Conv2d(block.at("0.pointwise_conv.0"), both, h2, 1, Geometry.POINTWISE);
        pointwiseNorm = new BatchNorm(block.at("0.pointwise_conv.1"), h2, Activation.RELU);
        shared = new Conv2d(block.at("1"), h2, h2, 3, Geometry.SAME_3X3);
        sharedNorm = new BatchNorm(block.at("2"), h2, Activation.RELU);
        classInteraction = new Linear(p.at("interactive_fc"), both, h2, true);
        Parameters mask = p.at("mask_generation");
        mask0 = new Conv2d(mask.at("0"), h2, h1, 3, Geometry.SAME_3X3);
        maskNorm0 = new BatchNorm(mask.at("1"), h1, Activation.RELU);
        mask1 = new Conv2d(mask.at("3"), h1, h1, 3, Geometry.SAME_3X3);
        maskNorm1 = new BatchNorm(mask.at("4"), h1, Activation.RELU);
        mask2 = new Conv2d(mask.at("6"), h1, both, 3, Geometry.SAME_3X3);
        maskNorm2 = new BatchNorm(mask.at("7"), both, Activation.SIGMOID);
        fuseA = new Linear(p.at("fc1"), width + h1, width, true);
        fuseB = new Linear(p.at("fc2"), width + h1, width, true);
    }

    /** a, b [B, N, D]. */
    Aligned align(Tensor a, Tensor b, Pass pass) {
        Masked m = mask(a, b, pass);
        Tensor both = m.both(classInteraction);
        return new Aligned(
                fuseA.of(concat(2, m.a, both.slice(2, 0, h1))),
                fuseB.of(concat(2, m.b, both.slice(2, h1, 2L * h1))),
                m.tokenA(),
                m.tokenB());
    }

    /**
     * Both modalities behind their masks, and what they share of the grid.
     *
     * @param a first modality, masked but for the class token, [B, N, D]
     * @param b second modality, likewise
     * @param shared interaction map, [B, G, G, H2]
     * @param classA class token of the first, [B, 1, D]
     * @param classB class token of the second
     */
    record Masked(Tensor a, Tensor b, Tensor shared, Tensor classA, Tensor classB) {
        /** Information token of the first, [B, 1, D]. */
        Tensor tokenA() {
            return mean(a, 1);
        }

        /** Information token of the second, [B, 1, D]. */
        Tensor tokenB() {
            return mean(b, 1);
        }

        /** What they share, class token included: [B, N, H2]. */
        private Tensor both(Linear classInteraction) {
            return join(classInteraction.of(concat(2, classA, classB)), shared);
        }
    }

    Linear classInteraction() {
        return classInteraction;
    }

    Linear fuseA() {
        return fuseA;
    }

    Linear fuseB() {
        return fuseB;
    }

    /** What the convolutions of several masks make, one stage after the other, side by side. */
    static final class Stages {
        final Stage depthwise;
        final Stage pointwise;
        final Stage shared;
        final Stage mask0;
        final Stage mask1;
        final Stage mask2;

        Stages(List<MutualInformationMask> masks) {
            depthwise = stage(masks, m -> m.depthwise, m -> m.depthwiseNorm);
            pointwise = stage(masks, m -> m.pointwise, m -> m.pointwiseNorm);
            shared = stage(masks, m -> m.shared, m -> m.sharedNorm);
            mask0 = stage(masks, m -> m.mask0, m -> m.maskNorm0);
            mask1 = stage(masks, m -> m.mask1, m -> m.maskNorm1);
            mask2 = stage(masks, m -> m.mask2, m -> m.maskNorm2);
        }

        private static Stage stage(
                List<MutualInformationMask> masks,
                Function<MutualInformationMask, Conv2d> convolution,
                Function<MutualInformationMask, BatchNorm> norm) {
            return new Stage(
                    masks.stream().map(convolution).toList(),
                    masks.stream().map(norm).toList());
        }
    }

    /** a, b [B, N, D]. */
    Masked mask(Tensor a, Tensor b, Pass pass) {
        Tensor classA = classToken(a); //                                              [B, 1, D]
        Tensor classB = classToken(b);
        Tensor gridA = grid(a); //                                                     [B, G, G, D]
        Tensor gridB = grid(b);

        Tensor s = interaction(concat(3, gridA, gridB), pass); //                      [B, G, G, H2]
        Tensor mask = mask(s, pass); //                                                [B, G, G, 2D]
        Tensor a1 = join(classA, gridA.times(mask.slice(3, 0, width))); //             [B, N, D], class token unmasked
        Tensor b1 = join(classB, gridB.times(mask.slice(3, width, 2L * width)));
        return new Masked(a1, b1, s, classA, classB);
    }

    /** What the two modalities have in common, position by position: [B, G, G, 2D] to [B, G, G, H2]. */
    private Tensor interaction(Tensor pair, Pass pass) {
        Tensor d = depthwiseNorm.of(depthwise.of(pair), pass);
        Tensor p = pointwiseNorm.of(pointwise.of(d), pass);
        return sharedNorm.of(shared.of(p), pass);
    }

    /** One weight in (0, 1) for each channel of each modality: [B, G, G, H2] to [B, G, G, 2D]. */
    private Tensor mask(Tensor s, Pass pass) {
        Tensor m = maskNorm0.of(mask0.of(s), pass);
        m = maskNorm1.of(mask1.of(m), pass);
        return maskNorm2.of(mask2.of(m), pass);
    }

    private static Tensor classToken(Tensor x) {
        return x.slice(1, 0, 1);
    }

    private Tensor grid(Tensor x) {
        return x.slice(1, 1, x.size(1)).reshape(x.size(0), grid, grid, x.size(2));
    }

    private static Tensor join(Tensor classToken, Tensor map) {
        return concat(1, classToken, map.reshape(map.size(0), map.size(1) * map.size(2), map.size(3)));
    }
}
