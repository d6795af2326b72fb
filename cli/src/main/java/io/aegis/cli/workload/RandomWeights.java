package io.aegis.cli.workload;

import io.aegis.kernels.DType;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.models.checkpoint.QuantizationRecipe;
import io.aegis.models.checkpoint.Synthesis;
import io.aegis.tensor.QuantizedMatrix;
import io.aegis.weights.StoredType;
import io.aegis.weights.TensorInfo;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;

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

    /**
     * How {@code synthesize} and {@code quantize} would store a model: what is never quantised is bfloat16 beside quantised
     * matrices.
     *
     * @param config a name that {@link Synthesis#config} knows
     */
    public static Synthesis form(String config, WeightType type) {
        Optional<QuantizationRecipe> recipe = Optional.ofNullable(type.format()).map(QuantizationRecipe::of);
        StoredType rest = type.dtype() == null ? StoredType.BF16 : StoredType.of(type.dtype());
        return new Synthesis(Synthesis.config(config), rest, recipe, 0);
    }

    /**
     * As above, each frozen tensor as a checkpoint has it; what will be trained becomes float32, in memory of the parameters.
     *
     * @param form of the checkpoint
     * @param trained what training will change
     */
    public static void fill(Parameters parameters, Operands operands, Synthesis form, Predicate<Parameter> trained) {
        Map<String, View> tensors = new HashMap<>();
        try (Operands passing = new Operands(operands.kernels())) {
            for (Parameter p : parameters.all()) {
                long[] shape = p.shape();
                List<TensorInfo> parts = form.stored(p.name());
                if (parts.size() == 2) {
                    long group = shape[1] / parts.get(1).shape()[1];
                    QuantizedWeight w = operands.quantized(format(parts.getFirst()), (int) group, shape[0], shape[1]);
                    tensors.put(p.name(), w.codes());
                    tensors.put(p.name() + QuantizedMatrix.SCALE, w.scales());
                } else {
                    DType dtype = parts.isEmpty()
                            ? DType.F32
                            : parts.getFirst().dtype().dtype().orElseThrow();
                    Operands from = trained.test(p) ? passing : operands;
                    tensors.put(p.name(), from.normal(shape.length >= 2 ? SCALE : 1, dtype, shape));
                }
            }
            parameters.loadAsStored("random weights", tensors.keySet(), tensors::get, trained);
        }
    }

    private static QuantizedWeight.Format format(TensorInfo codes) {
        return codes.dtype() == StoredType.I8 ? QuantizedWeight.Format.INT8 : QuantizedWeight.Format.INT4;
    }

    /** Whether a matrix has a row for each token. */
    private static boolean isVocabulary(String name) {
        return name.contains("embed_tokens") || name.contains("lm_head");
    }
}
