package io.aegis.training.quantization;

import io.aegis.image.Image;
import io.aegis.models.faceshield.Examination;
import io.aegis.models.faceshield.FaceShield;
import io.aegis.models.faceshield.FaceTask;
import io.aegis.models.llama.GenerationOptions;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * What a FaceShield says of some pictures, and what it expected at each place of it.
 *
 * @param questions asked of every picture
 * @param answers their tokens, picture by picture
 * @param expected as {@link Examination#expect} gives it, an answer each
 */
record SpokenAnswers(List<String> questions, List<int[]> answers, List<float[][]> expected) {
    private static final List<FaceTask> TASKS = List.of(FaceTask.COARSE, FaceTask.REASON);

    /** So that what is kept of a vocabulary of 128 thousand is a quarter of a gigabyte. */
    private static final int LONGEST = 48;

    static SpokenAnswers of(Path folder, List<Image> pictures) {
        try (FaceShield shield = FaceShield.load(folder)) {
            List<String> questions = TASKS.stream()
                    .map(shield.config().options().prompts()::question)
                    .toList();
            GenerationOptions options = shield.generation().withMaxNewTokens(LONGEST);
            List<int[]> answers = new ArrayList<>();
            List<float[][]> expected = new ArrayList<>();
            for (Image picture : pictures) {
                try (Examination examination = shield.examine(picture)) {
                    for (String question : questions) {
                        int[] answer = examination
                                .ask(question, options, text -> {}, () -> false)
                                .generation()
                                .tokens();
                        if (answer.length > 0) {
                            expected.add(examination.expect(question, answer));
                        }
                        answers.add(answer);
                    }
                }
            }
            return new SpokenAnswers(questions, answers, expected);
        }
    }

    /** What another model expects at the places of these answers. */
    List<float[][]> expectedBy(Path folder, List<Image> pictures) {
        List<float[][]> out = new ArrayList<>();
        try (FaceShield shield = FaceShield.load(folder)) {
            int next = 0;
            for (Image picture : pictures) {
                try (Examination examination = shield.examine(picture)) {
                    for (String question : questions) {
                        int[] answer = answers.get(next++);
                        if (answer.length > 0) {
                            out.add(examination.expect(question, answer));
                        }
                    }
                }
            }
        }
        return out;
    }
}
