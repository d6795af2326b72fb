package io.aegis.training.faceshield;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.models.checkpoint.VisionLanguageCheckpoint;
import io.aegis.models.lora.AdapterWriter;
import io.aegis.models.lora.LoraConfig;
import io.aegis.weights.AtomicFile;
import io.aegis.weights.Checkpoint;
import io.aegis.weights.Finite;
import io.aegis.weights.SafetensorsWriter;
import io.aegis.weights.StoredTensor;
import io.aegis.weights.StoredType;
import io.aegis.weights.WeightsException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Writes what a run has learned: a model folder in the layout and dtypes of its base, with everything that the base has and
 * training did not touch; or an adapter's folder. Each file is replaced as a whole.
 */
final class TrainedModel {
    /** What belongs to a model besides its weights, as far as it is there. */
    private static final List<String> BESIDE = List.of(
            "config.json",
            "tokenizer.json",
            "tokenizer.model",
            "tokenizer_config.json",
            "special_tokens_map.json",
            "added_tokens.json",
            "generation_config.json");

    private TrainedModel() {}

    /**
     * Replaces what is in a folder by what a learner knows.
     *
     * @param metadata what goes with these weights, such as their threshold
     * @throws WeightsException when a value is NaN or infinite, or a file cannot be written; the old ones are unchanged
     */
    static void write(Path folder, FaceShieldLearner learner, Map<String, String> metadata) {
        if (learner.lora().isPresent()) {
            writeAdapter(folder, learner, learner.lora().get(), metadata);
        } else {
            writeBeside(folder, learner.base());
            writeWeights(folder, learner, metadata);
        }
    }

    /** Copies what a model folder has besides weights. */
    private static void writeBeside(Path folder, BaseModel base) {
        try {
            Files.createDirectories(folder);
            for (String name : BESIDE) {
                if (Files.exists(base.folder().resolve(name))) {
                    AtomicFile.write(
                            folder.resolve(name),
                            Files.readAllBytes(base.folder().resolve(name)));
                }
            }
        } catch (IOException e) {
            throw new WeightsException(folder + ": cannot be filled from " + base.folder() + ": " + e, e);
        }
    }

    private static void writeWeights(Path folder, FaceShieldLearner learner, Map<String, String> metadata) {
        Path file = folder.resolve("model.safetensors");
        BaseModel base = learner.base();
        try (Arena arena = Arena.ofShared()) {
            Map<String, StoredTensor> tensors = new LinkedHashMap<>();
            base.checkpoint().map(VisionLanguageCheckpoint::tensors).ifPresent(c -> {
                for (String name : c.names()) {
                    tensors.put(name, asStored(base, c, name));
                }
            });
            for (Parameter p : learner.parameters().trainable()) {
                Finite.check(file, p.name(), p.view());
                String name = base.layout().nameOf(p.name());
                tensors.put(p.name(), StoredTensor.of(name, rounded(p.view(), base.dtype(p.name()), arena), arena));
            }
            Map<String, String> all = new LinkedHashMap<>();
            all.put("format", "pt");
            base.checkpoint().flatMap(VisionLanguageCheckpoint::quantization).ifPresent(q -> all.putAll(q.metadata()));
            all.putAll(metadata);
            SafetensorsWriter.write(file, all, SafetensorsWriter.aligned(new ArrayList<>(tensors.values())));
        }
    }

    private static StoredTensor asStored(BaseModel base, Checkpoint c, String name) {
        StoredType dtype = c.info(name).dtype();
        return StoredTensor.of(base.layout().nameOf(name), dtype, c.info(name).shape(), c.bytes(name));
    }

    private static View rounded(View values, DType dtype, Arena arena) {
        View out = View.allocate(arena, dtype, values.shape());
        Backends.best().elementwise().copy(values, out);
        return out;
    }

    /** The projector lies beside the adapters. */
    private static void writeAdapter(
            Path folder, FaceShieldLearner learner, LoraConfig lora, Map<String, String> metadata) {
        Map<String, View> beside = new LinkedHashMap<>();
        learner.parameters().trainable().forEach(p -> beside.put(p.name(), p.view()));
        BaseModel base = learner.base();
        AdapterWriter.write(
                folder,
                lora,
                learner.adapters().all(),
                beside,
                base.layout()::nameOf,
                base.dtype("llm.layers.0.self_attn.q_proj.weight"),
                metadata);
    }
}
