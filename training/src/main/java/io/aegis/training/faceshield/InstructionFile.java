package io.aegis.training.faceshield;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.training.data.DataException;
import io.aegis.training.data.TextFile;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Instruction data as LLaVA has them: a JSON list, or one object a line, of {@code {id, image, conversations: [{from: human,
 * value}, {from: gpt, value}, ...]}}, where values of {@code human} hold {@code <image>} where the picture goes. For
 * evaluation an entry may carry {@code label} (bonafide or attack, and what else {@link Truths} knows), {@code attack},
 * {@code box} ({@code [x1, y1, x2, y2]} in pixels), {@code task} and {@code domain}. Each question of a conversation becomes
 * a sample of its own, since tokens are chosen for one question.
 *
 * <p>A sample that cannot be used is left out and noted; only a file that is no such list at all is refused.
 */
public final class InstructionFile {
    private static final String PLACEHOLDER = "<image>";
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path file;
    private final Path images;
    private final Problems problems;
    private final List<Instruction> samples = new ArrayList<>();
    private final Map<Path, Boolean> readable = new HashMap<>();
    private long number;

    private InstructionFile(Path file, Path images, Problems problems) {
        this.file = file;
        this.images = images;
        this.problems = problems;
    }

    /**
     * Reads a file and looks for every picture that it names; nothing is decoded.
     *
     * @param images the folder that pictures are named in
     * @param problems takes note of what is left out
     * @throws DataException when the file is missing or no such list, or the folder is none
     */
    public static InstructionSet read(Path file, Path images, Problems problems) {
        if (!Files.isDirectory(images)) {
            throw new DataException(
                    images + ": is no folder; expected the one that the pictures of " + file + " are in");
        }
        InstructionFile reader = new InstructionFile(file, images, problems);
        String text = TextFile.read(file);
        if (text.stripLeading().startsWith("[")) {
            reader.list(text);
        } else {
            reader.lines(text);
        }
        return new InstructionSet(file.getFileName().toString().replaceFirst("\\.[^.]*$", ""), reader.samples);
    }

    private void list(String text) {
        try {
            int place = 0;
            for (JsonNode entry : JSON.readTree(text)) {
                entry(entry, "entry " + ++place);
            }
        } catch (JacksonException e) {
            throw new DataException(
                    file + ", line " + e.getLocation().getLineNr() + ": not valid JSON (" + e.getOriginalMessage()
                            + "); expected a list of {id, image, conversations}",
                    e);
        }
    }

    private void lines(String text) {
        int line = 0;
        int objects = 0;
        for (String each : text.lines().toList()) {
            line++;
            if (each.isBlank()) {
                continue;
            }
            try {
                JsonNode node = JSON.readTree(each);
                objects += node instanceof ObjectNode ? 1 : 0;
                entry(node, "line " + line);
            } catch (JacksonException e) {
                problems.add(Problem.MALFORMED_ENTRY, "line " + line + ": not valid JSON");
            }
        }
        if (objects == 0) {
            throw new DataException(
                    file + ": holds no JSON objects; expected a list of {id, image, conversations}, or one a line");
        }
    }

    private void entry(JsonNode entry, String place) {
        String id = entry.path("id").isValueNode() && !entry.path("id").isNull()
                ? entry.path("id").asText()
                : place;
        JsonNode turns = entry.path("conversations");
        if (!turns.isArray() || turns.isEmpty()) {
            problems.add(Problem.MALFORMED_ENTRY, id + ": no list of conversations");
            number++;
            return;
        }
        long first = number;
        number += Math.max(1, (turns.size() + 1) / 2);
        String image = entry.path("image").asText("");
        if (image.isBlank()) {
            problems.add(Problem.MISSING_PICTURE, id + ": no image is named");
            return;
        }
        Path picture = picture(image);
        if (picture == null) {
            problems.add(Problem.MISSING_PICTURE, id + ": " + image);
            return;
        }
        Optional<Truth> truth = Truths.of(entry, id, problems);
        if (truth.isPresent() && rolesAreKnown(turns, id)) {
            pairs(turns, id, first, new Instruction(id, first, image, picture, "", "", truth.get()));
        }
    }

    /** The path, or null where there is no file. */
    private Path picture(String image) {
        try {
            Path path = images.resolve(image);
            return readable.computeIfAbsent(path, p -> Files.isReadable(p) && !Files.isDirectory(p)) ? path : null;
        } catch (InvalidPathException _) {
            return null;
        }
    }

    private boolean rolesAreKnown(JsonNode turns, String id) {
        for (JsonNode turn : turns) {
            String from = turn.path("from").asText("none");
            if (!isHuman(turn) && !from.equals("gpt") && !from.equals("assistant")) {
                problems.add(Problem.UNKNOWN_ROLE, id + ": from " + from + ", expected human or gpt");
                return false;
            }
            if (!turn.path("value").isTextual()) {
                problems.add(Problem.MALFORMED_ENTRY, id + ": a turn without text as its value");
                return false;
            }
        }
        return true;
    }

    private static boolean isHuman(JsonNode turn) {
        String from = turn.path("from").asText();
        return from.equals("human") || from.equals("user");
    }

    private void pairs(JsonNode turns, String id, long first, Instruction like) {
        for (int i = 0; i < turns.size(); i += 2) {
            String name = i == 0 ? id : id + "#" + (i / 2 + 1);
            if (i + 1 == turns.size() || !isHuman(turns.get(i)) || isHuman(turns.get(i + 1))) {
                problems.add(Problem.UNPAIRED_TURN, name + ": expected human and gpt in turn");
                return;
            }
            String question =
                    turns.get(i).path("value").asText().replace(PLACEHOLDER, "").strip();
            String answer = turns.get(i + 1).path("value").asText().strip();
            if (answer.isEmpty()) {
                problems.add(Problem.EMPTY_ANSWER, name);
            } else if (answer.contains(PLACEHOLDER)) {
                problems.add(Problem.MALFORMED_ENTRY, name + ": " + PLACEHOLDER + " in an answer");
            } else if (Truths.hasBrokenBox(answer)) {
                problems.add(Problem.BROKEN_BOX, name + ": " + answer);
            } else {
                samples.add(new Instruction(
                        name, first + i / 2, like.image(), like.picture(), question, answer, like.truth()));
            }
        }
    }
}
