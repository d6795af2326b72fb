package io.aegis.training.data;

import io.aegis.models.dadm.Modality;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;

/** Which cameras are to be taken as missing, as a person writes it: {@code depth,ir}. */
public final class MissingModalities {
    private static final List<String> NAMES = List.of("rgb", "depth", "ir");

    private MissingModalities() {}

    /**
     * Reads names separated by commas, in any case: rgb (or color), depth, ir (or infrared). An empty text and
     * {@code none} are no modality.
     *
     * @return a set that cannot be changed
     * @throws DataException for an unknown name, and when nothing would be left
     */
    public static Set<Modality> parse(String text) {
        Set<Modality> missing = EnumSet.noneOf(Modality.class);
        if (!text.isBlank() && !text.strip().equalsIgnoreCase("none")) {
            for (String name : text.split(",", -1)) {
                missing.add(modality(name.strip(), text));
            }
        }
        if (missing.size() == Modality.COUNT) {
            throw new DataException(
                    "missing modalities '" + text + "': all three are missing; at least one must be left");
        }
        return Collections.unmodifiableSet(missing);
    }

    /** The names as they are written: {@code depth, ir}. */
    public static String describe(Set<Modality> modalities) {
        return Arrays.stream(Modality.values())
                .filter(modalities::contains)
                .map(m -> NAMES.get(m.ordinal()))
                .collect(Collectors.joining(", "));
    }

    private static Modality modality(String name, String text) {
        return switch (name.toLowerCase(Locale.ROOT)) {
            case "rgb", "color", "colour" -> Modality.RGB;
            case "depth" -> Modality.DEPTH;
            case "ir", "infrared" -> Modality.INFRARED;
            default ->
                throw new DataException("missing modalities '" + text + "': '" + name
                        + "' is no modality; expected rgb, depth and ir, separated by commas"
                        + Suggestion.of(name, NAMES));
        };
    }
}
