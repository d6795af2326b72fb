package io.aegis.training.synthetic;

import static io.aegis.training.synthetic.Curves.mix;

import io.aegis.image.Box;
import java.util.EnumSet;
import java.util.Set;

/**
 * A person before the camera, and what an attack does to the surface that the camera sees. The person is painted first;
 * each attack then alters the surface where it covers it and leaves the rest alone.
 */
final class Presentation {
    final Head head;
    final Surface surface;
    final Grain grain;
    final float edge;
    /** What a colour picture shows of the attack. */
    final Set<Sign> signs = EnumSet.noneOf(Sign.class);

    private final Cues cues;
    /** The head as the camera sees it, also when it is in a picture of a picture. */
    Box face;

    Presentation(long seed, Domain domain, int size, Cues cues) {
        this.cues = cues;
        head = new Head(Person.draw(new Draws(seed, Draws.Site.PERSON)), new Draws(seed, Draws.Site.POSE), size, cues);
        surface = new Surface(size);
        grain = new Grain(new Draws(seed, Draws.Site.GRAIN));
        edge = 0.6f * head.pixel;
        face = head.box();
        Backdrops.paint(domain.backdrop(), surface, new Draws(seed, Draws.Site.BACKDROP), grain);
        if (cues == Cues.PLAIN) {
            Backdrops.hang(surface, new Draws(seed, Draws.Site.POSTER));
        }
        Portrait.paint(head, surface, grain);
    }

    void attack(Attack attack, Draws d) {
        if (cues == Cues.PLAIN) {
            plainly(attack, d);
        } else {
            subtly(attack, d);
        }
    }

    private void plainly(Attack attack, Draws d) {
        switch (attack) {
            case BONA_FIDE -> {}
            case PRINT -> HeldSheets.print(this, d);
            case REPLAY -> HeldSheets.replay(this, d);
            case PAPER_MASK -> WornMasks.paper(this, d);
            case RIGID_MASK -> WornMasks.rigid(this, d);
            case FLEXIBLE_MASK -> WornMasks.flexible(this, d);
            case GLASSES -> WornPatches.glasses(this, d);
            case PARTIAL_EYE -> WornPatches.eyes(this, d);
            case PARTIAL_MOUTH -> WornPatches.mouth(this, d);
            case MAKEUP -> HeavyMakeUp.apply(this, d);
        }
    }

    /** Notes a sign if it is strong enough to be seen. */
    void show(Sign sign, boolean seen) {
        if (seen) {
            signs.add(sign);
        }
    }

    private void subtly(Attack attack, Draws d) {
        switch (attack) {
            case BONA_FIDE -> {}
            case PRINT -> Sheets.print(this, d);
            case REPLAY -> Sheets.replay(this, d);
            case PAPER_MASK -> Masks.paper(this, d);
            case RIGID_MASK -> Masks.rigid(this, d);
            case FLEXIBLE_MASK -> Masks.flexible(this, d);
            case GLASSES -> Patches.glasses(this, d);
            case PARTIAL_EYE -> Patches.eyes(this, d);
            case PARTIAL_MOUTH -> Patches.mouth(this, d);
            case MAKEUP -> MakeUp.apply(this, d);
        }
    }

    /** A photograph of the surface as it is now, taken earlier in some other light; what prints and screens show. */
    Picture photograph(Draws d) {
        return Light.towards(0.35f * d.normal(), -0.3f + 0.2f * d.normal(), d.between(0.45, 0.7))
                .shade(surface, Slopes.of(surface, head.pixel));
    }

    /**
     * What a printer puts on paper, and how the paper looks in infrared.
     *
     * @param lift light that the darkest ink returns
     * @param fade brightness of the paper
     * @param warm shift of white towards red
     * @param toner true for black that holds carbon
     * @param paper infrared reflectance of the bare paper
     * @param bright grey above which no black is used
     */
    record Ink(float lift, float fade, float warm, boolean toner, float paper, float bright) {
        static Ink draw(Draws d, double toner, Person person) {
            float[] skin = person.skin();
            float bright = 0.85f * (0.3f * skin[0] + 0.55f * skin[1] + 0.15f * skin[2]);
            return new Ink(
                    d.between(0.010, 0.036),
                    d.between(0.74, 0.92),
                    0.03f * d.normal(),
                    d.chance(toner),
                    person.skinInfrared() * d.between(0.86, 1.02),
                    bright);
        }

        /** Lays the photograph's colour at a place of the picture over pixel i, as print. */
        void lay(Surface s, int i, float cover, Picture photo, float column, float row) {
            float r = photo.sample(photo.red, column, row);
            float g = photo.sample(photo.green, column, row);
            float b = photo.sample(photo.blue, column, row);
            float grey = 0.3f * r + 0.55f * g + 0.15f * b;
            // dyes are clear in infrared; printers that have black, of carbon, mix it into what is darker than skin
            float shade = Math.min(1.05f, (float) Math.sqrt(grey / bright));
            float ir = toner ? paper * (0.1f + 0.9f * shade) : 1.25f * paper;
            s.paint(i, cover, tone(r, grey) * (1 + warm), tone(g, grey), tone(b, grey) * (1 - warm), ir);
        }

        private float tone(float v, float grey) {
            return lift + fade * mix(v, grey, 0.14f);
        }
    }
}
