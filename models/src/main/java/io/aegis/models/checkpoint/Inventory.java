package io.aegis.models.checkpoint;

import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.models.llama.LlamaNetwork;
import io.aegis.models.vit.VisionTransformer;
import io.aegis.models.vit.VitConfig;
import io.aegis.weights.ConfigJson;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;

/**
 * The tensors of a model, by the names of this package, as its networks declare them.
 *
 * @param shapes of all tensors that may be there
 * @param required those that must be: a tower in a vision-language model may lack what lies behind its selected hidden
 *     state, which nobody needs
 * @param quantizable those that may have 8 or 4 bits
 */
record Inventory(Map<String, long[]> shapes, Set<String> required, Set<String> quantizable) {
    static Inventory of(VisionLanguageConfig config, ConfigJson json, Connector connector) {
        Map<String, long[]> shapes = new LinkedHashMap<>();
        Set<String> quantizable = new LinkedHashSet<>();
        try (Parameters all = declared(config, json, connector, true);
                Parameters needed = declared(config, json, connector, false)) {
            all.all().forEach(p -> shapes.put(p.name(), p.shape()));
            all.all().stream()
                    .filter(Parameter::isQuantizable)
                    .map(Parameter::name)
                    .forEach(quantizable::add);
            Set<String> required = new LinkedHashSet<>();
            needed.all().stream()
                    .map(Parameter::name)
                    .filter(connector::requires)
                    .forEach(required::add);
            return new Inventory(shapes, required, quantizable);
        }
    }

    /** Shapes only: nothing is filled. */
    private static Parameters declared(
            VisionLanguageConfig config, ConfigJson json, Connector connector, boolean whole) {
        Parameters p = new Parameters();
        if (config.language().isPresent()) {
            new LlamaNetwork(p.at("llm"), config.language().get());
        }
        if (config.vision().isPresent()) {
            VitConfig vision = config.vision().get();
            if (config.language().isPresent()) {
                connector.declare(p, config, json);
            }
            if (whole || config.feature() == null) {
                new VisionTransformer(p.at("vis"), vision);
            } else {
                new VisionTransformer(p.at("vis"), vision, config.feature().layer());
            }
        }
        return p;
    }
}
