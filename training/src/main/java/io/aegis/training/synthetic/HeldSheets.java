package io.aegis.training.synthetic;

import static io.aegis.training.synthetic.Curves.bump;
import static io.aegis.training.synthetic.Curves.mix;
import static io.aegis.training.synthetic.Curves.sine;

/** A photograph on paper or on a screen, held in the hand before the face, its borders in view. */
final class HeldSheets {
    private static final double[] SHEET_WIDE = {1.10, 1.45};
    private static final double[] SHEET_TALL = {1.30, 1.70};
    private static final double[] SCREEN_WIDE = {1.00, 1.30};
    private static final double[] SCREEN_TALL = {1.30, 1.75};
    private static final float SEEN_MOIRE = 0.08f;
    private static final float SEEN_GLARE = 0.12f;

    private HeldSheets() {}

    static void print(Presentation p, Draws d) {
        Picture photo = p.photograph(d);
        Prints print = Prints.draw(p, d);
        Board board = new Board(p, d, SHEET_WIDE, SHEET_TALL);
        float head = 1 / p.head.pixel;
        float margin = d.chance(0.75) ? head * d.between(0.06, 0.20) : 0;
        float bend = 0.25f * d.normal();
        float shine = d.between(0.0, 0.10);
        boolean folded = d.chance(0.3);
        float fold = d.between(-0.5, 0.5) * board.halfY;
        Surface s = p.surface;
        for (int i = 0; i < s.z.length; i++) {
            float x = board.x(i);
            float y = board.y(i);
            board.shadow(s, i, x, y, 0.22f * head, 0.45f);
            float cover = board.cover(x, y, 0, 0);
            if (cover > 0) {
                print.bare(s, i, cover);
                print.lay(s, i, board.cover(x, y, margin, 0), photo, board.column(x), board.row(y), x, y);
                if (folded) {
                    crease(s, i, cover, y - fold);
                }
                float u = x / board.halfX;
                s.solid(i, cover, board.height(x, y) + bend * u * u, shine);
                s.alter(i, cover);
            }
        }
        print.note(p);
        p.show(Sign.SHEET_BORDER, true);
        p.show(Sign.CREASE, folded);
        hold(p, board, d, 0.7);
    }

    private static void crease(Surface s, int i, float cover, float away) {
        float line = bump(away, 0, 1.6f, 1) - 0.7f * bump(away - 1.6f, 0, 1.6f, 1);
        float shade = 1 - 0.35f * cover * line;
        s.red[i] *= shade;
        s.green[i] *= shade;
        s.blue[i] *= shade;
    }

    static void replay(Presentation p, Draws d) {
        Picture photo = p.photograph(d);
        Board board = new Board(p, d, SCREEN_WIDE, SCREEN_TALL);
        Surface s = p.surface;
        float head = 1 / p.head.pixel;
        float bezel = head * d.between(0.05, 0.13);
        float corner = head * d.between(0.04, 0.16);
        float body = d.chance(0.75) ? d.between(0.006, 0.04) : d.between(0.35, 0.7);
        float backlight = d.between(0.85, 1.25);
        float cool = d.between(0, 0.16);
        float veil = d.between(0.012, 0.06);
        float moire = d.between(0.03, 0.20);
        float scale = s.size / 96f;
        float turnsX = d.between(0.06, 0.20) / scale * (d.chance(0.5) ? 1 : -1);
        float turnsY = d.between(-0.15, 0.15) / scale;
        float bent = d.between(-0.0012, 0.0012) / (scale * scale);
        float rows = d.between(0.02, 0.10);
        float rowTurns = d.between(0.27, 0.45) / scale;
        float glare = d.chance(0.5) ? d.between(0.08, 0.45) : 0;
        float glareX = d.between(-0.8, 0.8) * board.halfX;
        float glareY = d.between(-0.9, 0.4) * board.halfY;
        float lean = d.between(-0.8, 0.8);
        float glass = d.between(0.03, 0.08);
        for (int i = 0; i < s.z.length; i++) {
            float x = board.x(i);
            float y = board.y(i);
            board.shadow(s, i, x, y, 0.15f * head, 0.35f);
            float cover = board.cover(x, y, 0, corner);
            if (cover <= 0) {
                continue;
            }
            s.paint(i, cover, body, body, body * 1.05f, 0.1f);
            float lit = board.cover(x, y, bezel, 0.5f * corner);
            float phase = turnsX * x + turnsY * y + bent * x * y;
            float line = 1 + rows * sine(rowTurns * y);
            float column = board.column(x);
            float row = board.row(y);
            float r = photo.sample(photo.red, column, row) * beat(backlight, moire, phase, line) * (1 - cool) + veil;
            float g = photo.sample(photo.green, column, row) * beat(backlight, moire, phase + 0.22f, line) + veil;
            float b = photo.sample(photo.blue, column, row) * beat(backlight, moire, phase + 0.45f, line) * (1 + cool)
                    + veil;
            float across = (x - glareX + lean * (y - glareY)) / (0.30f * head);
            float lamp = glare * bump(across, 0, 1, 1) * bump(0, y - glareY, 1, 1.1f * head);
            s.paint(i, lit, mix(r, 1, lamp), mix(g, 1, lamp), mix(b, 1, lamp), glass + lamp);
            s.solid(i, cover, board.height(x, y), 0.03f);
            s.glow[i] = lit;
            s.alter(i, cover);
        }
        p.show(Sign.SCREEN_FRAME, true);
        p.show(Sign.MOIRE, moire > SEEN_MOIRE);
        p.show(Sign.GLARE, glare > SEEN_GLARE);
        hold(p, board, d, 0.7);
    }

    private static float beat(float backlight, float moire, float phase, float line) {
        return backlight * (1 + moire * sine(phase)) * line;
    }

    /** Fingers on the left, on the right or on both sides. */
    private static void hold(Presentation p, Board board, Draws d, double probability) {
        float head = 1 / p.head.pixel;
        float[] skin = p.head.person.skin();
        Surface s = p.surface;
        boolean any = false;
        for (int side = -1; side <= 1; side += 2) {
            boolean here = d.chance(probability);
            float at = d.between(0.1, 0.75) * board.halfY;
            float length = head * d.between(0.16, 0.30);
            float thick = head * d.between(0.055, 0.085);
            float gap = thick * d.between(2.1, 2.5);
            int count = d.chance(0.5) ? 1 : 3;
            if (!here) {
                continue;
            }
            any = true;
            for (int f = 0; f < count; f++) {
                for (int i = 0; i < s.z.length; i++) {
                    float cover = board.finger(board.x(i), board.y(i), side, at - f * gap, length, thick);
                    if (cover > 0) {
                        float away = (board.y(i) - at + f * gap) / thick;
                        float round = 1 - 0.35f * away * away;
                        s.paint(
                                i,
                                cover,
                                skin[0] * round,
                                skin[1] * round,
                                skin[2] * round,
                                p.head.person.skinInfrared());
                        s.solid(i, cover, board.height(board.x(i), board.y(i)) + 0.08f * round, p.head.person.gloss());
                        s.glow[i] *= 1 - cover;
                        s.alter(i, 0.3f);
                    }
                }
            }
        }
        p.show(Sign.FINGERS, any);
    }
}
