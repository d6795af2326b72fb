package io.aegis.training.synthetic;

import io.aegis.image.Box;
import java.util.ArrayList;
import java.util.List;
import java.util.function.DoubleConsumer;

/**
 * A small honest classifier: linear discriminant analysis over the ten classes on pooled brightness, edges and fine
 * texture. What it finds is what a picture plainly shows.
 */
final class LinearJudge {
    /** The pictures that a judge may look at. */
    record Sight(boolean rgb, boolean depth, boolean infrared) {}

    private static final double RIDGE = 0.005;
    private static final int CLASSES = Attack.values().length;

    private final Sight sight;
    private final double[] mean;
    private final double[] scale;
    private final double[][] weights = new double[CLASSES][];
    private final double[] bias = new double[CLASSES];

    private LinearJudge(Sight sight, double[] mean, double[] scale) {
        this.sight = sight;
        this.mean = mean;
        this.scale = scale;
    }

    static LinearJudge train(Sight sight, List<SyntheticFace> faces) {
        List<double[]> rows = new ArrayList<>();
        for (SyntheticFace face : faces) {
            rows.add(features(sight, face));
        }
        int n = rows.size();
        int d = rows.getFirst().length;
        double[] mean = new double[d];
        double[] scale = new double[d];
        for (double[] row : rows) {
            for (int j = 0; j < d; j++) {
                mean[j] += row[j] / n;
            }
        }
        for (double[] row : rows) {
            for (int j = 0; j < d; j++) {
                scale[j] += (row[j] - mean[j]) * (row[j] - mean[j]) / n;
            }
        }
        for (int j = 0; j < d; j++) {
            scale[j] = 1 / Math.sqrt(scale[j] + 1e-6);
        }
        LinearJudge judge = new LinearJudge(sight, mean, scale);
        double[][] centre = new double[CLASSES][d];
        int[] count = new int[CLASSES];
        for (int i = 0; i < n; i++) {
            judge.standardise(rows.get(i));
            int k = faces.get(i).attack().ordinal();
            count[k]++;
            for (int j = 0; j < d; j++) {
                centre[k][j] += rows.get(i)[j];
            }
        }
        for (int k = 0; k < CLASSES; k++) {
            for (int j = 0; j < d; j++) {
                centre[k][j] /= count[k];
            }
        }
        double[][] within = new double[d][d];
        for (int i = 0; i < n; i++) {
            double[] c = centre[faces.get(i).attack().ordinal()];
            double[] r = rows.get(i);
            for (int j = 0; j < d; j++) {
                r[j] -= c[j];
            }
            for (int j = 0; j < d; j++) {
                double rj = r[j] / n;
                double[] target = within[j];
                for (int l = 0; l <= j; l++) {
                    target[l] += rj * r[l];
                }
            }
        }
        for (int j = 0; j < d; j++) {
            within[j][j] += RIDGE;
        }
        cholesky(within);
        for (int k = 0; k < CLASSES; k++) {
            judge.weights[k] = solve(within, centre[k]);
            double quadratic = 0;
            for (int j = 0; j < d; j++) {
                quadratic += judge.weights[k][j] * centre[k][j];
            }
            judge.bias[k] = -0.5 * quadratic + Math.log(count[k] / (double) n);
        }
        return judge;
    }

    /** The logarithm of the odds that a face is bona fide. */
    double score(SyntheticFace face) {
        double[] x = features(sight, face);
        standardise(x);
        double[] z = bias.clone();
        double top = Double.NEGATIVE_INFINITY;
        for (int k = 0; k < CLASSES; k++) {
            for (int j = 0; j < x.length; j++) {
                z[k] += weights[k][j] * x[j];
            }
            top = k == 0 ? top : Math.max(top, z[k]);
        }
        double sum = 0;
        for (int k = 1; k < CLASSES; k++) {
            sum += Math.exp(z[k] - top);
        }
        return z[0] - top - Math.log(sum);
    }

    private void standardise(double[] x) {
        for (int j = 0; j < x.length; j++) {
            x[j] = (x[j] - mean[j]) * scale[j];
        }
    }

