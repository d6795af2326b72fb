package io.aegis.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.Attention.Mask;
import io.aegis.kernels.View;
import java.util.Arrays;

/**
 * One head of attention in doubles, with what products take rounded to bfloat16, in the blocks of {@link AttentionForward}. A
 * number that float32 may have rounded the other way, because it lies next to a border, widens what is allowed by just what
 * that changes; all else may differ as float32 does.
 */
final class RoundedAttention {
    private static final int KEYS = CpuAttention.KEYS;
    /** What a float32 score or exponential may be off by, relative to the size of its terms. */
    private static final double EPSILON = 2e-6;

    /** Like the sums of {@link Twin}, relative to the largest of a result. */
    private static final double TOLERANCE = 1e-5;

    /** A matrix, and by how much each element may be off because of roundings to the other side. */
    record Result(double[][] value, double[][] slack) {
        Result(int rows, int columns) {
            this(new double[rows][columns], new double[rows][columns]);
        }

        /** Adds x, which lies between two numbers, times an exact factor. */
        void add(int row, int column, Between x, double factor) {
            value[row][column] += x.middle() * factor;
            slack[row][column] += (x.high() - x.low()) * Math.abs(factor);
        }

        void add(Result other) {
            for (int i = 0; i < value.length; i++) {
                for (int j = 0; j < value[i].length; j++) {
                    value[i][j] += other.value[i][j];
                    slack[i][j] += other.slack[i][j];
                }
            }
        }

        void check(String what, View got) {
            double largest = 1e-30;
            for (double[] row : value) {
                for (double x : row) {
                    largest = Math.max(largest, Math.abs(x));
                }
            }
            for (int i = 0; i < value.length; i++) {
                for (int j = 0; j < value[i].length; j++) {
                    double have = got.get(i, j);
                    double allowed = slack[i][j] + TOLERANCE * largest;
                    if (!(Math.abs(have - value[i][j]) <= allowed)) {
                        assertThat(have)
                                .as("%s: element %d, %d of %s, may be off by %s", what, i, j, got, allowed)
                                .isEqualTo(value[i][j]);
                    }
                }
            }
        }
    }

    /** What a number, known to within {@code error}, may be once rounded to bfloat16. */
    record Between(double middle, double low, double high) {
        static Between rounded(double x, double error) {
            return new Between(round(x), round(x - error), round(x + error));
        }
    }

    final Result out;
    final Result dq;
    final Result dk;
    final Result dv;
    final double[] lse;

    private final double scale;
    private final Mask mask;
    private final int b;
    private final int n;
    private final int m;
    private final int d;
    private final double[][] q;
    private final double[][] k;
    private final double[][] v;

    /** q [N, D], k and v [M, D], of sequence b. */
    RoundedAttention(View q, View k, View v, double scale, Mask mask, int b) {
        this.scale = (float) scale;
        this.mask = mask;
        this.b = b;
        n = (int) q.size(0);
        m = (int) k.size(0);
        d = (int) q.size(1);
        this.q = round(q);
        this.k = round(k);
        this.v = round(v);
        out = new Result(n, d);
        dq = new Result(n, d);
        dk = new Result(m, d);
        dv = new Result(m, d);
        lse = new double[n];
        for (int i = 0; i < n; i++) {
            forward(i);
        }
    }

    private boolean sees(int i, int j) {
        return (!mask.causal() || j <= i + m - n)
                && (mask.keys() == null || mask.keys().get(b, j) != 0);
    }

    private double score(int i, int j) {
        return scale * dot(q[i], k[j]);
    }

    /** By how much a float32 score may be off. */
    private double error(int i, int j) {
        return EPSILON * (1 + scale * sizes(q[i], k[j]));
    }

    private void forward(int i) {
        double[] shifts = new double[m];
        double max = Double.NEGATIVE_INFINITY;
        for (int from = 0; from < m; from += KEYS) {
            int end = Math.min(m, from + KEYS);
            for (int j = from; j < end; j++) {
                max = sees(i, j) ? Math.max(max, score(i, j)) : max;
            }
            Arrays.fill(shifts, from, end, max);
        }
        double sum = 0;
        for (int j = 0; j < m; j++) {
            sum += sees(i, j) ? Math.exp(score(i, j) - max) : 0;
        }
        lse[i] = max + Math.log(sum);
        for (int j = 0; j < m; j++) {
            if (sees(i, j)) {
                double p = Math.exp(score(i, j) - shifts[j]);
                Between rounded = Between.rounded(p, 2 * p * error(i, j));
                for (int c = 0; c < d; c++) {
                    out.add(i, c, rounded, v[j][c] * Math.exp(shifts[j] - max) / sum);
                }
            }
        }
    }

    /** Gradients from what the forward pass gave, of which only dO is rounded, for the products. */
    void backward(View o, View lse, View slopes) {
        double[][] dO = round(slopes);
        for (int i = 0; i < n; i++) {
            double delta = 0;
            double size = 0;
            for (int c = 0; c < d; c++) {
                delta += o.get(i, c) * slopes.get(i, c);
                size += Math.abs(o.get(i, c) * slopes.get(i, c));
            }
            for (int j = 0; j < m; j++) {
                if (!sees(i, j)) {
                    continue;
                }
                double p = Math.exp(score(i, j) - lse.get(i));
                double off = p * (2 * error(i, j) + EPSILON * Math.abs(lse.get(i)));
                double dp = dot(dO[i], v[j]);
                double ds = p * (dp - delta);
                Between pr = Between.rounded(p, off);
                double dsOff = off * Math.abs(dp - delta) + EPSILON * p * (sizes(dO[i], v[j]) + size);
                Between dsr = Between.rounded(ds, dsOff);
                for (int c = 0; c < d; c++) {
                    dv.add(j, c, pr, dO[i][c]);
                    dk.add(j, c, dsr, scale * q[i][c]);
                    dq.add(i, c, dsr, scale * k[j][c]);
                }
            }
        }
    }

    private static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }

    private static double sizes(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += Math.abs(a[i] * b[i]);
        }
        return sum;
    }

    private static double[][] round(View x) {
        double[][] rounded = new double[(int) x.size(0)][(int) x.size(1)];
        for (int i = 0; i < rounded.length; i++) {
            for (int j = 0; j < rounded[i].length; j++) {
                rounded[i][j] = round(x.get(i, j));
            }
        }
        return rounded;
    }

    /** As the processor rounds the float next to it. */
    private static double round(double x) {
        return Float.intBitsToFloat(View.bfloat16((float) x) << 16);
    }
}
