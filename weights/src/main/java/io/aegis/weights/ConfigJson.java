package io.aegis.weights;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/**
 * A {@code config.json}, or another JSON object of settings. Each getter names the type it wants and complains in one
 * sentence when it finds another: {@code config.json: hidden_size is "big", expected a whole number}. A key with null
 * counts as absent. Inside nested objects keys are named with their path: {@code vision_config.hidden_size}.
 */
public final class ConfigJson {
    private final Path file;
    private final String prefix;
    private final ObjectNode node;

    private ConfigJson(Path file, String prefix, ObjectNode node) {
        this.file = file;
        this.prefix = prefix;
        this.node = node;
    }

    /**
     * Reads a file, or the {@code config.json} of a folder.
     *
     * @throws WeightsException when it is missing or does not hold exactly one JSON object
     */
    public static ConfigJson read(Path path) {
        Path file = Files.isDirectory(path) ? path.resolve("config.json") : path;
        return new ConfigJson(file, "", Json.readObject(file));
    }

    /** Settings that come from elsewhere than a file of their own; {@code name} is what messages call it. */
    public static ConfigJson of(Path name, ObjectNode node) {
        return new ConfigJson(name, "", node);
    }

    /** The file it was read from. */
    public Path path() {
        return file;
    }

    /** All keys, in order, those with null included. */
    public List<String> keys() {
        List<String> out = new ArrayList<>();
        node.fieldNames().forEachRemaining(out::add);
        return out;
    }

    /** Whether there is a value other than null. */
    public boolean has(String key) {
        return find(key).isPresent();
    }

    public int integer(String key) {
        return Math.toIntExact(get(key, "a whole number", ConfigJson::asInt));
    }

    public int integer(String key, int otherwise) {
        return has(key) ? integer(key) : otherwise;
    }

    /** A whole number that fits 64 bits. */
    public long whole(String key) {
        return get(key, "a whole number", n -> n.isIntegralNumber() && n.canConvertToLong() ? n.longValue() : null);
    }

    public long whole(String key, long otherwise) {
        return has(key) ? whole(key) : otherwise;
    }

    /** A size: an integer above 0. */
    public int positive(String key) {
        return Math.toIntExact(get(key, "a whole number above 0", n -> {
            Long value = asInt(n);
            return value != null && value > 0 ? value : null;
        }));
    }

    public int positive(String key, int otherwise) {
        return has(key) ? positive(key) : otherwise;
    }

    public double number(String key) {
        return get(key, "a number", n -> n.isNumber() && Double.isFinite(n.doubleValue()) ? n.doubleValue() : null);
    }

    public double number(String key, double otherwise) {
        return has(key) ? number(key) : otherwise;
    }

    public String text(String key) {
        return get(key, "text", JsonNode::textValue);
    }

    public String text(String key, String otherwise) {
        return has(key) ? text(key) : otherwise;
    }

    public boolean flag(String key) {
        return get(key, "true or false", n -> n.isBoolean() ? n.booleanValue() : null);
    }

    public boolean flag(String key, boolean otherwise) {
        return has(key) ? flag(key) : otherwise;
    }

    /** A list of whole numbers. */
    public List<Long> wholes(String key) {
        return list(
                key,
                "a list of whole numbers",
                n -> n.isIntegralNumber() && n.canConvertToLong() ? n.longValue() : null);
    }

    /** A list of numbers. */
    public List<Double> numbers(String key) {
        return list(
                key,
                "a list of numbers",
                n -> n.isNumber() && Double.isFinite(n.doubleValue()) ? n.doubleValue() : null);
    }

    /** A list of texts. */
    public List<String> texts(String key) {
        return list(key, "a list of texts", JsonNode::textValue);
    }

    /** A nested object. */
    public ConfigJson object(String key) {
        ObjectNode inner = get(key, "an object", n -> n instanceof ObjectNode o ? o : null);
        return new ConfigJson(file, prefix + key + ".", inner);
    }

    /** A nested object; one without keys when there is none. */
    public ConfigJson objectOrEmpty(String key) {
        return has(key) ? object(key) : new ConfigJson(file, prefix + key + ".", JsonNodeFactory.instance.objectNode());
    }

    /** The object itself, for what the getters do not cover. */
    public ObjectNode json() {
        return node;
    }

    /**
     * A complaint about a value that has the right type: {@code config.json: num_attention_heads 12 does not divide
     * hidden_size 770} is {@code invalid("num_attention_heads", "does not divide hidden_size 770")}.
     */
    public WeightsException invalid(String key, String what) {
        return WeightsException.of(file, prefix + key + " " + shown(node.path(key)) + " " + what);
    }

    private <T> T get(String key, String expected, Function<JsonNode, T> convert) {
        JsonNode value = find(key)
                .orElseThrow(() -> WeightsException.of(file, prefix + key + " is missing, expected " + expected));
        T converted = convert.apply(value);
        if (converted == null) {
            throw mismatch(key, value, expected);
        }
        return converted;
    }

    private <T> List<T> list(String key, String expected, Function<JsonNode, T> convert) {
        return get(key, expected, value -> {
            List<T> out = new ArrayList<>();
            for (JsonNode item : value) {
                out.add(convert.apply(item));
            }
            return value.isArray() && !out.contains(null) ? List.copyOf(out) : null;
        });
    }

    private Optional<JsonNode> find(String key) {
        return Optional.ofNullable(node.get(key)).filter(n -> !n.isNull());
    }

    private WeightsException mismatch(String key, JsonNode value, String expected) {
        return WeightsException.of(file, prefix + key + " is " + shown(value) + ", expected " + expected);
    }

    private static Long asInt(JsonNode n) {
        return n.isIntegralNumber() && n.canConvertToInt() ? n.longValue() : null;
    }

    private static String shown(JsonNode value) {
        String text = value.toString();
        return text.length() <= 60 ? text : text.substring(0, 60) + "...";
    }
}
