package io.aegis.models.checkpoint;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.kernels.View;
import io.aegis.models.llama.LlamaConfig;
import io.aegis.weights.AtomicFile;
import io.aegis.weights.AtomicFolder;
import io.aegis.weights.ConfigJson;
import io.aegis.weights.Quantization;
import io.aegis.weights.ShardedWriter;
import io.aegis.weights.StoredType;
import io.aegis.weights.TensorInfo;
import io.aegis.weights.WeightsException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.LongConsumer;

/**
 * A checkpoint of random weights in the layout, the names, the shapes and the shards of a published one, to measure
 * loading, memory and speed where the real weights are not at hand. Equal seeds give equal files.
 */
public final class Synthesis {
    /** Configs that have a name, as published or small. */
    public static final List<String> NAMED = List.of(
            "bunny-llama3-8b",
            "llava-1.5-7b",
            "llama-3.2-1b",
            "llama-3.2-3b",
            "siglip-so400m",
            "clip-l-336",
            "bunny-tiny",
            "llava-tiny");

    /** Room for headers, configs and a tokenizer. */
    private static final long BESIDES = 64L << 20;

    private final ConfigJson json;
    private final StoredType dtype;
    private final Optional<Quantization> quantization;
    private final long seed;
    private final int languageLayers;
    private final int visionLayers;

    /** From the layout's names to those of this package, in the order of the shards. */
    private final Map<TensorInfo, String> tensors = new LinkedHashMap<>();

    /** Of the models' tensors, by the names of this package. */
    private final Map<String, long[]> shapesOfAll = new LinkedHashMap<>();

    /**
     * Plans a checkpoint.
     *
     * @param json what is written as its {@code config.json}; a language model's must say its {@code vocab_size}
     * @param dtype of all tensors: F32, F16 or BF16
     * @throws WeightsException when the config is not one of those that {@link VisionLanguageConfig} knows
     */
    public Synthesis(ConfigJson json, StoredType dtype, long seed) {
        this(json, dtype, Optional.empty(), seed);
    }

    /**
     * Plans a checkpoint with quantised matrices: random codes and random scales, made as such.
     *
     * @param dtype of what stays as it is
     * @param recipe which matrices are quantised; empty for none
     */
    public Synthesis(ConfigJson json, StoredType dtype, Optional<QuantizationRecipe> recipe, long seed) {
        this.json = json;
        this.dtype = dtype;
        this.seed = seed;
        this.quantization = recipe.map(r -> r.named("synthesized-" + Long.toHexString(seed)));
        CheckpointLayout layout = VisionLanguageConfig.layout(json);
        ConfigJson text = json.has("text_config") ? json.object("text_config") : json;
        OptionalLong vocabulary =
                layout == CheckpointLayout.TOWER ? OptionalLong.empty() : OptionalLong.of(text.positive("vocab_size"));
        VisionLanguageConfig config = VisionLanguageConfig.read(json, vocabulary, Optional.empty());
        languageLayers = config.language().map(c -> c.layers()).orElse(0);
        visionLayers = config.vision().map(c -> c.layers()).orElse(0);
        Map<String, long[]> shapes =
                Inventory.of(config, json, Connector.PROJECTOR).shapes();
        List<String> names = new ArrayList<>(shapes.keySet());
        names.sort(Comparator.comparingInt(name -> rank(layout, name)));
        boolean tied = config.language().filter(LlamaConfig::tied).isPresent();
        for (String name : names) {
            TensorInfo whole = new TensorInfo(layout.nameOf(name), dtype, shapes.get(name));
            List<TensorInfo> parts =
                    recipe.map(r -> r.tensors(whole, name, tied)).orElse(List.of(whole));
            parts.forEach(part -> tensors.put(part, name));
            shapesOfAll.put(name, whole.shape());
        }
    }

    /**
     * A config by its name ({@link #NAMED}), or one in a file or folder.
     *
     * @throws WeightsException when there is neither
     */
    public static ConfigJson config(String nameOrPath) {
        if (NAMED.contains(nameOrPath)) {
            try (InputStream in = Synthesis.class.getResourceAsStream(nameOrPath + ".json")) {
                return ConfigJson.of(Path.of(nameOrPath), (ObjectNode) new JsonMapper().readTree(in));
            } catch (IOException e) {
                throw new IllegalStateException("the config " + nameOrPath + " cannot be read", e);
            }
        }
        Path path = Path.of(nameOrPath);
        if (!Files.exists(path)) {
            throw new WeightsException(nameOrPath + " is neither a config.json nor one of " + String.join(", ", NAMED));
        }
        return ConfigJson.read(path);
    }

    /** The order in which the published models' modules follow each other, by which their shards were filled. */
    private static int rank(CheckpointLayout layout, String name) {
        List<String> order = layout == CheckpointLayout.LLAVA_HF
                ? List.of("vis.", "proj.", "llm.")
                : List.of("llm.", "vis.", "proj.");
        if (name.startsWith("llm.lm_head.")) {
            return order.size();
        }
        return order.indexOf(name.substring(0, name.indexOf('.') + 1));
    }

    /** Bytes of all tensors. */
    public long bytes() {
        return tensors.keySet().stream().mapToLong(TensorInfo::bytes).sum();
    }

    /** The tensors that a weight of this package's name is stored in: one, or codes and scales; none that there is not. */
    public List<TensorInfo> stored(String name) {
        return tensors.keySet().stream()
                .filter(t -> tensors.get(t).equals(name))
                .toList();
    }

