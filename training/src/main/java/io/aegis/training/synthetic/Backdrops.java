package io.aegis.training.synthetic;

import static io.aegis.training.synthetic.Curves.bump;
import static io.aegis.training.synthetic.Curves.sine;
import static io.aegis.training.synthetic.Curves.slab;

/** Paints what is behind the person. */
final class Backdrops {
    private Backdrops() {}

    static void paint(Domain.Backdrop kind, Surface s, Draws d, Grain grain) {
        float tone = d.between(0.6, 1.3);
        float warm = d.between(-0.12, 0.12);
        float shiftX = d.between(-1, 1);
        float shiftY = d.between(-1, 1);
        float ir = d.between(0.25, 0.6);
        float far = d.between(-2.6, -1.8);
        int size = s.size;
        for (int i = 0; i < s.z.length; i++) {
            float x = 2f * (i % size) / size - 1;
            float y = 2f * (i / size) / size - 1;
            float v;
            float blue = 1 - warm;
            float z = far;
            float r = ir;
            switch (kind) {
                case SHELVES -> {
                    float board = slab(0, y * 2.2f + shiftY - (float) Math.round(y * 2.2f + shiftY), 1, 0.06f, 0.04f);
                    float book = 0.5f
                            + 0.5f
                                    * grain.at((float) Math.floor(7 * (x + shiftX)), (float)
                                            Math.round(y * 2.2f + shiftY));
                    v = board > 0.5f ? 0.35f : 0.10f + 0.30f * book;
                    blue *= 0.9f + 0.4f * grain.at((float) Math.floor(7 * (x + shiftX)) + 9, 3);
                    r *= 0.6f + 0.7f * book;
                    z += 0.12f * board;
                }
                case WINDOW -> {
                    float pane = slab(x - 0.6f - 0.4f * shiftX, y + 0.1f, 0.55f, 0.8f, 0.05f);
                    v = 0.22f + 0.05f * grain.at(2 * x, 2 * y) + 0.75f * pane;
                    blue *= 1 + 0.25f * pane;
                    r = 0.35f + 0.3f * pane;
                    z -= 0.8f * pane;
                }
                case CURTAIN -> {
                    float fold = sine(2.2f * x + shiftX + 0.1f * grain.at(3 * x, y));
                    v = 0.22f + 0.07f * fold + 0.02f * grain.at(12 * x, 12 * y);
                    r *= 1 + 0.2f * fold;
                    z += 0.06f * fold;
                }
                default -> {
                    float lamp =
                            bump(x - shiftX, y - 0.6f * shiftY, 0.3f, 0.3f) + bump(x + shiftY, y + 0.7f, 0.2f, 0.2f);
                    v = 0.045f + 0.02f * grain.at(3 * x, 3 * y) + 0.5f * lamp;
                    blue *= 1 - 0.4f * lamp;
                    r *= 0.8f;
                    z -= 0.2f;
                }
            }
            v *= tone;
            s.paint(i, 1, v * (1 + warm), v, v * blue, r);
            s.z[i] = z;
            s.open[i] = 1;
            s.behind[i] = 1;
        }
    }

    /** Sometimes hangs a picture or a screen on the wall, so that a frame alone tells nothing. */
    static void hang(Surface s, Draws d) {
        boolean there = d.chance(0.35);
        float x0 = (d.chance(0.5) ? 1 : -1) * d.between(0.35, 0.85);
        float y0 = d.between(-0.9, 0.2);
        float halfX = d.between(0.15, 0.42);
        float halfY = d.between(0.15, 0.5);
        float border = d.between(0.02, 0.06);
        float rim = d.between(0.01, 0.7);
        float[] tone = {d.between(0.03, 0.6), d.between(0.03, 0.6), d.between(0.03, 0.6)};
        float shade = d.between(-0.5, 0.5);
        if (!there) {
            return;
        }
        float edge = 1.2f / s.size;
        for (int i = 0; i < s.z.length; i++) {
            float x = 2f * (i % s.size) / s.size - 1 - x0;
            float y = 2f * (i / s.size) / s.size - 1 - y0;
            s.paint(i, slab(x, y, halfX, halfY, edge), rim, rim, rim, 0.3f);
            float light = 1 + shade * y / halfY;
            s.paint(
                    i,
                    slab(x, y, halfX - border, halfY - border, edge),
                    tone[0] * light,
                    tone[1] * light,
                    tone[2] * light,
                    0.3f);
        }
    }
}
