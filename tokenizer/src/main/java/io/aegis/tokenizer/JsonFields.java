package io.aegis.tokenizer;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * An object of a JSON file, by the place it has there. Each getter names the type it wants and complains in one sentence
 * when it finds another. A key with null counts as absent.
 */
record JsonFields(Path file, String where, JsonNode node) {
    /** Strict: no key twice. Names come from strangers and are neither interned nor kept. */
    static final JsonMapper MAPPER = JsonMapper.builder(JsonFactory.builder()
                    .streamReadConstraints(
                            StreamReadConstraints.builder().maxNestingDepth(100).build())
                    .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
                    .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .build())
            .build();

    private static final ObjectReader WHOLE = MAPPER.reader(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

    JsonFields {
        if (!node.isObject()) {
            throw TokenizerException.of(file, where + " is " + shown(node) + ", expected an object");
        }
    }

    /** Reads a file that holds one object. */
    static JsonFields read(Path file) {
        try (InputStream in = Files.newInputStream(file)) {
            return new JsonFields(file, "the file", WHOLE.readTree(in));
        } catch (JacksonException e) {
            throw invalid(file, e);
        } catch (IOException e) {
            throw new TokenizerException(file + ": cannot be read: " + e.getMessage(), e);
        }
    }

    /** A parser's complaint as one sentence with line and column. */
    static TokenizerException invalid(Path file, JacksonException e) {
        JsonLocation at = e.getLocation();
        String position = at == null ? "" : " (line " + at.getLineNr() + ", column " + at.getColumnNr() + ")";
        return new TokenizerException(
                file + ": not valid JSON: " + e.getOriginalMessage().replaceAll("\\s*\\R\\s*", " ") + position, e);
    }

    /** Whether there is a value other than null. */
    boolean has(String key) {
        return node.hasNonNull(key);
    }

    String text(String key) {
        JsonNode value = get(key, "text");
        if (!value.isTextual() || Unicode.firstHalf(value.textValue()) >= 0) {
            throw mismatch(key, value, "text");
        }
        return value.textValue();
    }

    String text(String key, String otherwise) {
        return has(key) ? text(key) : otherwise;
    }

    /** A text of exactly one character. */
    String character(String key) {
        String text = text(key);
        if (text.codePointCount(0, text.length()) != 1) {
            throw mismatch(key, node.get(key), "one character");
        }
        return text;
    }

    boolean flag(String key, boolean otherwise) {
        if (!has(key)) {
            return otherwise;
        }
        JsonNode value = node.get(key);
        if (!value.isBoolean()) {
            throw mismatch(key, value, "true or false");
        }
        return value.booleanValue();
    }

    /** A whole number that is not negative. */
    int count(String key) {
        JsonNode value = get(key, "a whole number");
        if (!value.isIntegralNumber() || !value.canConvertToInt() || value.intValue() < 0) {
            throw mismatch(key, value, "a whole number");
        }
        return value.intValue();
    }

    /** A nested object. */
    JsonFields object(String key) {
        return new JsonFields(file, path(key), get(key, "an object"));
    }

    /** A list of objects; none when there is no list. */
    List<JsonFields> objects(String key) {
        List<JsonFields> out = new ArrayList<>();
        for (JsonNode item : list(key)) {
            out.add(new JsonFields(file, path(key) + "[" + out.size() + "]", item));
        }
        return out;
    }

    /** A list of anything; empty when there is none. */
    JsonNode list(String key) {
        JsonNode value = node.path(key);
        if (!value.isArray() && !value.isNull() && !value.isMissingNode()) {
            throw mismatch(key, value, "a list");
        }
        return value.isArray() ? value : MAPPER.createArrayNode();
    }

    /** A complaint about the object: {@code file: where what}. */
    TokenizerException invalid(String what) {
        return TokenizerException.of(file, where + " " + what);
    }

    /** A complaint about a value. */
    TokenizerException mismatch(String key, JsonNode value, String expected) {
        return TokenizerException.of(file, path(key) + " is " + shown(value) + ", expected " + expected);
    }

    private JsonNode get(String key, String expected) {
        if (!has(key)) {
            throw TokenizerException.of(file, path(key) + " is missing, expected " + expected);
        }
        return node.get(key);
    }

    private String path(String key) {
        return where.equals("the file") ? key : where + "." + key;
    }

    /** A value, shortened. */
    static String shown(JsonNode value) {
        String text = value.toString();
        return text.length() <= 60 ? text : text.substring(0, 60) + "...";
    }
}
