package io.aegis.training.faceshield;

import io.aegis.training.data.DataException;
import java.util.List;
import java.util.Objects;

/**
 * What a run learns from and chooses by. The test set has no place here.
 *
 * @param train what the model learns from
 * @param development other pictures: the best state and the threshold come from them
 * @param problems what was left out of both, and is told at the end
 */
public record FaceShieldTrainingData(InstructionSet train, InstructionSet development, Problems problems) {
    public FaceShieldTrainingData {
        Objects.requireNonNull(problems);
        for (InstructionSet set : List.of(train, development)) {
            if (set.size() == 0) {
                throw new DataException("'" + set.name() + "' has no samples that can be used"
                        + (problems.isEmpty() ? "" : "; " + String.join("; ", problems.summary())));
            }
        }
    }

    /**
     * Holds out a share of the pictures for development (see {@link InstructionSet#heldOut}).
     *
     * @throws DataException also when they are too few to be divided
     */
    public static FaceShieldTrainingData heldOut(InstructionSet all, double share, long seed, Problems problems) {
        InstructionSet.HeldOut parts = all.heldOut(share, seed);
        return new FaceShieldTrainingData(parts.train(), parts.development(), problems);
    }

    /** Changes when what is learned or chosen by does. */
    String fingerprint() {
        return "train " + train.fingerprint() + "; development " + development.fingerprint();
    }
}