    /** Number of tensors. */
    public int count() {
        return tensors.size();
    }

    /** Bytes of each weight file, by its name. */
    public Map<String, Long> files() {
        Map<String, Long> out = new LinkedHashMap<>();
        ShardedWriter.shards(List.copyOf(tensors.keySet()), ShardedWriter.PUBLISHED)
                .forEach((name, part) ->
                        out.put(name, part.stream().mapToLong(TensorInfo::bytes).sum()));
        return out;
    }

    /**
     * Writes the folder: weights, their index, {@code config.json} and {@code generation_config.json}. It appears under
     * its name when it is complete.
     *
     * @param folder does not exist, or is empty
     * @param tokenizer a tokenizer's file, or a folder with its files, to be copied; or null for none
     * @param progress told the bytes written so far
     * @throws WeightsException when the disk has not enough room, the folder is not empty, or it cannot be written
     */
    public void write(Path folder, Path tokenizer, LongConsumer progress) {
        List<Path> copied = TokenizerFiles.of(tokenizer);
        checkRoom(folder);
        AtomicFolder.write(folder, beside -> {
            try (RandomTensors random = new RandomTensors(seed, this::spread, progress)) {
                ShardedWriter.write(beside, metadata(), List.copyOf(tensors.keySet()), ShardedWriter.PUBLISHED, random);
            }
            AtomicFile.write(beside.resolve("config.json"), configText());
            if (languageLayers > 0) {
                AtomicFile.write(beside.resolve("generation_config.json"), generationText());
            }
            for (Path file : copied) {
                Files.copy(file, beside.resolve(file.getFileName()));
            }
        });
    }

    private Map<String, String> metadata() {
        Map<String, String> out = new LinkedHashMap<>();
        out.put("format", "pt");
        out.put("synthesized_seed", "" + seed);
        quantization.ifPresent(q -> out.putAll(q.metadata()));
        return out;
    }

    private void checkRoom(Path folder) {
        Path existing = folder.toAbsolutePath().normalize();
        while (!Files.exists(existing)) {
            existing = existing.getParent();
        }
        try {
            FileStore store = Files.getFileStore(existing);
            long needed = bytes() + BESIDES;
            if (store.getUsableSpace() < needed) {
                throw new WeightsException(String.format(
                        "%s: the checkpoint needs %.2f GB, but the disk has %.2f GB left",
                        folder, needed / 1e9, store.getUsableSpace() / 1e9));
            }
        } catch (IOException e) {
            throw new WeightsException(folder + ": the room on its disk cannot be found out: " + e.getMessage(), e);
        }
    }

    /** Of scales, so that codes times scales are spread as the matrix would be; codes are evenly spread over their type. */
    private RandomTensors.Spread spread(TensorInfo tensor) {
        String name = tensors.get(tensor);
        RandomTensors.Spread whole = spread(name, shapesOfAll.get(name));
        if (tensor.name().endsWith(Quantization.SCALE)) {
            TensorInfo codes = tensors.keySet().stream()
                    .filter(t -> tensors.get(t).equals(name) && t != tensor)
                    .findFirst()
                    .orElseThrow();
            double scale = whole.deviation() * Math.sqrt(12) / (codes.dtype() == StoredType.I8 ? 255 : 16);
            return new RandomTensors.Spread(scale, scale / 10);
        }
        return whole;
    }

    /**
     * How a tensor is spread: signals neither die nor grow on their way through the blocks, whose outputs are scaled down
     * as there are many, and logits are of the order of 1.
     */
    private RandomTensors.Spread spread(String name, long[] shape) {
        boolean norm = name.contains("norm");
        if (shape.length == 1 || name.endsWith("probe")) {
            return norm && name.endsWith(".weight")
                    ? new RandomTensors.Spread(1, 0.05)
                    : new RandomTensors.Spread(0, 0.02);
        }
        if (name.contains("embed_tokens") || name.contains("position_embedding")) {
            return new RandomTensors.Spread(0, 0.02);
        }
        long in = View.count(shape) / shape[0];
        double std = 1 / Math.sqrt(in);
        if (name.matches(".*\\.(o_proj|out_proj|down_proj|fc2)\\.weight")) {
            std /= Math.sqrt(2.0 * Math.max(1, name.startsWith("llm.") ? languageLayers : visionLayers));
        }
        return new RandomTensors.Spread(0, std);
    }

    private String configText() {
        ObjectNode out = json.json().deepCopy();
        out.put("torch_dtype", torchName());
        quantization.ifPresent(q -> q.describe(out));
        return out.toPrettyString() + "\n";
    }

    private String torchName() {
        return switch (dtype) {
            case F16 -> "float16";
            case BF16 -> "bfloat16";
            default -> "float32";
        };
    }

    private String generationText() {
        ConfigJson text = json.has("text_config") ? json.object("text_config") : json;
        ObjectNode out = JsonNodeFactory.instance.objectNode();
        out.put("_from_model_config", true);
        for (String key : List.of("bos_token_id", "eos_token_id")) {
            if (text.has(key)) {
                out.put(key, text.whole(key));
            }
        }
        if (json.has("pad_token_id") || text.has("eos_token_id")) {
            out.put("pad_token_id", json.has("pad_token_id") ? json.whole("pad_token_id") : text.whole("eos_token_id"));
        }
        return out.toPrettyString() + "\n";
    }
}
