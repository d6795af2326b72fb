package io.aegis.training.faceshield;

import com.fasterxml.jackson.databind.JsonNode;
import io.aegis.image.Corners;
import io.aegis.training.data.Label;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads what entries of an instruction file say of their pictures. */
final class Truths {
    private static final Pattern BRACKETS = Pattern.compile("\\[([^\\[\\]]*)\\]");
    private static final Pattern NUMERIC = Pattern.compile("(?i).*(\\d|nan|inf).*");

    private Truths() {}

    /**
     * The truth of an entry; empty, and noted, when what it says cannot be used.
     *
     * @param id names the entry
     */
    static Optional<Truth> of(JsonNode entry, String id, Problems problems) {
        Optional<String> given = text(entry, "label");
        Optional<Label> label = given.flatMap(Label::parse);
        if (given.isPresent() && label.isEmpty()) {
            problems.add(Problem.MALFORMED_ENTRY, id + ": label '" + given.get() + "', expected " + Label.EXPECTED);
            return Optional.empty();
        }
        Optional<String> attack = text(entry, "attack")
                .filter(a -> !a.equalsIgnoreCase("none"))
                .filter(a -> Label.parse(a).filter(l -> l == Label.BONA_FIDE).isEmpty());
        if (attack.isPresent() && label.filter(l -> l == Label.BONA_FIDE).isPresent()) {
            problems.add(Problem.MALFORMED_ENTRY, id + ": attack '" + attack.get() + "' with a bona fide label");
            return Optional.empty();
        }
        JsonNode box = entry.path("box");
        Optional<Corners> corners = box(box);
        if (corners.isEmpty() && !box.isMissingNode() && !box.isNull()) {
            problems.add(Problem.BROKEN_BOX, id + ": box " + box + ", expected [x1, y1, x2, y2]");
            return Optional.empty();
        }
        Optional<Boolean> bonaFide = label.map(l -> l == Label.BONA_FIDE).or(() -> attack.map(_ -> false));
        return Optional.of(new Truth(
                bonaFide,
                attack,
                corners,
                text(entry, "task"),
                text(entry, "domain").orElse("")));
    }

    private static Optional<String> text(JsonNode entry, String key) {
        JsonNode value = entry.path(key);
        return value.isValueNode() && !value.isNull() && !value.asText().isBlank()
                ? Optional.of(value.asText().strip())
                : Optional.empty();
    }

    private static Optional<Corners> box(JsonNode value) {
        if (value.isTextual()) {
            return corners(value.asText().replaceAll("[\\[\\]]", " "));
        }
        List<String> numbers = new ArrayList<>();
        value.forEach(v -> numbers.add(v.asText()));
        return corners(String.join(" ", numbers));
    }

    /** Whether brackets with something like numbers in them hold no box. */
    static boolean hasBrokenBox(String answer) {
        Matcher m = BRACKETS.matcher(answer);
        while (m.find()) {
            if (NUMERIC.matcher(m.group(1)).matches() && corners(m.group(1)).isEmpty()) {
                return true;
            }
        }
        return false;
    }

    private static Optional<Corners> corners(String text) {
        String[] parts = text.strip().split("\\s*,\\s*|\\s+", -1);
        if (parts.length != 4) {
            return Optional.empty();
        }
        try {
            return Optional.of(new Corners(
                    Double.parseDouble(parts[0]),
                    Double.parseDouble(parts[1]),
                    Double.parseDouble(parts[2]),
                    Double.parseDouble(parts[3])));
        } catch (IllegalArgumentException _) {
            return Optional.empty();
        }
    }
}
