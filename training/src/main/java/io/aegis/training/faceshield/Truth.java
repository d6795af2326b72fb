package io.aegis.training.faceshield;

import io.aegis.image.Corners;
import java.util.Optional;

/**
 * What is known of a picture besides the reference answers.
 *
 * @param bonaFide true for bona fide, false for an attack
 * @param attack the type of attack, as the file names it; empty for bona fide
 * @param box where the attack is, in pixels of the picture
 * @param task what the question is about, as the file names it
 * @param domain the data set or camera that the picture comes from, or else the first folder of its name; may be empty
 */
public record Truth(
        Optional<Boolean> bonaFide,
        Optional<String> attack,
        Optional<Corners> box,
        Optional<String> task,
        String domain) {
    /** Nothing is known. */
    public static final Truth NONE =
            new Truth(Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty(), "");
}
