package io.aegis.training.synthetic;

/**
 * A rectangle of pixels.
 *
 * @param x column of the leftmost pixel, from 0
 * @param y row of the topmost pixel, from 0
 * @param width columns, at least 1
 * @param height rows, at least 1
 */
public record Box(int x, int y, int width, int height) {
    /** @throws IllegalArgumentException for a corner below zero or an empty box */
    public Box {
        if (x < 0 || y < 0 || width < 1 || height < 1) {
            throw new IllegalArgumentException(
                    "a box needs a corner at or above 0 and a width and height of at least 1," + " given x " + x
                            + ", y " + y + ", width " + width + ", height " + height);
        }
    }

    /** Whether the pixel at the given column and row lies in the box. */
    public boolean contains(int column, int row) {
        return column >= x && column < x + width && row >= y && row < y + height;
    }
}
