package io.aegis.training.synthetic;

import static io.aegis.training.synthetic.Curves.bump;
import static io.aegis.training.synthetic.Curves.sine;
import static io.aegis.training.synthetic.Curves.slab;

import io.aegis.image.Box;

/** Flat attacks: the whole face on a sheet of paper or on a screen. */
final class Sheets {
    private Sheets() {}

    static void print(Presentation p, Draws d) {
        Picture photo = p.photograph(d);
        Presentation.Ink ink = Presentation.Ink.draw(d, 0.85, p.head.person);
        Frame frame = new Frame(d, p);
        float bend = 0.16f * d.normal();
        float shine = d.between(0.0, 0.06);
        Surface s = p.surface;
        for (int i = 0; i < s.z.length; i++) {
            float cover = frame.cover(i);
            if (cover > 0) {
                float u = frame.u(i);
                ink.lay(s, i, cover, photo, frame.column(i), frame.row(i));
                s.solid(i, cover, frame.height(i) + bend * u * u, shine);
                s.alter(i, cover);
            }
        }
    }

    static void replay(Presentation p, Draws d) {
        Picture photo = p.photograph(d);
        Frame frame = new Frame(d, p);
        float backlight = d.between(0.85, 1.08);
        float cool = d.between(0, 0.08);
        float veil = d.between(0.012, 0.04);
        float moire = d.between(0.01, 0.08);
        float turnsX = d.between(3, 11);
        float turnsY = d.between(-5, 5);
        float glareX = d.between(-0.9, 0.9);
        float glareY = d.between(-0.9, 0.9);
        float glare = d.chance(0.4) ? d.between(0.05, 0.3) : 0;
        float glass = d.between(0.03, 0.08);
        Surface s = p.surface;
        for (int i = 0; i < s.z.length; i++) {
            float cover = frame.cover(i);
            if (cover > 0) {
                float u = frame.u(i);
                float v = frame.v(i);
                float beat = backlight * (1 + moire * sine(turnsX * u + turnsY * v + 0.2f * u * v));
                float column = frame.column(i);
                float row = frame.row(i);
                float r = photo.sample(photo.red, column, row) * beat * (1 - cool) + veil;
                float g = photo.sample(photo.green, column, row) * beat + veil;
                float b = photo.sample(photo.blue, column, row) * beat * (1 + cool) + veil;
                float lamp = glare * bump(u - glareX, v - glareY, 0.3f, 0.3f);
                s.paint(i, cover, r, g, b, glass + lamp);
                s.solid(i, cover, frame.height(i), 0.02f + 0.5f * lamp);
                s.glow[i] = cover;
                s.alter(i, cover);
            }
        }
    }

    /** Where the sheet lies: in the place of the face, a little tilted, mostly filling the picture. */
    private static final class Frame {
        /** How far the sheet runs when its edges are outside the picture. */
        private static final float BEYOND = 1.2f;

        private final int size;
        private final float zoom;
        private final float shiftX;
        private final float shiftY;
        private final float halfX;
        private final float halfY;
        private final float tiltX;
        private final float tiltY;
        private final float near;

        Frame(Draws d, Presentation p) {
            size = p.surface.size;
            zoom = d.between(0.92, 1.08);
            shiftX = 0.03f * d.normal();
            shiftY = 0.03f * d.normal();
            boolean edges = d.chance(0.25);
            halfX = edges ? d.between(0.86, 1.0) : BEYOND;
            halfY = edges ? d.between(0.88, 1.0) : BEYOND;
            tiltX = 0.16f * d.normal();
            tiltY = 0.16f * d.normal();
            near = d.between(0.35, 0.75);
            p.face = shown(p.face);
        }

        /** Where the sheet shows what was in a box of the photograph. */
        private Box shown(Box box) {
            int left = pixel(box.x(), shiftX);
            int top = pixel(box.y(), shiftY);
            int right = pixel(box.x() + box.width(), shiftX);
            int bottom = pixel(box.y() + box.height(), shiftY);
            return new Box(left, top, Math.max(1, right - left), Math.max(1, bottom - top));
        }

        private int pixel(int border, float shift) {
            float u = (2f * border / size - 1) * zoom + shift;
            return Math.clamp(Math.round((u + 1) * size / 2), 0, size);
        }

        float u(int i) {
            return 2 * (i % size + 0.5f) / size - 1;
        }

        float v(int i) {
            return 2 * (i / size + 0.5f) / size - 1;
        }

        float cover(int i) {
            return slab(u(i) - shiftX, v(i) - shiftY, halfX, halfY, 1.2f / size);
        }

        float height(int i) {
            return near + tiltX * u(i) + tiltY * v(i);
        }

        float column(int i) {
            return ((u(i) - shiftX) / zoom + 1) * size / 2 - 0.5f;
        }

        float row(int i) {
            return ((v(i) - shiftY) / zoom + 1) * size / 2 - 0.5f;
        }
    }
}
