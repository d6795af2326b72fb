package io.aegis.models.faceshield;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.layers.Parameters;
import io.aegis.models.DecisionThreshold;
import io.aegis.models.checkpoint.VisionLanguageCheckpoint;
import io.aegis.models.lora.Adapter;
import io.aegis.weights.WeightsException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;

/** What stage 2 has learned, put into the model that it was learned on: adapters beside its linears, and a projector. */
final class OpenAdapter implements AutoCloseable {
    private final Adapter files;
    private Parameters parameters;

    /**
     * Opens an adapter's folder.
     *
     * @throws WeightsException when it is none
     */
    OpenAdapter(Path folder) {
        files = Adapter.open(folder);
    }

    /**
     * Fills a network with the base's weights and what was learned.
     *
     * @throws WeightsException when the adapter was made for another base
     */
    void into(FaceShieldNetwork network, VisionLanguageCheckpoint base, Parameters p) {
        Map<String, View> instead = new LinkedHashMap<>();
        TreeSet<String> foreign = new TreeSet<>();
        files.others().forEach((name, view) -> base.layout()
                .table()
                .apply(name)
                .filter(own -> p.get(own) != null)
                .ifPresentOrElse(own -> instead.put(own, view), () -> foreign.add(name)));
        if (!foreign.isEmpty()) {
            throw WeightsException.of(
                    files.path(), "has " + String.join(", ", foreign) + ", which the base has not; is it for another?");
        }
        base.load(p, instead);
        parameters = files.into(network.language(), DType.F32);
    }

    /** The threshold that was chosen for the base with this adapter. */
    Optional<DecisionThreshold> threshold() {
        return files.threshold();
    }

    @Override
    public void close() {
        if (parameters != null) {
            parameters.close();
        }
        files.close();
    }
}
