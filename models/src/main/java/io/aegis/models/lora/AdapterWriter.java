package io.aegis.models.lora;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.weights.AtomicFile;
import io.aegis.weights.Finite;
import io.aegis.weights.SafetensorsWriter;
import io.aegis.weights.StoredTensor;
import io.aegis.weights.WeightsException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;

/** Writes an adapter's folder as PEFT would, so that it can be used there as well. Each file is replaced as a whole. */
public final class AdapterWriter {
    private AdapterWriter() {}

    /** As {@link #write(Path, LoraConfig, Collection, Map, UnaryOperator, DType, Map)}, with nothing beside the weights. */
    public static void write(
            Path folder,
            LoraConfig config,
            Collection<Parameter> parameters,
            Map<String, View> others,
            UnaryOperator<String> inBase,
            DType dtype) {
        write(folder, config, parameters, others, inBase, dtype, Map.of());
    }

    /**
     * Writes configuration and weights, making the folder where there is none.
     *
     * @param parameters those of {@link Adapter#fresh} or {@link Adapter#into}
     * @param others whole tensors that were trained beside, under their canonical names, such as {@code proj.0.weight}
     * @param inBase what a tensor of canonical name ({@code llm.layers.0.self_attn.q_proj.weight}, {@code proj.0.weight}) is
     *     called in the base's checkpoint
     * @param dtype F32, F16 or BF16, to store in
     * @param metadata what goes with these weights, such as a threshold
     * @throws WeightsException when a value is NaN or infinite, or a file could not be written; the old ones stay
     */
    public static void write(
            Path folder,
            LoraConfig config,
            Collection<Parameter> parameters,
            Map<String, View> others,
            UnaryOperator<String> inBase,
            DType dtype,
            Map<String, String> metadata) {
        try (Arena arena = Arena.ofShared()) {
            Map<String, View> tensors = new TreeMap<>();
            for (Parameter p : parameters) {
                int at = p.name().lastIndexOf(".lora_");
                String weight = inBase.apply("llm." + p.name().substring(0, at) + ".weight");
                String module = weight.substring(0, weight.length() - ".weight".length());
                tensors.put(Adapter.PREFIX + module + p.name().substring(at), p.view());
            }
            others.forEach((name, view) -> tensors.put(Adapter.PREFIX + inBase.apply(name), view));
            Path file = folder.resolve(Adapter.WEIGHTS);
            List<StoredTensor> stored = new ArrayList<>();
            tensors.forEach((name, view) -> {
                Finite.check(file, name, view);
                View rounded = View.allocate(arena, dtype, view.shape());
                Backends.best().elementwise().copy(view, rounded);
                stored.add(StoredTensor.of(name, rounded, arena));
            });
            make(folder);
            AtomicFile.write(
                    folder.resolve(Adapter.CONFIG), AdapterJson.write(config).toPrettyString() + "\n");
            Map<String, String> all = new LinkedHashMap<>(Map.of("format", "pt"));
            all.putAll(metadata);
            SafetensorsWriter.write(file, all, stored);
        }
    }

    private static void make(Path folder) {
        try {
            Files.createDirectories(folder);
        } catch (IOException e) {
            throw new WeightsException(folder + ": the folder cannot be made: " + e, e);
        }
    }
}
