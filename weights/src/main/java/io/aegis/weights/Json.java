package io.aegis.weights;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** JSON as these files want it: strict UTF-8, no key twice, nothing behind the end. */
final class Json {
    /** The longest name or text that a header may hold is the header itself. */
    private static final StreamReadConstraints LIMITS = StreamReadConstraints.builder()
            .maxNameLength(Safetensors.MAX_HEADER)
            .maxStringLength(Safetensors.MAX_HEADER)
            .build();

    /** Parser and generator settings; names come from strangers and are neither interned nor canonicalised. */
    static final JsonFactory FACTORY = JsonFactory.builder()
            .streamReadConstraints(LIMITS)
            .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
            .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .disable(JsonWriteFeature.WRITE_HEX_UPPER_CASE)
            .build();

    private static final JsonMapper MAPPER = JsonMapper.builder(FACTORY)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    private Json() {}

    /**
     * Reads a file that holds one JSON object.
     *
     * @throws WeightsException when it is missing, empty, or something else
     */
    static ObjectNode readObject(Path file) {
        MappedFile.checkReadable(file);
        try {
            byte[] bytes = Files.readAllBytes(file);
            if (bytes.length == 0) {
                throw WeightsException.of(file, "the file is empty");
            }
            JsonNode node = MAPPER.readTree(utf8(file, ByteBuffer.wrap(bytes)).toString());
            if (node instanceof ObjectNode object) {
                return object;
            }
            throw WeightsException.of(file, "expected a JSON object");
        } catch (JacksonException e) {
            throw invalid(file, "", e);
        } catch (IOException e) {
            throw new WeightsException(file + ": cannot be read: " + Reason.of(e), e);
        }
    }

    /** Decodes bytes that must be valid UTF-8. */
    static CharBuffer utf8(Path file, ByteBuffer bytes) {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(bytes);
        } catch (CharacterCodingException e) {
            throw new WeightsException(file + ": the text is not valid UTF-8", e);
        }
    }

    /** A parser's complaint as one sentence with line and column. */
    static WeightsException invalid(Path file, String where, JacksonException e) {
        JsonLocation at = e.getLocation();
        String position = at == null ? "" : " (line " + at.getLineNr() + ", column " + at.getColumnNr() + ")";
        // Of what was left open it also says where that began, in Jackson's words for a source that it must not show.
        String complaint = e.getOriginalMessage()
                .replaceAll("\\s*\\R\\s*", " ")
                .replaceAll("\\[Source: [^\\]]*; line: (\\d+), column: (\\d+)\\]", "line $1, column $2");
        return new WeightsException(file + ": " + where + "not valid JSON: " + complaint + position, e);
    }
}
