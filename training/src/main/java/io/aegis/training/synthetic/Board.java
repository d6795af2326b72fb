package io.aegis.training.synthetic;

import static io.aegis.training.synthetic.Curves.slab;

import io.aegis.image.Box;

/** Something flat and rectangular that is held before the face: where it lies, and where it shows what. */
final class Board {
    /** Half width in pixels. */
    final float halfX;
    /** Half height in pixels. */
    final float halfY;

    private final int size;
    private final float edge;
    private final float centreX;
    private final float centreY;
    private final float cos;
    private final float sin;
    private final float headX;
    private final float headY;
    private final float zoom;
    private final float liftY;
    private final float near;
    private final float tiltX;
    private final float tiltY;

    /**
     * @param wide least and greatest half width in half heads
     * @param tall least and greatest half height in half heads
     */
    Board(Presentation p, Draws d, double[] wide, double[] tall) {
        size = p.surface.size;
        float head = 1 / p.head.pixel;
        edge = 0.6f;
        headX = p.head.centreX;
        headY = p.head.centreY;
        centreX = headX + 0.08f * d.normal() * head;
        centreY = headY + 0.08f * d.normal() * head;
        halfX = head * d.between(wide[0], wide[1]);
        halfY = head * d.between(tall[0], tall[1]);
        zoom = d.between(0.80, 1.02);
        liftY = -0.10f * head * d.unit();
        float roll = 0.055f * d.normal();
        cos = 1 - roll * roll / 2;
        sin = roll;
        near = d.between(0.85, 1.15);
        tiltX = 0.12f * d.normal();
        tiltY = 0.12f * d.normal();
        p.face = shown(p.face);
    }

    private Box shown(Box box) {
        int left = Math.round(centreX + (box.x() - headX) * zoom);
        int top = Math.round(centreY + liftY + (box.y() - headY) * zoom);
        return new Box(
                left, top, Math.max(1, Math.round(box.width() * zoom)), Math.max(1, Math.round(box.height() * zoom)));
    }

    /** Place on the board in pixels, to the right from its middle. */
    float x(int i) {
        return cos * (i % size + 0.5f - centreX) + sin * (i / size + 0.5f - centreY);
    }

    /** Place on the board in pixels, downwards from its middle. */
    float y(int i) {
        return cos * (i / size + 0.5f - centreY) - sin * (i % size + 0.5f - centreX);
    }

    /** 1 on the part of the board that is at least {@code margin} pixels inside of its border, whose corners are round. */
    float cover(float x, float y, float margin, float corner) {
        float hx = halfX - margin;
        float hy = halfY - margin;
        float cx = Math.max(0, Math.abs(x) - (hx - corner));
        float cy = Math.max(0, Math.abs(y) - (hy - corner));
        float beyond = (float) Math.sqrt(cx * cx + cy * cy) - corner;
        return corner > 0 && cx > 0 && cy > 0 ? Curves.step(-edge, edge, -beyond) : slab(x, y, hx, hy, edge);
    }

    /** Height of the board at a place. */
    float height(float x, float y) {
        return near + (tiltX * x + tiltY * y) * 2 / size;
    }

    /** Column of the photograph that is shown at a place. */
    float column(float x) {
        return headX + x / zoom - 0.5f;
    }

    /** Row of the photograph that is shown at a place. */
    float row(float y) {
        return headY + (y - liftY) / zoom - 0.5f;
    }

    /** Darkens what lies behind, below and beside the board. */
    void shadow(Surface s, int i, float x, float y, float reach, float depth) {
        float dx = Math.max(0, Math.abs(x - 0.4f * reach) - halfX);
        float dy = Math.max(0, Math.abs(y - 0.6f * reach) - halfY);
        float away = (float) Math.sqrt(dx * dx + dy * dy) / reach;
        if (away < 1) {
            s.open[i] *= 1 - depth * (1 - away) * (1 - away);
            s.alter(i, 0.2f);
        }
    }

    /** A finger that comes in over the left or right border at a height. */
    float finger(float x, float y, int side, float at, float length, float thick) {
        float along = side * x - (halfX - 0.75f * length);
        float u = along / length;
        if (u < -0.4f) {
            return 0;
        }
        float tip = u < 0 ? (float) Math.sqrt(Math.max(0, 1 - u * u / 0.16f)) : 1;
        return Curves.step(-edge, edge, thick * tip - Math.abs(y - at)) * (u > 1.2f ? 0 : 1);
    }
}
