package io.aegis.models.faceshield;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * What is asked, and the two answers by which a model is scored. The default questions are those printed in the paper's
 * figure 1.
 *
 * @param questions one a task
 * @param real how an answer begins that calls the face bona fide; the space is part of its first token
 * @param spoof how one begins that calls it an attack
 */
public record PromptSet(Map<FaceTask, String> questions, String real, String spoof) {
    /** As published. */
    public static final PromptSet DEFAULT = new PromptSet(
            Map.of(
                    FaceTask.COARSE, "Is the face in the image real or spoof ?",
                    FaceTask.FINE, "What Attack Type of the face in the image ?",
                    FaceTask.REASON, "Why the face in the image real or spoof ?",
                    FaceTask.LOCATE, "Can you locate the spoof area of the face in the image ?"),
            " The face in the image is a real",
            " The face in the image is a spoof");

    /**
     * Checks that there is a question for each task and that the answers differ.
     *
     * @throws IllegalArgumentException when one is missing or blank, or the answers are the same
     */
    public PromptSet {
        Objects.requireNonNull(real);
        Objects.requireNonNull(spoof);
        for (FaceTask task : FaceTask.values()) {
            String question = questions.get(task);
            if (question == null || question.isBlank()) {
                throw new IllegalArgumentException("there is no question for the task " + task.title());
            }
        }
        if (real.isBlank() || spoof.isBlank() || real.equals(spoof)) {
            throw new IllegalArgumentException(
                    "the answers '" + real + "' and '" + spoof + "' do not tell faces apart");
        }
        questions = Map.copyOf(new EnumMap<>(questions));
    }

    /** The question of a task. */
    public String question(FaceTask task) {
        return questions.get(task);
    }

    /** The answers that are scored: bona fide, attack. */
    public List<String> answers() {
        return List.of(real, spoof);
    }
}
