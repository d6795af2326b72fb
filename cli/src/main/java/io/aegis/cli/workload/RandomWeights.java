package io.aegis.cli.workload;

import io.aegis.kernels.DType;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.QuantizedWeight.Format;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.models.checkpoint.QuantizationRecipe;
import io.aegis.tensor.QuantizedMatrix;
import io.aegis.weights.Quantization;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/** Values for a frozen model that is only to be measured: matrices as a checkpoint would store them, made in memory. */
public final class RandomWeights {
    /** Small enough that signals do not grow through dozens of layers. */
    private static final double SCALE = 0.02;

    private RandomWeights() {}

    /**
     * Fills everything that is declared. Of 4 bits are the blocks' matrices alone: an embedding or output matrix has 8 then,
     * as {@code synthesize} and {@code quantize} have it.
     *
     * @param operands where the memory comes from; it has to stay open as long as the model is in use
     * @param type how matrices are stored; what is never quantised is float32 beside quantised ones
     */
    public static void fill(Parameters parameters, Operands operands, WeightType type) {
        fill(parameters, operands, type.dtype() == null ? DType.F32 : type.dtype(), p -> {
            if (type.format() == null || !p.isQuantizable() || p.shape()[1] % WeightType.GROUP != 0) {
                return Optional.empty();
            }
            return Optional.of(new Codes(isVocabulary(p.name()) ? Format.INT8 : type.format(), WeightType.GROUP));
        });
    }

    /**
     * Fills a whole FaceShield as {@code synthesize} and {@code quantize} store one: which matrices are quantised says {@link
     * QuantizationRecipe}, and all else is bfloat16 beside them.
     *
     * @param tied whether the embedding serves as output matrix
     */
    public static void fillAsStored(Parameters parameters, Operands operands, WeightType type, boolean tied) {
        if (type.format() == null) {
            fill(parameters, operands, type);
            return;
        }
        QuantizationRecipe recipe = QuantizationRecipe.of(type.format());
        Quantization groups = recipe.named("");
        fill(parameters, operands, DType.BF16, p -> recipe.of(p.name(), p.shape(), tied)
                .map(format -> new Codes(format, groups.groupOf(p.shape()[1]))));
    }

    /** How a matrix is quantised. */
    private record Codes(Format format, int group) {}

    private static void fill(
            Parameters parameters, Operands operands, DType dense, Function<Parameter, Optional<Codes>> quantised) {
        Map<String, View> tensors = new HashMap<>();
        for (Parameter p : parameters.all()) {
            long[] shape = p.shape();
            Optional<Codes> codes = quantised.apply(p);
            if (codes.isPresent()) {
                QuantizedWeight w =
                        operands.quantized(codes.get().format(), codes.get().group(), shape[0], shape[1]);
                tensors.put(p.name(), w.codes());
                tensors.put(p.name() + QuantizedMatrix.SCALE, w.scales());
            } else {
                tensors.put(p.name(), operands.normal(shape.length >= 2 ? SCALE : 1, dense, shape));
            }
        }
        parameters.loadAsStored("random weights", tensors.keySet(), tensors::get);
    }

    /** Whether a matrix has a row for each token. */
    private static boolean isVocabulary(String name) {
        return name.contains("embed_tokens") || name.contains("lm_head");
    }
}
