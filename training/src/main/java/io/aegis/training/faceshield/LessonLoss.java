package io.aegis.training.faceshield;

import io.aegis.layers.Pass;
import io.aegis.layers.Probe;
import io.aegis.models.faceshield.Draw;
import io.aegis.models.faceshield.FaceShieldNetwork;
import io.aegis.models.faceshield.MaskingMode;
import io.aegis.models.faceshield.Sequence;
import io.aegis.models.faceshield.VisionTokens;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;

/**
 * The loss of a lesson, recorded by the current tape.
 *
 * @param masking of vision tokens
 * @param seed of all randomness
 * @param checkpointed blocks of the language model, the first ones, that are computed again going backward
 * @param probe see {@link FaceShieldNetwork#loss}
 */
record LessonLoss(FaceShieldNetwork network, Eyes eyes, MaskingMode masking, long seed, int checkpointed, Probe probe)
        implements FaceShieldStep.Objective {
    @Override
    public Tensor loss(Lesson lesson, long update) {
        long number = lesson.source().number();
        Pass pass = Pass.training(seed, update, Tensor.of(new long[] {number}, 1));
        return network.loss(
                sequence(lesson, new Draw(seed, update, number)), lesson.targets(), pass, checkpointed, probe);
    }

    /** What the picture became on its way into the prompt goes, where no tape needs it. */
    private Sequence sequence(Lesson lesson, Draw draw) {
        try (Scope scope = Scope.open()) {
            VisionTokens vision =
                    network.vision(eyes.features(lesson.source().picture()), lesson.question(), masking, draw);
            Sequence sequence = network.sequence(lesson.prompt(), vision);
            scope.keep(sequence.rows());
            return sequence;
        }
    }
}
