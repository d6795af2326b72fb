package io.aegis.cli.workload;

import io.aegis.kernels.DType;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.tensor.QuantizedMatrix;
import java.util.HashMap;
import java.util.Map;

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
        Map<String, View> tensors = new HashMap<>();
        for (Parameter p : parameters.all()) {
            long[] shape = p.shape();
            if (type.format() != null && p.isQuantizable() && shape[1] % WeightType.GROUP == 0) {
                QuantizedWeight.Format format = isVocabulary(p.name()) ? QuantizedWeight.Format.INT8 : type.format();
                QuantizedWeight w = operands.quantized(format, WeightType.GROUP, shape[0], shape[1]);
                tensors.put(p.name(), w.codes());
                tensors.put(p.name() + QuantizedMatrix.SCALE, w.scales());
            } else {
                DType dtype = type.dtype() == null ? DType.F32 : type.dtype();
                tensors.put(p.name(), operands.normal(shape.length >= 2 ? SCALE : 1, dtype, shape));
            }
        }
        parameters.loadAsStored("random weights", tensors.keySet(), tensors::get);
    }

    /** Whether a matrix has a row for each token. */
    private static boolean isVocabulary(String name) {
        return name.contains("embed_tokens") || name.contains("lm_head");
    }
}
