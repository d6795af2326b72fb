package io.aegis.kernels.check;

import java.util.List;
import java.util.function.Function;

/**
 * Every operation of the catalogue, each with sizes of its own drawing. The place in a list seeds the drawing: new ones go to the
 * end.
 */
final class Cases {
    static final List<Function<Draw, Case>> ALL = List.of(
            ProductCases::product,
            ProductCases::product,
            ProductCases::rows,
            ProductCases::quantized,
            ProductCases::quantizedTogether,
            ProductCases::quantizedBackward,
            AttentionCases::attention,
            AttentionCases::attention,
            AttentionCases::attentionBackward,
            PackedAttentionCases::packed,
            PackedAttentionCases::packedBackward,
            AttentionCases::decode,
            AttentionCases::paged,
            AttentionCases::append,
            TokenCases::weightsTogether,
            TokenCases::gatedRows,
            TokenCases::quantizedTogether,
            TokenCases::appendTurned,
            AttentionCases::rotary,
            NormalizationCases::layerNorm,
            NormalizationCases::layerNormBackward,
            NormalizationCases::rmsNorm,
            NormalizationCases::rmsNormBackward,
            NormalizationCases::batchNorm,
            NormalizationCases::batchNormBackward,
            LayerCases::normedConvolution,
            LayerCases::normsSideBySide,
            LayerCases::several,
            ConvolutionCases::convolution,
            ConvolutionCases::convolution,
            ConvolutionCases::convolutionBackward,
            ConvolutionCases::convolutionBackward,
            ElementwiseCases::binary,
            ElementwiseCases::activation,
            ElementwiseCases::siluGate,
            ElementwiseCases::copy,
            ElementwiseCases::dropout,
            ElementwiseCases::gather,
            ElementwiseCases::scatterAdd,
            ReductionCases::sum,
            ReductionCases::softmax,
            ReductionCases::normalizeRows,
            LossCases::crossEntropy,
            LossCases::crossEntropyOfSome,
            LossCases::negativeDistance,
            LossCases::prototypes,
            LossCases::means,
            LossCases::mutualInformation,
            LossCases::angles,
            OptimizerCases::adam,
            OptimizerCases::adamOfSeveral,
            OptimizerCases::idleAdam,
            OptimizerCases::guard,
            OptimizerCases::regrad,
            EmbeddingCases::lookup,
            EmbeddingCases::quantizedLookup,
            ReductionCases::likeliest,
            ReductionCases::greatest,
            ReductionCases::greatestBackward,
            VisionMaskingCases::visionMasking,
            LayerCases::measuredConvolution,
            LayerCases::multipliedNorms,
            NarrowCases::layerNorm,
            NarrowCases::rmsNorm,
            NarrowCases::crossEntropy);

    /** More tiles of 128 than a GPU has multiprocessors. */
    static final List<Function<Draw, Case>> LARGE = List.of(
            ProductCases::largeProduct,
            ProductCases::gatedProduct,
            ProductCases::lowRankBeside,
            AttentionCases::manyHeads,
            AttentionCases::manyHeadsBackward,
            LayerCases::largeConvolution);

    /** Of many queries. */
    static final List<Function<Draw, Case>> ATTENTION = List.of(
            AttentionCases::attention,
            AttentionCases::attentionBackward,
            AttentionCases::squareAttention,
            AttentionCases::squareAttentionBackward);

    private Cases() {}
}
