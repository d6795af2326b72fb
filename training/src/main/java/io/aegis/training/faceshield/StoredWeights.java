package io.aegis.training.faceshield;

import io.aegis.layers.Parameter;
import io.aegis.models.checkpoint.QuantizationRecipe;
import io.aegis.models.checkpoint.Synthesis;
import io.aegis.models.checkpoint.VisionLanguageCheckpoint;
import io.aegis.models.checkpoint.VisionLanguageConfig;
import io.aegis.models.faceshield.FaceShieldConfig;
import io.aegis.tensor.QuantizedMatrix;
import io.aegis.weights.Checkpoint;
import io.aegis.weights.ConfigJson;
import io.aegis.weights.StoredType;
import io.aegis.weights.TensorInfo;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Function;

/**
 * A model whose weights are known by type and shape.
 *
 * @param config its sizes
 * @param tensors that a weight of this name is stored in, one, or codes and scales; none where it begins at random
 * @param written the type in which what was learned is written
 */
record StoredWeights(FaceShieldConfig config, Function<String, List<TensorInfo>> tensors, StoredType written) {
    /** Has the type that a model has where it is not quantised. */
    private static final String NORM = "llm.norm.weight";

    /** Of what training starts from. */
    static StoredWeights of(BaseModel base) {
        Optional<Checkpoint> files = base.checkpoint().map(VisionLanguageCheckpoint::tensors);
        return new StoredWeights(
                base.config(),
                name -> {
                    List<TensorInfo> found = new ArrayList<>();
                    for (String part : List.of(name, name + QuantizedMatrix.SCALE)) {
                        files.filter(f -> f.has(part)).ifPresent(f -> found.add(f.info(part)));
                    }
                    return found;
                },
                StoredType.of(base.dtype(NORM)));
    }

    /** Of a model that would be written with its matrices in this form. */
    static StoredWeights of(ConfigJson json, Synthesis form) {
        ConfigJson text = json.has("text_config") ? json.object("text_config") : json;
        VisionLanguageConfig sizes =
                VisionLanguageConfig.read(json, OptionalLong.of(text.positive("vocab_size")), Optional.empty());
        return new StoredWeights(
                FaceShieldConfig.of(sizes, json),
                form::stored,
                form.stored(NORM).getFirst().dtype());
    }

    /** The same with its frozen matrices quantised, as far as they are not yet. */
    StoredWeights inFewBits(QuantizationRecipe recipe) {
        boolean tied = config.language().tied();
        return new StoredWeights(
                config,
                name -> {
                    List<TensorInfo> whole = tensors.apply(name);
                    if (whole.size() != 1) {
                        return whole;
                    }
                    TensorInfo one = whole.getFirst();
                    long[] shape = one.shape();
                    return recipe.of(name, shape, tied)
                            .map(format -> recipe.named("").tensors(one.name(), format, shape[0], shape[1]))
                            .orElse(whole);
                },
                written);
    }

    /** What holds a parameter while a model learns: what learns, vectors and convolutions are float32 of their own. */
    List<TensorInfo> of(Parameter p) {
        List<TensorInfo> stored = p.isTrainable() ? List.of() : tensors.apply(p.name());
        return isMapped(p, stored) ? stored : List.of(new TensorInfo(p.name(), StoredType.F32, p.shape()));
    }

    /** Whether a parameter stays in the files. */
    boolean isMapped(Parameter p) {
        return !p.isTrainable() && isMapped(p, tensors.apply(p.name()));
    }

    private static boolean isMapped(Parameter p, List<TensorInfo> stored) {
        if (stored.size() == 2) {
            return true;
        }
        return stored.size() == 1
                && p.kind() == Parameter.Kind.WEIGHT
                && p.shape().length == 2
                && List.of(StoredType.F32, StoredType.F16, StoredType.BF16)
                        .contains(stored.getFirst().dtype());
    }
}
