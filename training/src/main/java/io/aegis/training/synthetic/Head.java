package io.aegis.training.synthetic;

import io.aegis.image.Box;

/**
 * A person's head placed in a picture: for every pixel, where it falls on the head. Lengths are in half heights of the
 * head, x to the right, y down, z towards the camera.
 */
final class Head {
    /** Depth of the skull from ear to forehead. */
    static final float DEEP = 0.75f;

    final Person person;
    final int size;
    /** Head lengths a pixel. */
    final float pixel;
    /** Place over the outline, which does not move when the head turns a little. */
    final float[] x;

    final float[] y;
    /** Place on the face, which moves with what stands out of the outline's plane. */
    final float[] faceX;

    final float[] faceY;
    /** Squared distance from the middle of the face; 1 at its outline. */
    final float[] radius;
    /** Height of the smooth skull; 0 outside. */
    final float[] skull;

    /** Column of the middle of the head. */
    final float centreX;
    /** Row of the middle of the head. */
    final float centreY;

    private final float cos;
    private final float sin;

    Head(Person person, Draws d, int size, Cues cues) {
        this.person = person;
        this.size = size;
        float scale = d.between(cues.smallest(), cues.largest()) * size / 2;
        pixel = 1 / scale;
        centreX = size / 2f * (1 + (float) cues.wander() * d.normal());
        centreY = size / 2f * ((float) cues.middle() + (float) cues.wander() * d.normal());
        float roll = 0.06f * d.normal();
        cos = 1 - roll * roll / 2;
        sin = roll;
        float yaw = 0.13f * d.normal();
        float pitch = 0.08f * d.normal();
        int n = size * size;
        x = new float[n];
        y = new float[n];
        faceX = new float[n];
        faceY = new float[n];
        radius = new float[n];
        skull = new float[n];
        for (int row = 0, i = 0; row < size; row++) {
            for (int column = 0; column < size; column++, i++) {
                float u = (column + 0.5f - centreX) * pixel;
                float v = (row + 0.5f - centreY) * pixel;
                float hx = cos * u + sin * v;
                float hy = cos * v - sin * u;
                float down = Math.max(0, hy);
                float w = person.width() * (1 - person.jaw() * down * down);
                float r2 = hx * hx / (w * w) + hy * hy;
                float z = r2 >= 1 ? 0 : DEEP * (float) Math.sqrt(1 - r2 * (0.45f + 0.55f * r2));
                x[i] = hx;
                y[i] = hy;
                radius[i] = r2;
                skull[i] = z;
                faceX[i] = hx - yaw * z;
                faceY[i] = hy - pitch * z;
            }
        }
    }

    /** The smallest box in the picture around the head from crown to chin, ears included. */
    Box box() {
        int left = size;
        int right = -1;
        int top = size;
        int bottom = -1;
        float halfWidth = person.width() + 0.08f;
        for (int i = 0; i < x.length; i++) {
            float u = x[i] / halfWidth;
            if (u * u + y[i] * y[i] <= 1) {
                left = Math.min(left, i % size);
                right = Math.max(right, i % size);
                top = Math.min(top, i / size);
                bottom = Math.max(bottom, i / size);
            }
        }
        return new Box(left, top, right - left + 1, bottom - top + 1);
    }
}
