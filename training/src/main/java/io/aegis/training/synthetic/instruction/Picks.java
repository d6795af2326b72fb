package io.aegis.training.synthetic.instruction;

import io.aegis.kernels.Philox;
import java.util.List;

/** A stream of random choices for one picture. */
final class Picks {
    private static final long SITE = 0x3a2b;

    private final long seed;
    private final long sample;
    private long next;

    Picks(long seed, long sample) {
        this.seed = seed;
        this.sample = sample;
    }

    /** Uniform in [0, 1). */
    float unit() {
        return Philox.uniform(seed, 0, sample, SITE, next++);
    }

    boolean chance(double probability) {
        return unit() < probability;
    }

    /** One of them, all alike. */
    String of(List<String> values) {
        return values.get((int) (unit() * values.size()));
    }

    /** One of them, all alike. */
    String of(String... values) {
        return of(List.of(values));
    }

    /** A number from 0 on, with the given weights. */
    int weighted(double... weights) {
        double sum = 0;
        for (double w : weights) {
            sum += w;
        }
        double left = unit() * sum;
        for (int i = 0; i < weights.length; i++) {
            left -= weights[i];
            if (left < 0) {
                return i;
            }
        }
        return weights.length - 1;
    }
}
