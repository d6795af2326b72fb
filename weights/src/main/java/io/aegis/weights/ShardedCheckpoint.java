package io.aegis.weights;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.lang.System.Logger.Level;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Several files that make one checkpoint, held together by an index
 * {@code {"metadata": {"total_size": bytes}, "weight_map": {tensor: file}}} beside them, as Hugging Face writes it. The
 * shards may be safetensors files or PyTorch archives.
 */
public final class ShardedCheckpoint implements Checkpoint {
    private static final System.Logger LOG = System.getLogger(ShardedCheckpoint.class.getName());

    private final Path index;
    private final Map<String, Checkpoint> shardOf;
    private final List<String> names;
    private final Map<String, Checkpoint> shards;
    private final Map<String, String> metadata;

    private ShardedCheckpoint(
            Path index, Map<String, Checkpoint> shardOf, Map<String, Checkpoint> shards, Map<String, String> metadata) {
        this.index = index;
        this.shardOf = shardOf;
        this.names = List.copyOf(shardOf.keySet());
        this.shards = shards;
        this.metadata = metadata;
    }

    /**
     * Opens the index and all shards.
     *
     * @throws WeightsException when the index is malformed, a shard is missing or malformed, a tensor is not in the
     *     shard that the index says, or a shard holds a tensor that the index does not say
     */
    public static ShardedCheckpoint open(Path index) {
        ObjectNode json = Json.readObject(index);
        if (!(json.get("weight_map") instanceof ObjectNode map)) {
            throw WeightsException.of(index, "there is no weight_map from tensors to files");
        }
        Map<String, Checkpoint> shards = new LinkedHashMap<>();
        try {
            Map<String, Checkpoint> shardOf = new LinkedHashMap<>();
            for (Map.Entry<String, JsonNode> e : map.properties()) {
                String file = shardName(index, e.getKey(), e.getValue());
                Checkpoint shard =
                        shards.computeIfAbsent(file, f -> CheckpointFormat.openSingle(index.resolveSibling(f)));
                if (!shard.has(e.getKey())) {
                    throw WeightsException.of(index, e.getKey(), "should be in " + file + ", but is not");
                }
                shardOf.put(e.getKey(), shard);
            }
            shards.forEach((file, shard) -> checkAllListed(index, shardOf, file, shard));
            checkTotal(index, json, shardOf);
            return new ShardedCheckpoint(
                    index, Collections.unmodifiableMap(shardOf), shards, metadata(json.path("metadata")));
        } catch (RuntimeException e) {
            shards.values().forEach(Checkpoint::close);
            throw e;
        }
    }

    /** A shard lies beside its index: a name that leads elsewhere is refused. */
    private static String shardName(Path index, String tensor, JsonNode file) {
        String name = file.textValue();
        boolean plain = name != null
                && !name.isEmpty()
                && !name.equals(".")
                && !name.equals("..")
                && name.chars().noneMatch(c -> c == '/' || c == '\\' || c < ' ');
        if (!plain) {
            throw WeightsException.of(index, tensor, "is mapped to " + file + ", expected the name of a file beside");
        }
        return name;
    }

    private static void checkAllListed(Path index, Map<String, Checkpoint> shardOf, String file, Checkpoint shard) {
        for (String name : shard.names()) {
            Checkpoint listed = shardOf.get(name);
            if (listed == null) {
                throw WeightsException.of(index, name, "is in " + file + ", but not in the weight_map");
            }
            if (listed != shard) {
                throw WeightsException.of(
                        index,
                        name,
                        "is in both " + file + " and " + listed.path().getFileName());
            }
        }
    }

    private static void checkTotal(Path index, ObjectNode json, Map<String, Checkpoint> shardOf) {
        JsonNode told = json.path("metadata").path("total_size");
        long total = 0;
        for (Map.Entry<String, Checkpoint> e : shardOf.entrySet()) {
            total += e.getValue().info(e.getKey()).bytes();
        }
        if (told.isNumber() && told.asLong() != total) {
            LOG.log(Level.WARNING, index + ": total_size is " + told + ", the tensors have " + total + " bytes");
        }
    }

    private static Map<String, String> metadata(JsonNode node) {
        Map<String, String> out = new LinkedHashMap<>();
        node.properties().forEach(e -> out.put(e.getKey(), e.getValue().asText()));
        return Collections.unmodifiableMap(out);
    }

    @Override
    public Path path() {
        return index;
    }

    /** In the order of the index. */
    @Override
    public List<String> names() {
        return names;
    }

    @Override
    public boolean has(String name) {
        return shardOf.containsKey(name);
    }

    @Override
    public TensorInfo info(String name) {
        return shard(name).info(name);
    }

    @Override
    public MemorySegment bytes(String name) {
        return shard(name).bytes(name);
    }

    /** What the index says besides the map, as text. */
    @Override
    public Map<String, String> metadata() {
        return metadata;
    }

    @Override
    public List<Checkpoint> files() {
        return List.copyOf(shards.values());
    }

    private Checkpoint shard(String name) {
        Checkpoint shard = shardOf.get(name);
        if (shard == null) {
            throw WeightsException.of(index, "there is no tensor " + name);
        }
        return shard;
    }

    @Override
    public void close() {
        shards.values().forEach(Checkpoint::close);
    }
}
