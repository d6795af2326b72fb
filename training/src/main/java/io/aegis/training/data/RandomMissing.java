package io.aegis.training.data;

import io.aegis.kernels.Philox;
import io.aegis.models.dadm.Modality;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Set;

/**
 * Modalities that go missing at random, as in the published flexible protocol (data sets {@code X}, {@code X_no_D},
 * {@code X_no_IR}, {@code X_no_D_IR}): for every sample, with a probability both depth and infrared; besides, each of
 * those named with the same probability on its own. RGB never goes missing. The published code uses 0.3 in training, drawn
 * anew each epoch, and 0.7 in tests.
 *
 * @param rate the probability
 * @param depth whether depth may go missing on its own
 * @param infrared whether infrared may
 */
public record RandomMissing(double rate, boolean depth, boolean infrared) {
    public static final double TRAINING_RATE = 0.3;
    public static final double TEST_RATE = 0.7;

    private static final long SITE = 4L << 20;

    public RandomMissing {
        if (!(rate >= 0 && rate <= 1)) {
            throw new DataException("rate of missing modalities " + rate + "; expected a probability from 0 to 1");
        }
    }

    /**
     * What is missing from one sample in one epoch; a function of its arguments alone.
     *
     * @param identity of the sample, {@link BatchPlan.Row#identity}
     */
    public Set<Modality> of(long seed, long epoch, long identity) {
        Set<Modality> missing = EnumSet.noneOf(Modality.class);
        boolean both = happens(seed, epoch, identity, 0);
        if (both || depth && happens(seed, epoch, identity, 1)) {
            missing.add(Modality.DEPTH);
        }
        if (both || infrared && happens(seed, epoch, identity, 2)) {
            missing.add(Modality.INFRARED);
        }
        return Collections.unmodifiableSet(missing);
    }

    private boolean happens(long seed, long epoch, long identity, int which) {
        return Philox.uniform(seed, epoch, identity, SITE, which) < rate;
    }
}
