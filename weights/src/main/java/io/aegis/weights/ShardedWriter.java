package io.aegis.weights;

import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.Separators;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Writes checkpoints as Hugging Face does: {@code model.safetensors}, or shards of a largest size with their index. A
 * shard is filled with tensors in the order given until the next does not fit; inside, they lie by falling element size
 * and then by name.
 */
public final class ShardedWriter {
    /** The largest shard of published checkpoints, in bytes. */
    public static final long PUBLISHED = 5_000_000_000L;

    private ShardedWriter() {}

    /** Which tensors lie in which file, in the order of the shards. */
    public static Map<String, List<TensorInfo>> shards(List<TensorInfo> tensors, long largest) {
        List<List<TensorInfo>> parts = new ArrayList<>(List.of(new ArrayList<>()));
        long size = 0;
        for (TensorInfo tensor : tensors) {
            if (size + tensor.bytes() > largest && size > 0) {
                parts.add(new ArrayList<>());
                size = 0;
            }
            parts.getLast().add(tensor);
            size += tensor.bytes();
        }
        Map<String, List<TensorInfo>> out = new LinkedHashMap<>();
        for (List<TensorInfo> part : parts) {
            part.sort(
                    Comparator.comparingInt((TensorInfo t) -> -t.dtype().bits()).thenComparing(TensorInfo::name));
            String name = parts.size() == 1
                    ? "model.safetensors"
                    : String.format("model-%05d-of-%05d.safetensors", out.size() + 1, parts.size());
            out.put(name, part);
        }
        return out;
    }

    /**
     * Writes all shards, and then the index where there are several.
     *
     * @param folder exists already
     * @param metadata of each shard
     * @throws WeightsException when a file could not be written
     */
    public static void write(
            Path folder, Map<String, String> metadata, List<TensorInfo> tensors, long largest, TensorSource source) {
        Map<String, List<TensorInfo>> shards = shards(tensors, largest);
        shards.forEach((name, part) -> SafetensorsWriter.write(folder.resolve(name), metadata, part, source));
        if (shards.size() > 1) {
            writeIndex(folder, Map.of(), shards);
        }
    }

    /**
     * Writes {@code model.safetensors.index.json}.
     *
     * @param metadata of the index, besides the number of bytes
     * @param shards tensors by file
     */
    public static void writeIndex(Path folder, Map<String, String> metadata, Map<String, List<TensorInfo>> shards) {
        AtomicFile.write(folder.resolve("model.safetensors.index.json"), index(metadata, shards));
    }

    private static String index(Map<String, String> metadata, Map<String, List<TensorInfo>> shards) {
        Map<String, String> sorted = new TreeMap<>();
        long total = 0;
        for (Map.Entry<String, List<TensorInfo>> shard : shards.entrySet()) {
            for (TensorInfo tensor : shard.getValue()) {
                sorted.put(tensor.name(), shard.getKey());
                total += tensor.bytes();
            }
        }
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        ObjectNode told = json.putObject("metadata");
        metadata.forEach(told::put);
        told.put("total_size", total);
        ObjectNode map = json.putObject("weight_map");
        sorted.forEach(map::put);
        DefaultPrettyPrinter printer = new DefaultPrettyPrinter(
                        Separators.createDefaultInstance().withObjectFieldValueSpacing(Separators.Spacing.AFTER))
                .withObjectIndenter(new DefaultIndenter("  ", "\n"));
        try {
            return new JsonMapper().writer(printer).writeValueAsString(json) + "\n";
        } catch (IOException e) {
            throw new IllegalStateException("an index of plain names cannot be written", e);
        }
    }
}
