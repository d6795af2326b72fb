package io.aegis.cli;

import io.aegis.kernels.QuantizedWeight.Format;
import io.aegis.models.checkpoint.QuantizationRecipe;
import io.aegis.models.checkpoint.Synthesis;
import io.aegis.weights.ConfigJson;
import io.aegis.weights.StoredType;
import java.util.Optional;

/** How a model's weights are stored: all in one type, or quantised matrices beside bfloat16. */
enum StoredForm {
    F16(StoredType.F16, null),
    BF16(StoredType.BF16, null),
    F32(StoredType.F32, null),
    INT8(StoredType.BF16, Format.INT8),
    INT4(StoredType.BF16, Format.INT4);

    private final StoredType rest;
    private final Optional<QuantizationRecipe> recipe;

    StoredForm(StoredType rest, Format format) {
        this.rest = rest;
        this.recipe = Optional.ofNullable(format).map(QuantizationRecipe::of);
    }

    /** A checkpoint of a model in this form, planned and not written. */
    Synthesis of(ConfigJson config, long seed) {
        return new Synthesis(config, rest, recipe, seed);
    }
}
