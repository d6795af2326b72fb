package io.aegis.kernels;

/**
 * Counter-based random numbers: Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
 * The same four numbers come from the same seed and counter everywhere, in any order, on any device; there is no state.
 *
 * <p>The project's counters are (step, sample, site, element / 4), the key is the seed; element % 4 picks the word. Each
 * is cut to its low 32 bits.
 */
public final class Philox {
    private static final long M0 = 0xD2511F53L;
    private static final long M1 = 0xCD9E8D57L;
    private static final int W0 = 0x9E3779B9;
    private static final int W1 = 0xBB67AE85;
    private static final int ROUNDS = 10;

    private Philox() {}

    /** Ten rounds over the counter in {@code c} (four words), in place. */
    public static void block(long seed, int[] c) {
        int k0 = (int) seed;
        int k1 = (int) (seed >>> 32);
        int c0 = c[0];
        int c1 = c[1];
        int c2 = c[2];
        int c3 = c[3];
        for (int i = 0; i < ROUNDS; i++) {
            long p0 = M0 * (c0 & 0xffffffffL);
            long p1 = M1 * (c2 & 0xffffffffL);
            int n0 = (int) (p1 >>> 32) ^ c1 ^ k0;
            int n2 = (int) (p0 >>> 32) ^ c3 ^ k1;
            c1 = (int) p1;
            c3 = (int) p0;
            c0 = n0;
            c2 = n2;
            k0 += W0;
            k1 += W1;
        }
        c[0] = c0;
        c[1] = c1;
        c[2] = c2;
        c[3] = c3;
    }

    /** 32 random bits for one element. */
    public static int bits(long seed, long step, long sample, long site, long element) {
        int[] c = {(int) step, (int) sample, (int) site, (int) (element >>> 2)};
        block(seed, c);
        return c[(int) (element & 3)];
    }

    /** Uniform in [0, 1), 24 bits, exactly representable as a float. */
    public static float uniform(long seed, long step, long sample, long site, long element) {
        return toUnit(bits(seed, step, sample, site, element));
    }

    /** The upper 24 bits as a float in [0, 1). */
    public static float toUnit(int bits) {
        return (bits >>> 8) * 0x1p-24f;
    }

    /** Standard normal by Box and Muller, from the two elements 2e and 2e + 1 of a site. */
    public static double normal(long seed, long step, long sample, long site, long element) {
        double u = 1 - uniform(seed, step, sample, site, 2 * element);
        double v = uniform(seed, step, sample, site, 2 * element + 1);
        return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v);
    }
}
