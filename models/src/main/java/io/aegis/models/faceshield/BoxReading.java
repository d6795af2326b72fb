package io.aegis.models.faceshield;

import io.aegis.image.Corners;

/** What became of the box in an answer. */
public sealed interface BoxReading {
    /**
     * A box that can be used.
     *
     * @param corners in pixels, inside the picture
     * @param repaired corners were exchanged
     * @param clipped it stuck out of the picture
     */
    record Found(Corners corners, boolean repaired, boolean clipped) implements BoxReading {}

    /**
     * A box that cannot.
     *
     * @param reason for a person
     */
    record Rejected(String reason) implements BoxReading {}

    /** The answer has none. */
    record Missing() implements BoxReading {}
}
