package io.aegis.training.faceshield;

import io.aegis.models.faceshield.FaceShieldConfig;
import io.aegis.models.faceshield.FaceShieldNetwork;
import io.aegis.training.TrainingException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.ToIntFunction;

/**
 * How long lessons are at the most.
 *
 * @param positions of prompt, picture and answer together
 * @param answer tokens that are learned
 * @param question tokens of the question alone
 */
record LessonSize(int positions, int answer, int question) {
    /**
     * What the limits allow: all text but one token may be the answer.
     *
     * @throws TrainingException when not even a picture has room
     */
    static LessonSize allowed(FaceShieldConfig config, FaceShieldTrainingOptions.Limits limits) {
        int longest = limits.length() == 0 ? config.longest() : Math.min(config.longest(), limits.length());
        int text = longest - config.visionTokens();
        if (text < 2) {
            throw new TrainingException("sequences of " + longest + " positions have no room for text beside the "
                    + config.visionTokens() + " tokens of a picture");
        }
        return new LessonSize(longest, text - 1, text - 1);
    }

    /** Of lessons as they are. */
    static LessonSize of(List<Lesson> lessons, FaceShieldConfig config) {
        int slots = config.options().streams().slots();
        return new LessonSize(
                config.visionTokens() - slots + most(lessons, l -> l.ids().length),
                most(lessons, Lesson::tokens),
                most(lessons, l -> l.question().length));
    }

    private static int most(List<Lesson> lessons, ToIntFunction<Lesson> what) {
        return lessons.stream().mapToInt(what).max().orElse(0);
    }

    /** A lesson of this size about nothing. */
    Lesson lesson(FaceShieldConfig config) {
        int slots = config.options().streams().slots();
        long[] ids = new long[positions - config.visionTokens() + slots];
        Arrays.fill(ids, 0, slots, FaceShieldNetwork.PICTURE);
        Instruction source = new Instruction("", 0, "", Path.of(""), "", "", Truth.NONE);
        return new Lesson(source, ids, new long[question], ids.length - answer);
    }
}
