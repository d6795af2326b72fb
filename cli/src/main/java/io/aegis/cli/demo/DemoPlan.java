package io.aegis.cli.demo;

import io.aegis.image.Augmentation;
import io.aegis.models.dadm.DadmConfig;
import io.aegis.models.dadm.Modality;
import io.aegis.training.Schedule;
import io.aegis.training.dadm.DadmTrainingOptions;
import io.aegis.training.data.Balance;
import io.aegis.training.metrics.ThresholdRule;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;

/**
 * How much the demo draws and trains.
 *
 * @param perDomain training faces of each domain
 * @param development development faces of each domain
 * @param test faces of the unseen domain
 * @param epochs of the model of all modalities
 * @param alone epochs of the model that sees colour only
 * @param talks faces of each of FaceShield's two exams
 */
record DemoPlan(int perDomain, int development, int test, int epochs, int alone, int talks) {
    /** 32 pixels in patches of 4: what tells attacks here is fine texture, and a patch must not average it away. */
    static final DadmConfig CONFIG = new DadmConfig(48, 4, 2, 8, 4, 96, 16, 8, 5);

    static final int PICTURE = 64;
    static final DemoPlan FULL = new DemoPlan(900, 100, 400, 3, 3, 90);
    static final DemoPlan QUICK = new DemoPlan(60, 40, 100, 1, 1, 4);

    /**
     * Small, since the angle loss outgrows the others in large ones; a multiple of the three domains, which share it evenly.
     */
    private static final int BATCH = 9;

    DadmTrainingOptions options(Path out, long seed, Set<Modality> modalities) {
        int own = modalities.size() == Modality.COUNT ? epochs : alone;
        return new DadmTrainingOptions(
                CONFIG,
                "intended",
                seed,
                new DadmTrainingOptions.Fit(own, BATCH, 1, 1e-3, new Schedule.Cosine(0.01), 20, 5e-5),
                new DadmTrainingOptions.Input(
                        Balance.DOMAIN_AND_LABEL, Augmentation.NONE, Optional.empty(), modalities),
                new ThresholdRule.EqualErrorRate(),
                Optional.empty(),
                new DadmTrainingOptions.Run(out, 0, 1));
    }
}
