package io.aegis.models.checkpoint;

import io.aegis.kernels.QuantizedWeight.Format;
import io.aegis.weights.Quantization;
import io.aegis.weights.TensorInfo;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Which matrices of a model get how many bits: the linears of the language model's blocks, those of the vision tower, and
 * the output matrix, which every generated token reads as a whole; where the embedding serves as one, the embedding. All
 * else stays as it is: norms, biases, positions and convolutions are small; an embedding that is only looked up is read by
 * the row; and what lies between tower and language model learns in every stage of training.
 *
 * @param blocks linears of the language model
 * @param vision linears of the tower; empty to leave them as they are
 * @param head the output matrix; empty to leave it as it is
 * @param groupSize weights that share a scale (see {@link Quantization})
 */
public record QuantizationRecipe(Format blocks, Optional<Format> vision, Optional<Format> head, int groupSize) {
    /** Weights that share a scale, where nothing else is said. */
    public static final int GROUP = 64;

    private static final Pattern BLOCKS = Pattern.compile("llm\\.layers\\.\\d+\\..*_proj\\.weight");
    private static final Pattern VISION =
            Pattern.compile("vis\\.(encoder\\.layers\\.\\d+|head)\\.(.*_proj|.*\\.fc[12])\\.weight");
    private static final String HEAD = "llm.lm_head.weight";
    private static final String EMBEDDING = "llm.embed_tokens.weight";

    /**
     * Checks the group.
     *
     * @throws IllegalArgumentException when it is no power of two, or less than 32
     */
    public QuantizationRecipe {
        new Quantization(blocks, groupSize, "");
    }

    /** One format for the blocks; 8 bits for the tower and the output matrix, to which errors of 4 bits do the most. */
    public static QuantizationRecipe of(Format format) {
        return new QuantizationRecipe(format, Optional.of(Format.INT8), Optional.of(Format.INT8), GROUP);
    }

    /** What its files say, made from a source of this id. */
    public Quantization named(String id) {
        return new Quantization(blocks, groupSize, id);
    }

    /**
     * How a tensor is stored; empty for as it is.
     *
     * @param name of this package
     * @param tied whether the embedding serves as output matrix
     */
    public Optional<Format> of(String name, long[] shape, boolean tied) {
        if (shape.length != 2 || named("").groupOf(shape[1]) == 0) {
            return Optional.empty();
        }
        if (BLOCKS.matcher(name).matches()) {
            return Optional.of(blocks);
        }
        if (VISION.matcher(name).matches()) {
            return vision;
        }
        return name.equals(tied ? EMBEDDING : HEAD) ? head : Optional.empty();
    }

    /** The tensors that one becomes. */
    List<TensorInfo> tensors(TensorInfo tensor, String canonical, boolean tied) {
        long[] shape = tensor.shape();
        return of(canonical, shape, tied)
                .map(format -> named("").tensors(tensor.name(), format, shape[0], shape[1]))
                .orElse(List.of(tensor));
    }

    /** For digests. */
    String choices() {
        return blocks + " " + vision + " " + head + " " + groupSize;
    }
}
