package io.aegis.training.faceshield;

/** Why a sample of an instruction file is left out. */
public enum Problem {
    MALFORMED_ENTRY("malformed entry"),
    UNKNOWN_ROLE("unknown role"),
    UNPAIRED_TURN("turn without its counterpart"),
    EMPTY_QUESTION("empty question"),
    EMPTY_ANSWER("empty answer"),
    BROKEN_BOX("broken box"),
    MISSING_PICTURE("missing picture"),
    UNREADABLE_PICTURE("unreadable picture"),
    TRUNCATED("longer than the model's length"),
    LABEL_MISMATCH("answer's tokens not told apart from the prompt's");

    private final String title;

    Problem(String title) {
        this.title = title;
    }

    @Override
    public String toString() {
        return title;
    }
}
