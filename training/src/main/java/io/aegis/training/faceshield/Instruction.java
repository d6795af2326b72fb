package io.aegis.training.faceshield;

import java.nio.file.Path;
import java.util.Objects;

/**
 * One question about one picture, with its answer.
 *
 * @param id the entry's, with {@code #2} and so on for the later questions of a conversation
 * @param number place among all questions of its file, those that are left out counted as well; randomness follows it
 * @param image the picture as the file names it
 * @param picture the same as a path
 * @param question without the placeholder of the picture; may be empty where only a caption is learned
 * @param answer the reference
 * @param truth what else is known
 */
public record Instruction(
        String id, long number, String image, Path picture, String question, String answer, Truth truth) {
    public Instruction {
        Objects.requireNonNull(id);
        Objects.requireNonNull(image);
        Objects.requireNonNull(picture);
        Objects.requireNonNull(question);
        Objects.requireNonNull(answer);
        Objects.requireNonNull(truth);
    }

    /** For messages: the entry and its picture. */
    public String describe() {
        return id + ", " + image;
    }
}
