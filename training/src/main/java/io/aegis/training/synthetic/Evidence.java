package io.aegis.training.synthetic;

import java.util.Collections;
import java.util.EnumSet;
import java.util.Set;

/**
 * What was drawn that a colour picture shows: the ground of an explanation.
 *
 * @param signs what gives the attack away; empty for bona fide faces and for {@link Cues#SUBTLE}, where nothing is told
 * @param light where the light of the scene comes from
 */
public record Evidence(Set<Sign> signs, Side light) {
    public Evidence {
        EnumSet<Sign> copy = EnumSet.noneOf(Sign.class);
        copy.addAll(signs);
        signs = Collections.unmodifiableSet(copy);
    }

    /** Where light comes from, as the viewer sees it. */
    public enum Side {
        /** From the left of the picture. */
        LEFT,
        /** From the right of the picture. */
        RIGHT,
        /** From above. */
        ABOVE,
        /** From where the camera is, or from everywhere. */
        FRONT;

        /** The side of a lamp. */
        static Side of(Light light) {
            if (Math.abs(light.x()) > Math.max(0.28f, Math.abs(light.y()))) {
                return light.x() < 0 ? LEFT : RIGHT;
            }
            return light.y() < -0.28f ? ABOVE : FRONT;
        }
    }
}
