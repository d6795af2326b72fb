package io.aegis.training.synthetic.instruction;

import io.aegis.models.faceshield.FaceTask;
import io.aegis.models.faceshield.PromptSet;
import java.util.List;

/** The questions of each task: the published one, most often, and others that mean the same. */
final class Questions {
    private static final double PUBLISHED = 0.6;

    private Questions() {}

    static String of(FaceTask task, Picks picks) {
        return picks.chance(PUBLISHED) ? PromptSet.DEFAULT.question(task) : picks.of(others(task));
    }

    private static List<String> others(FaceTask task) {
        return switch (task) {
            case COARSE ->
                List.of(
                        "Is this face real or spoof ?",
                        "Is the face in the picture real or an attack ?",
                        "Is this a real face or a spoof ?");
            case FINE ->
                List.of(
                        "Which Attack Type is shown in the image ?",
                        "What is the Attack Type of this face ?",
                        "Which attack is presented by the face in the picture ?");
            case REASON ->
                List.of(
                        "Why is the face in the image real or spoof ?",
                        "Explain why this face is real or spoof .",
                        "What tells that the face in the picture is real or spoof ?");
            case LOCATE ->
                List.of(
                        "Where is the spoof area of the face in the image ?",
                        "Can you locate the attack on this face ?",
                        "Locate the spoof area in the picture .");
        };
    }
}
