package io.aegis.cli.verify;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.aegis.weights.WeightsException;
import java.io.IOException;
import java.nio.file.Path;

/** Reads a small JSON file, and says where it is none. */
final class JsonFile {
    private JsonFile() {}

    /**
     * The object in a file.
     *
     * @throws WeightsException when the file holds no JSON object
     */
    static JsonNode object(Path file) throws IOException {
        try {
            JsonNode root = new ObjectMapper().readTree(file.toFile());
            if (!root.isObject()) {
                throw WeightsException.of(file, "holds no JSON object");
            }
            return root;
        } catch (JsonProcessingException e) {
            throw new WeightsException(
                    file + ": line "
                            + (e.getLocation() == null ? 1 : e.getLocation().getLineNr()) + " is not JSON: "
                            + e.getOriginalMessage(),
                    e);
        }
    }
}
