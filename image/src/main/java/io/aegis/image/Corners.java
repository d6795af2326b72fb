package io.aegis.image;

/**
 * A rectangle by its corners, in any unit.
 *
 * @param x1 left edge
 * @param y1 top edge
 * @param x2 right edge, right of x1
 * @param y2 bottom edge, below y1
 */
public record Corners(double x1, double y1, double x2, double y2) {
    /**
     * Checks the corners.
     *
     * @throws IllegalArgumentException unless all are finite and the area is above zero
     */
    public Corners {
        if (!(Double.isFinite(x1)
                && Double.isFinite(y1)
                && x2 < Double.POSITIVE_INFINITY
                && y2 < Double.POSITIVE_INFINITY
                && x1 < x2
                && y1 < y2)) {
            throw new IllegalArgumentException("box [" + x1 + " " + y1 + " " + x2 + " " + y2
                    + "]; expected finite x1 y1 x2 y2 with x1 < x2 and y1 < y2");
        }
    }

    public double area() {
        return (x2 - x1) * (y2 - y1);
    }

    /** Intersection over union, in [0, 1]; edges have no width, so nothing is added to differences. */
    public double iou(Corners other) {
        double width = Math.min(x2, other.x2) - Math.max(x1, other.x1);
        double height = Math.min(y2, other.y2) - Math.max(y1, other.y1);
        double both = Math.max(0, width) * Math.max(0, height);
        return both / (area() + other.area() - both);
    }
}
