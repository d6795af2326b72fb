package io.aegis.kernels.scalar;

import io.aegis.kernels.Attention;
import io.aegis.kernels.View;

/**
 * O = P V, P = exp(S - lse), S = scale Q K^T, lse = log of the row sums of exp(S); q, out [B, H, N, D]; k, v
 * [B, H, M, D]; lse [B, H, N]. Backward as in FlashAttention (Dao et al., arXiv 2205.14135, appendix B.2): dV = P^T dO,
 * dS = P * (dO V^T - rowsum(dO * O)), dQ = scale dS K, dK = scale dS^T Q. Without keys (M = 0) a row gives 0 and
 * lse = -inf.
 */
final class ScalarAttention implements Attention {
    @Override
    public void forward(View q, View k, View v, double scale, View out, View lse) {
        for (long b = 0; b < q.size(0); b++) {
            for (long h = 0; h < q.size(1); h++) {
                double[][] keys = rows(k, b, h);
                double[][] values = rows(v, b, h);
                for (long n = 0; n < q.size(2); n++) {
                    double[] p = scores(Doubles.readRow(q, q.index(b, h, n)), keys, scale);
                    double rowLse = logSumExp(p);
                    double[] o = new double[Math.toIntExact(v.size(3))];
                    for (int m = 0; m < p.length; m++) {
                        addScaled(o, Math.exp(p[m] - rowLse), values[m]);
                    }
                    Doubles.writeRow(o, out, out.index(b, h, n));
                    if (lse != null) {
                        lse.set(rowLse, b, h, n);
                    }
                }
            }
        }
    }

    @Override
    public void backward(
            View q, View k, View v, double scale, View out, View lse, View dout, View dq, View dk, View dv) {
        int d = Math.toIntExact(q.size(3));
        for (long b = 0; b < q.size(0); b++) {
            for (long h = 0; h < q.size(1); h++) {
                double[][] keys = rows(k, b, h);
                double[][] values = rows(v, b, h);
                double[][] dkeys = new double[keys.length][d];
                double[][] dvalues = new double[keys.length][Math.toIntExact(v.size(3))];
                for (long n = 0; n < q.size(2); n++) {
                    double[] query = Doubles.readRow(q, q.index(b, h, n));
                    double[] dorow = Doubles.readRow(dout, dout.index(b, h, n));
                    double delta = dot(dorow, Doubles.readRow(out, out.index(b, h, n)));
                    double rowLse = lse.get(b, h, n);
                    double[] s = scores(query, keys, scale);
                    double[] dquery = new double[d];
                    for (int m = 0; m < s.length; m++) {
                        double p = Math.exp(s[m] - rowLse);
                        double ds = p * (dot(dorow, values[m]) - delta);
                        addScaled(dvalues[m], p, dorow);
                        addScaled(dquery, scale * ds, keys[m]);
                        addScaled(dkeys[m], scale * ds, query);
                    }
                    Doubles.writeRow(dquery, dq, dq.index(b, h, n));
                }
                for (int m = 0; m < keys.length; m++) {
                    Doubles.writeRow(dkeys[m], dk, dk.index(b, h, m));
                    Doubles.writeRow(dvalues[m], dv, dv.index(b, h, m));
                }
            }
        }
    }

    private static double[][] rows(View v, long b, long h) {
        double[][] out = new double[Math.toIntExact(v.size(2))][];
        for (int m = 0; m < out.length; m++) {
            out[m] = Doubles.readRow(v, v.index(b, h, m));
        }
        return out;
    }

    private static double[] scores(double[] query, double[][] keys, double scale) {
        double[] s = new double[keys.length];
        for (int m = 0; m < s.length; m++) {
            s[m] = scale * dot(query, keys[m]);
        }
        return s;
    }

    private static double logSumExp(double[] s) {
        double max = Double.NEGATIVE_INFINITY;
        for (double x : s) {
            max = Math.max(max, x);
        }
        double sum = 0;
        for (double x : s) {
            sum += Math.exp(x - max);
        }
        return max + Math.log(sum);
    }

    private static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }

    private static void addScaled(double[] to, double scale, double[] x) {
        for (int i = 0; i < to.length; i++) {
            to[i] += scale * x[i];
        }
    }
}
