package io.aegis.training.synthetic;

/** Value noise: random numbers on a lattice, smoothly joined. Used for pores, hair, cloth and walls. */
final class Grain {
    private static final int SIDE = 32;
    private final float[] lattice = new float[SIDE * SIDE];

    Grain(Draws draws) {
        for (int i = 0; i < lattice.length; i++) {
            lattice[i] = 2 * draws.unit() - 1;
        }
    }

    /** Between -1 and 1; one lattice cell is one unit of x and y, and the lattice repeats after 32. */
    float at(float x, float y) {
        float fx = (float) Math.floor(x);
        float fy = (float) Math.floor(y);
        int x0 = (int) fx & SIDE - 1;
        int y0 = ((int) fy & SIDE - 1) * SIDE;
        int x1 = x0 + 1 & SIDE - 1;
        int y1 = y0 + SIDE & SIDE * SIDE - 1;
        float tx = x - fx;
        float ty = y - fy;
        tx = tx * tx * (3 - 2 * tx);
        ty = ty * ty * (3 - 2 * ty);
        return Curves.mix(
                Curves.mix(lattice[y0 + x0], lattice[y0 + x1], tx),
                Curves.mix(lattice[y1 + x0], lattice[y1 + x1], tx),
                ty);
    }
}
