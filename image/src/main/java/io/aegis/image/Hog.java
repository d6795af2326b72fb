package io.aegis.image;

/**
 * Histograms of oriented gradients as scikit-image computes and draws them (Dalal and Triggs, CVPR 2005, with hard votes):
 * central differences, zero in the first and last row or column; each pixel votes with its gradient's length for one of
 * {@code orientations} bins of 0..180 degrees of its cell.
 *
 * @param orientations bins of a histogram
 * @param cell side of a cell in pixels, at least 2
 * @param block side of a normalised block in cells
 */
public record Hog(int orientations, int cell, int block) {
    /** Nine orientations, cells of 8 pixels, blocks of 2 cells: the published preprocessing. */
    public static final Hog PUBLISHED = new Hog(9, 8, 2);

    private static final double EPSILON = 1e-5;
    private static final double CEILING = 0.2;

    public Hog {
        if (orientations < 1 || cell < 2 || block < 1) {
            throw new ImageException("HOG with " + orientations + " orientations, cells of " + cell
                    + " pixels and blocks of " + block + " cells: expected at least 1, 2 and 1");
        }
    }

    /**
     * The histograms, [rows of cells, columns of cells, orientations]: the mean vote of a cell's pixels. Pixels right of and
     * below the last whole cell are left out. Sums are kept in float32, in row-major order, as the original does.
     */
    public double[] histograms(Image gray) {
        byte[] p = Descriptors.gray(gray);
        int w = gray.width();
        int h = gray.height();
        int rows = h / cell;
        int columns = w / cell;
        float[] sums = new float[rows * columns * orientations];
        double width = 180.0 / orientations;
        for (int y = 0; y < rows * cell; y++) {
            for (int x = 0; x < columns * cell; x++) {
                double dy = y == 0 || y == h - 1 ? 0 : (p[(y + 1) * w + x] & 0xff) - (p[(y - 1) * w + x] & 0xff);
                double dx = x == 0 || x == w - 1 ? 0 : (p[y * w + x + 1] & 0xff) - (p[y * w + x - 1] & 0xff);
                int bin = bin(dy, dx, width);
                int at = (y / cell * columns + x / cell) * orientations + bin;
                sums[at] = (float) (sums[at] + Math.sqrt(dx * dx + dy * dy));
            }
        }
        double[] histograms = new double[sums.length];
        for (int i = 0; i < sums.length; i++) {
            histograms[i] = sums[i] / (float) (cell * cell);
        }
        return histograms;
    }

    private int bin(double dy, double dx, double width) {
        double angle = Math.atan2(dy, dx) * (180 / Math.PI);
        // The sign of a direction does not matter; 180 degrees is 0.
        angle = angle < 0 ? angle + 180 : angle;
        angle = angle >= 180 ? angle - 180 : angle;
        int bin = Math.min((int) (angle / width), orientations - 1);
        // The division may round across a bin's edge; the edges themselves decide.
        if (angle >= width * (bin + 1) && bin + 1 < orientations) {
            return bin + 1;
        }
        return angle < width * bin ? bin - 1 : bin;
    }

    /**
     * The descriptor: blocks from the top-left, each moved by one cell, L2-Hys normalised (to length 1, cut at 0.2, to length
     * 1); [block rows, block columns, block, block, orientations], flattened.
     */
    public double[] descriptor(Image gray) {
        int rows = gray.height() / cell;
        int columns = gray.width() / cell;
        int blockRows = rows - block + 1;
        int blockColumns = columns - block + 1;
        if (blockRows < 1 || blockColumns < 1) {
            throw new ImageException("HOG needs at least " + block * cell + "x" + block * cell
                    + " pixels, the picture is " + gray.width() + "x" + gray.height());
        }
        double[] histograms = histograms(gray);
        int line = block * orientations;
        double[] out = new double[blockRows * blockColumns * block * line];
        for (int r = 0; r < blockRows; r++) {
            for (int c = 0; c < blockColumns; c++) {
                int to = (r * blockColumns + c) * block * line;
                for (int i = 0; i < block; i++) {
                    System.arraycopy(histograms, ((r + i) * columns + c) * orientations, out, to + i * line, line);
                }
                normalise(out, to, block * line);
            }
        }
        return out;
    }

    private static void normalise(double[] v, int from, int n) {
        double norm = norm(v, from, n);
        for (int i = from; i < from + n; i++) {
            v[i] = Math.min(v[i] / norm, CEILING);
        }
        norm = norm(v, from, n);
        for (int i = from; i < from + n; i++) {
            v[i] /= norm;
        }
    }

    private static double norm(double[] v, int from, int n) {
        double sum = 0;
        for (int i = from; i < from + n; i++) {
            sum += v[i] * v[i];
        }
        return Math.sqrt(sum + EPSILON * EPSILON);
    }

    /**
     * The picture of the histograms, [height, width], not normalised: through each cell's middle a line for each bin, across
     * the gradient, as bright as the bin; where lines cross they add up.
     */
    public double[] picture(Image gray) {
        double[] histograms = histograms(gray);
        int w = gray.width();
        int rows = gray.height() / cell;
        int columns = w / cell;
        int[][] lines = new int[orientations][];
        for (int o = 0; o < orientations; o++) {
            lines[o] = line(o);
        }
        double[] out = new double[w * gray.height()];
        for (int r = 0; r < rows; r++) {
            for (int c = 0; c < columns; c++) {
                for (int o = 0; o < orientations; o++) {
                    double v = histograms[(r * columns + c) * orientations + o];
                    for (int i = 0; i < lines[o].length; i += 2) {
                        out[(r * cell + lines[o][i]) * w + c * cell + lines[o][i + 1]] += v;
                    }
                }
            }
        }
        return out;
    }

    /** {@link #picture} cut to whole numbers of 0..255: what the published preprocessing stores. */
    public Image image(Image gray) {
        return Descriptors.truncated(picture(gray), gray.width(), gray.height());
    }

    /** Row, column, row, column, ... of a bin's line within a cell. */
    private int[] line(int orientation) {
        int radius = cell / 2 - 1;
        double middle = Math.PI * (orientation + 0.5) / orientations;
        double dr = radius * Math.sin(middle);
        double dc = radius * Math.cos(middle);
        int centre = cell / 2;
        return Bresenham.line((int) (centre - dc), (int) (centre + dr), (int) (centre + dc), (int) (centre - dr));
    }
}
