package io.aegis.training.metrics;

import java.util.Objects;

/**
 * One presentation that somebody decided on in words.
 *
 * @param bonaFide what it is: true for bona fide, false for an attack
 * @param attack the attack type; empty for bona fide
 * @param domain the data set or camera that it comes from; may be empty
 * @param answer what was said
 */
public record Decision(boolean bonaFide, String attack, String domain, Answer answer) {
    /** What can be said. */
    public enum Answer {
        BONA_FIDE,
        ATTACK,
        /** Neither: a non-response of ISO/IEC 30107-3. */
        NONE
    }

    /** A blank attack type becomes {@link Sample#UNSPECIFIED}. */
    public Decision {
        Objects.requireNonNull(domain);
        Objects.requireNonNull(answer);
        attack = bonaFide ? "" : attack.isBlank() ? Sample.UNSPECIFIED : attack;
    }

    boolean isRight() {
        return answer == (bonaFide ? Answer.BONA_FIDE : Answer.ATTACK);
    }
}
