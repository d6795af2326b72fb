package io.aegis.kernels.scalar;

import io.aegis.kernels.Loss.AngleParts;
import io.aegis.kernels.Loss.Angles;
import io.aegis.kernels.View;
import java.util.Arrays;
import java.util.List;

/**
 * Angles between modalities and domains. Row a of the M B rows is row a % B of features a / B, G[a, b] = n[a] n[b]. With U and V the
 * inner products of a pair of features in two cells, of means u and v,
 *
 * <pre>  sum over U x V of (U - V)^2 = |V| sum (U - u)^2 + |U| sum (V - v)^2 + |U| |V| (u - v)^2</pre>
 *
 * <p>which cancels nowhere, so that pairs of pairs need not be formed. Then dn[a] = sum over b of W[a, b] n[b], where
 *
 * <pre>  W[a, b] = 2 (G[a, b] - tau)                                      of one feature, and one class in two domains
 *   W[a, b] = 2 sum over other domains q of rows[q]^2 (G[a, b] - v[q])   of two features, and one cell</pre>
 *
 * <p>and dx[a] = (dn[a] - n[a] (n[a] dn[a])) / |x[a]|, n[a] dn[a] = sum over b of W[a, b] G[a, b].
 */
final class ScalarAngles {
    private final Angles of;
    private final AngleParts kept;
    private final int rows;
    /** Of each row of the batch; -1 where it takes no part. */
    private final int[] cell;

    private ScalarAngles(Angles of, AngleParts kept) {
        this.of = of;
        this.kept = kept;
        rows = (int) of.features().getFirst().size(0);
        cell = new int[rows];
        for (int i = 0; i < rows; i++) {
            long domain = of.domain().getLong(i);
            boolean takesPart = domain >= 0 && domain < of.domains();
            cell[i] = !takesPart ? -1 : (of.live().getLong(i) == 1 ? 0 : of.domains()) + (int) domain;
        }
    }

    static void forward(Angles of, View loss, AngleParts kept) {
        ScalarAngles a = new ScalarAngles(of, kept);
        a.multiply();
        a.count();
        double sum = 0;
        for (int p = 0; p < of.cells(); p++) {
            for (int q = p + 1; q < of.cells(); q++) {
                if (a.weight(p) != 0 && a.areCompared(p, q)) {
                    sum += a.weight(p) * (a.across(p, q) + a.margins(p, q));
                }
            }
        }
        loss.setAt(loss.offset(), sum);
    }

    /** Lengths, and inner products as far as somebody may look at them. */
    private void multiply() {
        int n = of.features().size() * rows;
        double[][] x = new double[n][];
        for (int a = 0; a < n; a++) {
            View feature = of.features().get(a / rows);
            x[a] = Doubles.readRow(feature, feature.index(a % rows));
            kept.lengths().set(Math.sqrt(dot(x[a], x[a])), a);
        }
        for (int a = 0; a < n; a++) {
            for (int b = a + 1; b < n; b++) {
                if (counts(a, b)) {
                    double product = dot(x[a], x[b]) / (Math.sqrt(dot(x[a], x[a])) * Math.sqrt(dot(x[b], x[b])));
                    kept.products().set(product, a, b);
                    kept.products().set(product, b, a);
                }
            }
        }
    }

    private boolean counts(int a, int b) {
        int p = cell[a % rows];
        int q = cell[b % rows];
        return p >= 0 && q >= 0 && (a / rows == b / rows ? areCompared(p, q) : p == q);
    }

    /** Whether cells are of one class and two domains. */
    private boolean areCompared(int p, int q) {
        return p != q && p / of.domains() == q / of.domains();
    }

    /** Writes what is known of cells. */
    private void count() {
        int[] count = new int[of.cells()];
        for (int c : cell) {
            if (c >= 0) {
                count[c]++;
            }
        }
        int present = 0;
        for (int d = 0; d < of.domains(); d++) {
            present += count[d] + count[of.domains() + d] > 0 ? 1 : 0;
        }
        for (int c = 0; c < count.length; c++) {
            int first = c / of.domains() * of.domains();
            long having = Arrays.stream(count, first, first + of.domains())
                    .filter(m -> m > 0)
                    .count();
            boolean active = present > 1 && having == present;
            kept.cells().set(count[c], c, 0);
            kept.cells().set(active ? 2.0 / (present * (present - 1)) : 0, c, 1);
            for (int pair = 0; pair < of.pairs(); pair++) {
                double[] u = products(c, pair);
                kept.cells().set(u.length == 0 ? 0 : Arrays.stream(u).sum() / u.length, c, 2 + pair);
            }
        }
    }

