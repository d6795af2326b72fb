package io.aegis.models.checkpoint;

import io.aegis.layers.Parameters;
import io.aegis.models.llava.Projector;
import io.aegis.weights.ConfigJson;

/** What lies between a vision tower and a language model, for checking that a checkpoint has it. */
@FunctionalInterface
public interface Connector {
    /** A projector {@code proj}, and nothing else: LLaVA and Bunny. */
    Connector PROJECTOR = (p, config, json) -> new Projector(
            p.at("proj"),
            config.vision().orElseThrow().width(),
            config.language().orElseThrow().hidden());

    /**
     * Declares its parameters.
     *
     * @param p the model's
     * @param config with a tower and a language model
     * @param json where it was read from
     */
    void declare(Parameters p, VisionLanguageConfig config, ConfigJson json);

    /** Whether a checkpoint must have what was declared under a name. */
    default boolean requires(String name) {
        return true;
    }
}
