package io.aegis.training.synthetic;

import io.aegis.kernels.Philox;

/**
 * A stream of Philox numbers for one purpose of one picture. Each purpose has a stream of its own, so that a person looks
 * the same with and without an attack, and noise falls on the same pixels.
 */
final class Draws {
    /** What the numbers are for. */
    enum Site {
        PERSON,
        POSE,
        LIGHT,
        BACKDROP,
        SENSOR,
        NOISE_RGB,
        NOISE_DEPTH,
        NOISE_INFRARED,
        ATTACK,
        GRAIN,
        LAMP,
        POSTER
    }

    private final long seed;
    private final int site;
    private final int[] block = new int[4];
    private int next;

    Draws(long seed, Site site) {
        this.seed = seed;
        this.site = site.ordinal();
    }

    private int bits() {
        if ((next & 3) == 0) {
            block[0] = 0;
            block[1] = 0;
            block[2] = site;
            block[3] = next >>> 2;
            Philox.block(seed, block);
        }
        return block[next++ & 3];
    }

    /** Uniform in [0, 1). */
    float unit() {
        return Philox.toUnit(bits());
    }

    /** Uniform in [low, high). */
    float between(double low, double high) {
        return (float) (low + (high - low) * unit());
    }

    /** True with the given probability. */
    boolean chance(double probability) {
        return unit() < probability;
    }

    /**
     * Mean 0 and standard deviation 1, from the sum of four bytes: near enough to a normal distribution for noise and
     * shapes, bounded at 3.5, and free of functions that differ between machines.
     */
    float normal() {
        int b = bits();
        int sum = (b & 255) + (b >>> 8 & 255) + (b >>> 16 & 255) + (b >>> 24);
        return (sum - 510) * (1 / 147.8f);
    }
}