    private double across(int p, int q) {
        double tau = tau(p);
        double sum = 0;
        for (int k = 0; k < of.features().size(); k++) {
            for (int i = 0; i < rows; i++) {
                for (int j = 0; j < rows; j++) {
                    if (cell[i] == p && cell[j] == q) {
                        double off = kept.products().get(k * rows + i, k * rows + j) - tau;
                        sum += off * off;
                    }
                }
            }
        }
        return sum;
    }

    private double margins(int p, int q) {
        double sum = 0;
        for (int pair = 0; rows(p) > 0 && rows(q) > 0 && pair < of.pairs(); pair++) {
            double m = rows(p) * rows(p);
            double n = rows(q) * rows(q);
            double apart = mean(p, pair) - mean(q, pair);
            sum += n * spread(p, pair) + m * spread(q, pair) + m * n * apart * apart;
        }
        return sum;
    }

    private double spread(int p, int pair) {
        double mean = mean(p, pair);
        return Arrays.stream(products(p, pair))
                .map(u -> (u - mean) * (u - mean))
                .sum();
    }

    /** All inner products of a pair of features within a cell. */
    private double[] products(int p, int pair) {
        int[] features = features(pair);
        int[] own = java.util.stream.IntStream.range(0, rows)
                .filter(i -> cell[i] == p)
                .toArray();
        double[] all = new double[own.length * own.length];
        for (int i = 0; i < own.length; i++) {
            for (int j = 0; j < own.length; j++) {
                all[i * own.length + j] = kept.products().get(features[0] * rows + own[i], features[1] * rows + own[j]);
            }
        }
        return all;
    }

    /** The two features of a pair. */
    private int[] features(int pair) {
        int s = 0;
        int before = pair;
        for (int behind = of.features().size() - 1; before >= behind; behind--) {
            before -= behind;
            s++;
        }
        return new int[] {s, s + 1 + before};
    }

    private int pair(int s, int t) {
        int pair = t - s - 1;
        for (int first = 0; first < s; first++) {
            pair += of.features().size() - 1 - first;
        }
        return pair;
    }

    private double tau(int cell) {
        return cell < of.domains() ? of.tauLive() : of.tauAttack();
    }

    private double rows(int cell) {
        return kept.cells().get(cell, 0);
    }

    private double weight(int cell) {
        return kept.cells().get(cell, 1);
    }

    private double mean(int cell, int pair) {
        return kept.cells().get(cell, 2 + pair);
    }

    static void backward(Angles of, AngleParts kept, View dloss, List<View> to) {
        ScalarAngles angles = new ScalarAngles(of, kept);
        boolean none = true;
        for (int c = 0; c < of.cells(); c++) {
            none &= angles.weight(c) == 0;
        }
        double scale = dloss.getAt(dloss.offset());
        for (int a = 0; a < to.size() * angles.rows; a++) {
            View feature = to.get(a / angles.rows);
            if (feature != null) {
                double[] slope = none ? new double[(int) feature.size(1)] : angles.slope(a, scale);
                Doubles.writeRow(slope, feature, feature.index(a % angles.rows));
            }
        }
    }

    private double[] slope(int a, double scale) {
        double[] x = row(a);
        double[] slope = new double[x.length];
        double along = 0;
        for (int b = 0; b < of.features().size() * rows; b++) {
            double w = factor(a, b);
            if (w == 0) {
                continue;
            }
            double[] other = row(b);
            for (int d = 0; d < slope.length; d++) {
                slope[d] += w * other[d] / kept.lengths().get(b);
            }
            along += w * kept.products().get(a, b);
        }
        double length = kept.lengths().get(a);
        for (int d = 0; d < slope.length; d++) {
            slope[d] = scale * (slope[d] - along * x[d] / length) / length;
        }
        return slope;
    }

    /** W[a, b]. */
    private double factor(int a, int b) {
        int p = cell[a % rows];
        if (!counts(a, b) || weight(p) == 0) {
            return 0;
        }
        double product = kept.products().get(a, b);
        int s = Math.min(a / rows, b / rows);
        int t = Math.max(a / rows, b / rows);
        if (s == t) {
            return 2 * weight(p) * (product - tau(p));
        }
        double sum = 0;
        for (int q = 0; q < of.cells(); q++) {
            if (areCompared(p, q)) {
                sum += rows(q) * rows(q) * (product - mean(q, pair(s, t)));
            }
        }
        return 2 * weight(p) * sum;
    }

    private double[] row(int a) {
        View feature = of.features().get(a / rows);
        return Doubles.readRow(feature, feature.index(a % rows));
    }

    private static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }
}