    private static double[] features(Sight sight, SyntheticFace f) {
        List<Double> out = new ArrayList<>();
        int n = f.size();
        Box box = f.face();
        if (sight.rgb) {
            byte[] c = f.rgb();
            plane(out, box, n, i -> Math.log(24 + value(c, 3 * i) + value(c, 3 * i + 1) + value(c, 3 * i + 2)));
            pool(out, box, n, 4, i -> Math.log((8 + value(c, 3 * i)) / (8 + value(c, 3 * i + 1))));
            pool(out, box, n, 4, i -> Math.log((8 + value(c, 3 * i + 2)) / (8 + value(c, 3 * i + 1))));
        }
        if (sight.depth) {
            plane(out, box, n, i -> value(f.depth(), i) / 64);
        }
        if (sight.infrared) {
            plane(out, box, n, i -> Math.log(8 + value(f.infrared(), i)));
        }
        return out.stream().mapToDouble(Double::doubleValue).toArray();
    }

    private interface Pixel {
        double at(int i);
    }

    private static double value(byte[] plane, int i) {
        return plane[i] & 255;
    }

    private static void plane(List<Double> out, Box box, int n, Pixel p) {
        double[] v = new double[n * n];
        double mean = 0;
        for (int i = 0; i < v.length; i++) {
            v[i] = p.at(i);
            mean += v[i] / v.length;
        }
        double middle = mean;
        pool(out, box, n, 8, i -> v[i] - middle);
        logPool(out, box, n, 8, i -> {
            int right = (i + 1) % n == 0 ? i : i + 1;
            int down = i + n >= v.length ? i : i + n;
            return Math.abs(v[right] - v[i]) + Math.abs(v[down] - v[i]);
        });
        logPool(
                out,
                box,
                n,
                4,
                i -> i < n || i + n >= v.length || i % n == 0 || i % n == n - 1
                        ? 0
                        : Math.abs(4 * v[i] - v[i - 1] - v[i + 1] - v[i - n] - v[i + n]));
    }

    private static void pool(List<Double> out, Box box, int n, int cells, Pixel p) {
        each(box, n, cells, p, out::add);
    }

    private static void logPool(List<Double> out, Box box, int n, int cells, Pixel p) {
        List<Double> own = new ArrayList<>();
        each(box, n, cells, p, mean -> own.add(Math.log(mean + 0.01)));
        double middle = own.stream().mapToDouble(Double::doubleValue).average().orElseThrow();
        own.forEach(v -> out.add(v - middle));
    }

    /** Means over a grid of cells on the face and a little around it. */
    private static void each(Box box, int n, int cells, Pixel p, DoubleConsumer out) {
        double left = box.x() - 0.12 * box.width();
        double top = box.y() - 0.05 * box.height();
        double wide = 1.24 * box.width() / cells;
        double high = 1.24 * box.height() / cells;
        for (int cy = 0; cy < cells; cy++) {
            for (int cx = 0; cx < cells; cx++) {
                double sum = 0;
                int count = 0;
                int y0 = within(top + cy * high, n);
                int x0 = within(left + cx * wide, n);
                int y1 = Math.max(y0 + 1, within(top + (cy + 1) * high, n));
                int x1 = Math.max(x0 + 1, within(left + (cx + 1) * wide, n));
                for (int y = y0; y < y1; y++) {
                    for (int x = x0; x < x1; x++) {
                        sum += p.at(y * n + x);
                        count++;
                    }
                }
                out.accept(sum / count);
            }
        }
    }

    private static int within(double v, int n) {
        return Math.clamp(Math.round(v), 0, n - 1);
    }

    private static void cholesky(double[][] a) {
        for (int j = 0; j < a.length; j++) {
            for (int l = 0; l <= j; l++) {
                double sum = a[j][l];
                for (int m = 0; m < l; m++) {
                    sum -= a[j][m] * a[l][m];
                }
                a[j][l] = j == l ? Math.sqrt(sum) : sum / a[l][l];
            }
        }
    }

    private static double[] solve(double[][] lower, double[] right) {
        int d = right.length;
        double[] x = right.clone();
        for (int j = 0; j < d; j++) {
            for (int m = 0; m < j; m++) {
                x[j] -= lower[j][m] * x[m];
            }
            x[j] /= lower[j][j];
        }
        for (int j = d - 1; j >= 0; j--) {
            for (int m = j + 1; m < d; m++) {
                x[j] -= lower[m][j] * x[m];
            }
            x[j] /= lower[j][j];
        }
        return x;
    }
}
