package io.aegis.models.faceshield;

/**
 * A rectangle in a picture, in pixels from its left and top edge.
 *
 * @param left smallest x
 * @param top smallest y
 * @param right greatest x, not less than left
 * @param bottom greatest y, not less than top
 */
public record Region(double left, double top, double right, double bottom) {
    /**
     * Checks order.
     *
     * @throws IllegalArgumentException when an edge is not finite, or edges are exchanged
     */
    public Region {
        if (!(left <= right && top <= bottom && Double.isFinite(right - left) && Double.isFinite(bottom - top))) {
            throw new IllegalArgumentException(
                    "no rectangle goes from (" + left + ", " + top + ") to (" + right + ", " + bottom + ")");
        }
    }

    public double area() {
        return (right - left) * (bottom - top);
    }

    /** Intersection over union, in [0, 1]; 0 where both are empty. */
    public double iou(Region other) {
        double width = Math.min(right, other.right) - Math.max(left, other.left);
        double height = Math.min(bottom, other.bottom) - Math.max(top, other.top);
        double common = Math.max(0, width) * Math.max(0, height);
        double union = area() + other.area() - common;
        return union > 0 ? common / union : 0;
    }
}
