package io.aegis.training.metrics;

import java.util.Objects;

/**
 * One scored presentation.
 *
 * @param id what names it to a person, such as the path of its RGB picture; may be empty
 * @param score the probability of bona fide, or any finite number that grows with it
 * @param bonaFide true for bona fide, false for an attack
 * @param attack the attack type (the presentation attack instrument species of ISO/IEC 30107-3); empty for bona fide
 * @param domain the data set or sensor it comes from; may be empty
 */
public record Sample(String id, double score, boolean bonaFide, String attack, String domain) {
    /** The attack type of an attack whose type nobody wrote down. */
    public static final String UNSPECIFIED = "unspecified";

    /**
     * Checks one sample.
     *
     * @throws IllegalArgumentException for a score that is NaN or infinite, an attack without a type, or bona fide with
     *     one
     */
    public Sample {
        Objects.requireNonNull(id, "id");
        Objects.requireNonNull(attack, "attack");
        Objects.requireNonNull(domain, "domain");
        if (!Double.isFinite(score)) {
            throw new IllegalArgumentException(
                    "score of " + (id.isEmpty() ? "a sample" : id) + " is " + score + "; a finite number is needed");
        }
        if (bonaFide != attack.isEmpty()) {
            throw new IllegalArgumentException(
                    bonaFide
                            ? id + " is bona fide but has attack type '" + attack + "'"
                            : id + " is an attack without a type; use '" + UNSPECIFIED + "' when it is not known");
        }
        score += 0.0; // -0.0 and 0.0 are one score
    }

    /** A bona fide presentation. */
    public static Sample bonaFide(String id, double score, String domain) {
        return new Sample(id, score, true, "", domain);
    }

    /** An attack presentation; a blank type becomes {@link #UNSPECIFIED}. */
    public static Sample attack(String id, double score, String type, String domain) {
        return new Sample(id, score, false, type.isBlank() ? UNSPECIFIED : type, domain);
    }
}
