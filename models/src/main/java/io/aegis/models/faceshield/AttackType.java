package io.aegis.models.faceshield;

import java.util.regex.Pattern;

/**
 * The twelve classes of FaceShield's data, bona fide among them, each with the words by which an answer means it. Matching
 * is by whole words in lower case.
 */
public enum AttackType {
    BONA_FIDE("Bonafide", "bona[ -]?fide|real|live"),
    FAKE_HEAD("Fakehead", "fake ?head|mannequin"),
    PRINT("Print", "print(?:ed)?(?: photo)?|photo attack"),
    GLASSES("Glasses", "(?:paper |funny )?glasses"),
    REPLAY("Replay", "replay|screen|video"),
    PAPER_MASK("Paper mask", "paper mask"),
    FLEXIBLE_MASK("Flexible mask", "flexible mask|flexible|silicone"),
    RIGID_MASK("Rigid mask", "rigid mask|rigid|resin|plastic"),
    PARTIAL_EYE("Partial Eye", "partial eye"),
    PARTIAL_MOUTH("Partial Mouth", "partial mouth"),
    MAKEUP("Makeup", "make-?up|cosmetic|impersonation"),
    TATTOO("Tattoo", "tattoo");

    private final String title;
    private final Pattern words;

    AttackType(String title, String words) {
        this.title = title;
        this.words = Pattern.compile("\\b(?:" + words + ")s?\\b");
    }

    /** The class as the data name it, such as {@code Paper mask}. */
    public String title() {
        return title;
    }

    public boolean isBonaFide() {
        return this == BONA_FIDE;
    }

    /** Finds the words that mean it. */
    Pattern words() {
        return words;
    }
}
