package io.aegis.training.data;

/**
 * A region of the RGB picture, in its own pixels.
 *
 * @param x left edge, from 0
 * @param y upper edge, from 0
 * @param width at least 1
 * @param height at least 1
 */
public record Box(int x, int y, int width, int height) {
    private static final String EXPECTED = "expected four whole numbers x, y, width, height, such as 40;32;120;150";

    public Box {
        if (x < 0 || y < 0 || width < 1 || height < 1) {
            throw new DataException("a box at " + x + "," + y + " of " + width + " by " + height
                    + " is none; x and y are at least 0, width and height at least 1");
        }
    }

    /**
     * Reads {@code x,y,w,h}, {@code x;y;w;h} or {@code x y w h}.
     *
     * @throws DataException when it is neither
     */
    public static Box parse(String text) {
        String[] numbers = text.strip().split("\\s*[,;]\\s*|\\s+", -1);
        if (numbers.length != 4) {
            throw new DataException("'" + text + "' is no box; " + EXPECTED);
        }
        try {
            return new Box(
                    Integer.parseInt(numbers[0]),
                    Integer.parseInt(numbers[1]),
                    Integer.parseInt(numbers[2]),
                    Integer.parseInt(numbers[3]));
        } catch (NumberFormatException e) {
            throw new DataException("'" + text + "' is no box; " + EXPECTED, e);
        }
    }
}
