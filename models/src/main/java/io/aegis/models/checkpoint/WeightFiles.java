package io.aegis.models.checkpoint;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.models.DecisionThreshold;
import io.aegis.weights.Checkpoint;
import io.aegis.weights.ConfigJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;

/** The files of a model's folder: those with tensors, in order, their index if there are several, and the others. */
public final class WeightFiles {
    private static final String INDEX = ".index.json";

    private final Path folder;
    private final Path entry;
    private final List<Path> files;

    /** @param checkpoint the folder's, open */
    public WeightFiles(Path folder, Checkpoint checkpoint) {
        this.folder = folder;
        this.entry = checkpoint.path();
        this.files = isSharded() ? shards() : List.of(entry);
    }

    private List<Path> shards() {
        ConfigJson map = ConfigJson.read(entry).object("weight_map");
        return map.keys().stream()
                .map(map::text)
                .distinct()
                .sorted()
                .map(entry::resolveSibling)
                .toList();
    }

    /** Those that hold tensors themselves. */
    public List<Path> files() {
        return files;
    }

    public boolean isSharded() {
        return entry.toString().endsWith(INDEX);
    }

    /** What a file is called when it is written as safetensors. */
    public static String written(Path file) {
        String name = file.getFileName().toString();
        return name.endsWith(".safetensors")
                ? name
                : name.replaceFirst("^pytorch_model", "model").replaceFirst("\\.\\w+$", "") + ".safetensors";
    }

    /** What a written file carries: its own, or what transformers wants of one that it did not write so. */
    public static Map<String, String> metadata(Path file, Checkpoint part) {
        return file.toString().endsWith(".safetensors") ? part.metadata() : Map.of("format", "pt");
    }

    /**
     * The index of the written files; as it is, byte for byte, when nothing in it changes.
     *
     * @param more bytes of tensors that the last file has besides, by their names
     * @param threshold of the new weights
     */
    public String index(Map<String, Long> more, Optional<DecisionThreshold> threshold) throws IOException {
        ObjectNode before = ConfigJson.read(entry).json();
        ObjectNode json = before.deepCopy();
        if (json.has("metadata") || threshold.isPresent()) {
            ObjectNode told = json.withObject("/metadata");
            Map<String, String> texts = new LinkedHashMap<>();
            told.properties().forEach(e -> texts.put(e.getKey(), e.getValue().asText()));
            told.retain(DecisionThreshold.replace(texts, Optional.empty()).keySet());
            threshold.ifPresent(t -> t.metadata().forEach(told::put));
            if (told.path("total_size").isIntegralNumber() && !more.isEmpty()) {
                long bytes = more.values().stream().mapToLong(Long::longValue).sum();
                told.put("total_size", told.path("total_size").asLong() + bytes);
            }
        }
        Map<String, String> sorted = new TreeMap<>();
        before.withObject("/weight_map")
                .properties()
                .forEach(
                        e -> sorted.put(e.getKey(), written(Path.of(e.getValue().textValue()))));
        more.keySet().forEach(name -> sorted.put(name, written(files.getLast())));
        ObjectNode map = json.putObject("weight_map");
        sorted.forEach(map::put);
        return json.equals(before) ? Files.readString(entry) : json.toPrettyString() + "\n";
    }

    /** Copies configs, tokenizers and whatever else belongs to the model; not weights in other files. */
    public void copyOthers(Path to) throws IOException {
        List<Path> others;
        try (Stream<Path> all = Files.list(folder)) {
            others = all.filter(Files::isRegularFile).sorted().toList();
        }
        for (Path file : others) {
            String name = file.getFileName().toString();
            if (!name.matches(".*\\.(safetensors|bin|pt|pth|gguf|h5|msgpack|index\\.json)")) {
                Files.copy(file, to.resolve(name));
            }
        }
    }
}
