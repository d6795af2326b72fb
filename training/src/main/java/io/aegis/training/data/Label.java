package io.aegis.training.data;

import java.util.Locale;
import java.util.Optional;

/** What is in front of the camera. The numbers are those of the published lists and of the model's two outputs. */
public enum Label {
    ATTACK,
    BONA_FIDE;

    public static final String EXPECTED = "bonafide, live, real or 1, or attack, spoof, fake or 0";

    /** 1 for bona fide, 0 for an attack. */
    public int number() {
        return ordinal();
    }

    /** What a person wrote, in any case, with or without blanks, hyphens and underscores. */
    public static Optional<Label> parse(String text) {
        return switch (text.toLowerCase(Locale.ROOT).replaceAll("[ _-]", "")) {
            case "bonafide", "live", "real", "1" -> Optional.of(BONA_FIDE);
            case "attack", "spoof", "fake", "0" -> Optional.of(ATTACK);
            default -> Optional.empty();
        };
    }
}
