package io.aegis.training.synthetic;

import io.aegis.image.Box;

/**
 * Draws faces. The picture depends on the seed, the attack, the domain and the size alone, to the last bit, on any
 * machine and thread. With one seed, another attack shows the same person in the same place and light, with the same
 * sensor noise; outside the attacked box nothing differs.
 */
public final class SyntheticFaces {
    /** The size that the project's own experiments use. */
    public static final int DEFAULT_SIZE = 64;

    /** A shadow alters a pixel as well; what is covered more than this is the attack itself. */
    private static final float COVERED = 0.5f;

    private static final int SMALLEST = 16;
    private static final int LARGEST = 4096;

    private final int size;
    private final Cues cues;

    /** Faces of {@link #DEFAULT_SIZE}. */
    public SyntheticFaces() {
        this(DEFAULT_SIZE);
    }

    /**
     * @param size width and height of the pictures in pixels, 16 to 4096
     * @throws IllegalArgumentException for another size
     */
    public SyntheticFaces(int size) {
        this(size, Cues.SUBTLE);
    }

    /**
     * @param size width and height of the pictures in pixels, 16 to 4096
     * @param cues how much a colour picture gives away
     * @throws IllegalArgumentException for another size
     */
    public SyntheticFaces(int size, Cues cues) {
        if (size < SMALLEST || size > LARGEST) {
            throw new IllegalArgumentException(
                    "synthetic faces are " + SMALLEST + " to " + LARGEST + " pixels wide, given " + size);
        }
        this.size = size;
        this.cues = cues;
    }

    /** Draws one sample. */
    public SyntheticFace draw(long seed, Attack attack, Domain domain) {
        Presentation p = new Presentation(seed, domain, size, cues);
        p.attack(attack, new Draws(seed, Draws.Site.ATTACK));
        Surface s = p.surface;
        Slopes slopes = Slopes.of(s, p.head.pixel);
        Light light = Light.in(domain.colour(), new Draws(seed, Draws.Site.LIGHT));
        Sensors sensors = new Sensors(domain, seed, size, cues);
        return new SyntheticFace(
                sensors.colour(s, light, slopes),
                sensors.depth(s, slopes),
                sensors.infrared(s, slopes),
                attack,
                domain,
                p.face,
                box(s, 0, sensors.spread()),
                box(s, COVERED, 0),
                new Evidence(p.signs, Evidence.Side.of(light)),
                seed);
    }

    /** The box around what an attack altered more than {@code least}, widened; null if nothing was. */
    private Box box(Surface s, float least, int spread) {
        int left = size;
        int right = -1;
        int top = size;
        int bottom = -1;
        for (int i = 0; i < s.altered.length; i++) {
            if (s.altered[i] > least) {
                left = Math.min(left, i % size);
                right = Math.max(right, i % size);
                top = Math.min(top, i / size);
                bottom = Math.max(bottom, i / size);
            }
        }
        if (right < 0) {
            return null;
        }
        left = Math.max(0, left - spread);
        top = Math.max(0, top - spread);
        right = Math.min(size - 1, right + spread);
        bottom = Math.min(size - 1, bottom + spread);
        return new Box(left, top, right - left + 1, bottom - top + 1);
    }
}
