package io.aegis.image;

/** A rectangle of pixels: left edge, top edge, width and height. */
public record Box(int x, int y, int width, int height) {
    public Box {
        if (width < 1 || height < 1) {
            throw new ImageException(
                    "box " + x + "," + y + "," + width + "," + height + ": width and height must be at least 1");
        }
    }

    /** A box from {@code x,y,w,h}, {@code x;y;w;h} or {@code x y w h}, four whole numbers. */
    public static Box parse(String text) {
        String[] parts = text.strip().split("\\s*[,;]\\s*|\\s+", -1);
        if (parts.length == 4) {
            try {
                return new Box(number(parts[0]), number(parts[1]), number(parts[2]), number(parts[3]));
            } catch (NumberFormatException e) {
                throw expected(text, e);
            }
        }
        throw expected(text, null);
    }

    private static int number(String part) {
        return Integer.parseInt(part);
    }

    private static ImageException expected(String text, Throwable cause) {
        return new ImageException(
                "box '" + text + "': expected x,y,w,h, four whole numbers of pixels such as 40,30,200,240", cause);
    }

    /** Whether the pixel at this column and row lies in the box. */
    public boolean contains(int column, int row) {
        return column >= x && column - x < width && row >= y && row - y < height;
    }

    /** Fails, naming box and picture, unless all of the box lies in a picture of this size. */
    public void requireInside(int pictureWidth, int pictureHeight) {
        if (x < 0 || y < 0 || (long) x + width > pictureWidth || (long) y + height > pictureHeight) {
            throw new ImageException(
                    "box " + this + " does not lie inside the picture, which is " + pictureWidth + "x" + pictureHeight);
        }
    }

    /** The part of the box that lies in a picture of this size; fails, naming both, when there is none. */
    public Box clip(int pictureWidth, int pictureHeight) {
        long left = Math.max(x, 0);
        long top = Math.max(y, 0);
        long right = Math.min((long) x + width, pictureWidth);
        long bottom = Math.min((long) y + height, pictureHeight);
        if (left >= right || top >= bottom) {
            throw new ImageException(
                    "box " + this + " lies wholly outside the picture, which is " + pictureWidth + "x" + pictureHeight);
        }
        return new Box((int) left, (int) top, (int) (right - left), (int) (bottom - top));
    }

    /** The form that {@link #parse} reads. */
    @Override
    public String toString() {
        return x + "," + y + "," + width + "," + height;
    }
}
