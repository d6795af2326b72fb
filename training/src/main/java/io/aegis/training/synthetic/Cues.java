package io.aegis.training.synthetic;

/**
 * How much of an attack a colour picture gives away. The attacks are the same; what differs is how they are presented.
 */
public enum Cues {
    /**
     * The head fills the picture and attacks are made with care: a colour camera sees next to nothing of most of them, so
     * that depth and infrared are needed. The pictures of the multi-modal experiments.
     */
    SUBTLE(0.70, 0.76, 0.022, 0.91, 1),
    /**
     * A looser frame, a sharper camera and everyday attacks, for a system that has a colour camera alone: sheets and screens
     * are held in the hand with their borders in view, masks have rims and holes, patches have cut edges. How strong each
     * {@link Sign} is varies from hardly to plainly visible, and the living have glasses, cosmetics and frames on the wall
     * behind them.
     */
    PLAIN(0.56, 0.68, 0.05, 0.97, 0.35);

    private final double smallest;
    private final double largest;
    private final double wander;
    private final double middle;
    private final double softness;

    Cues(double smallest, double largest, double wander, double middle, double softness) {
        this.smallest = smallest;
        this.largest = largest;
        this.wander = wander;
        this.middle = middle;
        this.softness = softness;
    }

    /** The least height of a head, as a share of the picture's. */
    double smallest() {
        return smallest;
    }

    /** The greatest height of a head, as a share of the picture's. */
    double largest() {
        return largest;
    }

    /** Standard deviation of the head's place, in half pictures. */
    double wander() {
        return wander;
    }

    /** Mean height of the middle of the head, in half pictures from the top. */
    double middle() {
        return middle;
    }

    /** The colour camera's blur, as a share of the domain's. */
    double softness() {
        return softness;
    }
}
