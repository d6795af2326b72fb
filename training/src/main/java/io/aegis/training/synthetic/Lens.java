package io.aegis.training.synthetic;

/** The outline of one lens of glasses, around an eye at the origin. */
final class Lens {
    private static final float HALF_WIDTH = 0.215f;
    private static final float HALF_HEIGHT = 0.155f;

    private Lens() {}

    /** 1 on the rim, whose half width is {@code thick}. */
    static float frame(float x, float y, float thick, float pixel) {
        float half = Math.max(thick, 0.45f * pixel);
        float out = Curves.disc(x, y, HALF_WIDTH + half, HALF_HEIGHT + half, 0.5f * pixel);
        float in = Curves.disc(x, y, HALF_WIDTH - half, HALF_HEIGHT - half, 0.5f * pixel);
        return Math.min(1, Math.max(0, out - in));
    }

    /** 1 inside the rim. */
    static float inside(float x, float y, float edge) {
        return Curves.disc(x, y, HALF_WIDTH, HALF_HEIGHT, edge);
    }
}
