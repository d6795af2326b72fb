package io.aegis.cli.verify;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.aegis.tokenizer.TokenStream;
import io.aegis.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Reference tokens beside ours. A vectors file is a JSON list of objects with {@code text} and one or more of {@code ids}
 * (nothing put around), {@code ids_special}, and {@code decoded} and {@code decoded_skip_special}, which are of {@code
 * ids}.
 */
public final class TokenizerVectors {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    private final Tokenizer tokenizer;
    private final PrintWriter out;
    private int checks;
    private int failures;

    private TokenizerVectors(Tokenizer tokenizer, PrintWriter out) {
        this.tokenizer = tokenizer;
        this.out = out;
    }

    /**
     * Prints each difference and a summary; whether there was none.
     *
     * @throws IllegalArgumentException when the file holds something else
     */
    public static boolean compare(Tokenizer tokenizer, Path file, PrintWriter out) {
        JsonNode list = read(file);
        TokenizerVectors vectors = new TokenizerVectors(tokenizer, out);
        for (int i = 0; i < list.size(); i++) {
            vectors.compare(file + "[" + i + "]", list.get(i));
        }
        if (vectors.checks == 0) {
            throw new IllegalArgumentException(file + ": there is nothing to compare");
        }
        out.println(list.size() + " texts, " + vectors.checks + " comparisons, " + vectors.failures + " failures");
        out.flush();
        return vectors.failures == 0;
    }

    private static JsonNode read(Path file) {
        try {
            if (!Files.exists(file)) {
                throw new NoSuchFileException(file.toString());
            }
            JsonNode list = MAPPER.readTree(file.toFile());
            if (!list.isArray()) {
                throw new IllegalArgumentException(file + ": expected a JSON list");
            }
            return list;
        } catch (JacksonException e) {
            throw new IllegalArgumentException(file + ": not valid JSON: " + e.getOriginalMessage(), e);
        } catch (IOException e) {
            throw new UncheckedIOException(file + ": cannot be read: " + e.getMessage(), e);
        }
    }

    private void compare(String where, JsonNode vector) {
        if (!vector.path("text").isTextual()) {
            throw new IllegalArgumentException(where + ": has no text");
        }
        String text = vector.get("text").textValue();
        if (vector.has("ids")) {
            check(text, "ids", ids(where, vector, "ids"), ids(tokenizer.encode(text, false)));
        }
        if (vector.has("ids_special")) {
            check(text, "ids_special", ids(where, vector, "ids_special"), ids(tokenizer.encode(text, true)));
        }
        decoded(where, vector, "decoded", false);
        decoded(where, vector, "decoded_skip_special", true);
    }

    private void decoded(String where, JsonNode vector, String key, boolean skipSpecial) {
        if (!vector.has(key)) {
            return;
        }
        if (!vector.get(key).isTextual()) {
            throw new IllegalArgumentException(where + ": " + key + " is not text");
        }
        int[] ids = ids(where, vector, "ids").stream().mapToInt(i -> i).toArray();
        String text = vector.get("text").textValue();
        String want = vector.get(key).textValue();
        check(text, key, want, tokenizer.decode(ids, skipSpecial));
        TokenStream stream = tokenizer.stream(skipSpecial);
        StringBuilder streamed = new StringBuilder();
        for (int id : ids) {
            streamed.append(stream.next(id));
        }
        check(text, key + ", streamed", want, streamed.append(stream.finish()).toString());
    }

    private void check(String text, String key, Object want, Object got) {
        checks++;
        if (!want.equals(got)) {
            failures++;
            out.println(MAPPER.valueToTree(text) + ": " + key);
            out.println("  expected " + MAPPER.valueToTree(want));
            out.println("  got      " + MAPPER.valueToTree(got));
        }
    }

    private static List<Integer> ids(int[] ids) {
        return Arrays.stream(ids).boxed().toList();
    }

    private static List<Integer> ids(String where, JsonNode vector, String key) {
        List<Integer> out = new ArrayList<>();
        if (!vector.path(key).isArray()) {
            throw new IllegalArgumentException(where + ": " + key + " is not a list");
        }
        for (JsonNode id : vector.get(key)) {
            if (!id.isIntegralNumber() || !id.canConvertToInt()) {
                throw new IllegalArgumentException(where + ": " + key + " has " + id + ", expected an id");
            }
            out.add(id.intValue());
        }
        return out;
    }
}
