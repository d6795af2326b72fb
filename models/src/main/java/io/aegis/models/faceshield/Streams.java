package io.aegis.models.faceshield;

/**
 * How the picture and its auxiliary picture become vision tokens.
 *
 * @param joined where they meet
 * @param projectors whether they share one
 * @param slots placeholders in the prompt: 1 for all tokens, 2 for one a stream
 */
public record Streams(Joined joined, Projectors projectors, int slots) {
    /** All tokens of both through one projector, in one place. */
    public static final Streams DEFAULT = new Streams(Joined.TOKENS, Projectors.SHARED, 1);

    /** Where the streams meet. */
    public enum Joined {
        /** 2n tokens, those of the picture first. */
        TOKENS,
        /** n tokens of twice the channels; a pretrained projector does not fit these. */
        CHANNELS
    }

    /** Who projects the auxiliary picture's tokens. */
    public enum Projectors {
        SHARED,
        /** One of its own, {@code proj_sav}. */
        OWN
    }

    /**
     * Checks that the choices fit each other.
     *
     * @throws IllegalArgumentException in the words of {@code config.json}
     */
    public Streams {
        if (slots != 1 && slots != 2) {
            throw new IllegalArgumentException("slots " + slots + " is neither 1 nor 2");
        }
        if (joined == Joined.CHANNELS && (projectors == Projectors.OWN || slots == 2)) {
            throw new IllegalArgumentException(
                    "streams \"channels\" have one projector and one slot: both pictures are in each token");
        }
    }

    /** How many streams of tokens there are. */
    int count() {
        return joined == Joined.TOKENS ? 2 : 1;
    }
}
