package io.aegis.training.dadm;

import io.aegis.kernels.Philox;
import java.util.random.RandomGenerator;

/** The random numbers of one sample in one epoch, in a row: a counter behind {@link Philox}. Belongs to one thread. */
final class PhiloxRandom implements RandomGenerator {
    private final long seed;
    private final long epoch;
    private final long identity;
    private final long site;
    private long element;

    /** @param site what the numbers are for, so that two uses of one sample share none */
    PhiloxRandom(long seed, long epoch, long identity, long site) {
        this.seed = seed;
        this.epoch = epoch;
        this.identity = identity;
        this.site = site;
    }

    @Override
    public long nextLong() {
        long high = Philox.bits(seed, epoch, identity, site, element++);
        long low = Philox.bits(seed, epoch, identity, site, element++);
        return high << 32 | low & 0xffffffffL;
    }
}
