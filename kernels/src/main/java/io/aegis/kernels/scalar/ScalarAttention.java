package io.aegis.kernels.scalar;

import io.aegis.kernels.Attention;
import io.aegis.kernels.View;

/**
 * O = P V, P = exp(S - lse), S = scale Q K^T over the keys that a query may see, lse = log of the row sums of exp(S); q, out
 * [B, Hq, N, D]; k, v [B, Hkv, M, D]; lse [B, Hq, N]. Backward as in FlashAttention (Dao et al., arXiv 2205.14135, appendix
 * B.2): dV = P^T dO, dS = P * (dO V^T - rowsum(dO * O)), dQ = scale dS K, dK = scale dS^T Q; dV and dK summed over the
 * query heads that share a key head. A row without keys gives 0 and lse = -inf.
 */
final class ScalarAttention implements Attention {
    @Override
    public void forward(View q, View k, View v, double scale, Mask mask, View out, View lse) {
        for (long b = 0; b < q.size(0); b++) {
            for (long h = 0; h < q.size(1); h++) {
                double[][] keys = rows(k, b, keyHead(q, k, h));
                double[][] values = rows(v, b, keyHead(q, k, h));
                for (long n = 0; n < q.size(2); n++) {
                    double[] p = scores(Doubles.readRow(q, q.index(b, h, n)), keys, scale);
                    hide(p, mask, b, n + k.size(2) - q.size(2));
                    double rowLse = logSumExp(p);
                    double[] o = new double[Math.toIntExact(v.size(3))];
                    for (int m = 0; m < p.length; m++) {
                        if (p[m] != Double.NEGATIVE_INFINITY) {
                            addScaled(o, Math.exp(p[m] - rowLse), values[m]);
                        }
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
    public void paged(View q, View keys, View values, View table, View lengths, double scale, View out) {
        for (long b = 0; b < q.size(0); b++) {
            double[][] k = new double[Math.toIntExact(lengths.getLong(b))][];
            double[][] v = new double[k.length][];
            for (long h = 0; h < q.size(1); h++) {
                for (int j = 0; j < k.length; j++) {
                    long page = table.getLong(b, j / keys.size(2));
                    long place = j % keys.size(2);
                    k[j] = Doubles.readRow(keys, keys.index(page, keyHead(q, keys, h), place));
                    v[j] = Doubles.readRow(values, values.index(page, keyHead(q, keys, h), place));
                }
                double[] p = scores(Doubles.readRow(q, q.index(b, h)), k, scale);
                double lse = logSumExp(p);
                double[] o = new double[Math.toIntExact(q.size(2))];
                for (int j = 0; j < p.length; j++) {
                    addScaled(o, Math.exp(p[j] - lse), v[j]);
                }
                Doubles.writeRow(o, out, out.index(b, h));
            }
        }
    }

    @Override
    public void append(View k, View v, View keys, View values, View table, View lengths) {
        for (long b = 0; b < k.size(0); b++) {
            long last = lengths.getLong(b) - 1;
            for (long h = 0; last >= 0 && h < k.size(1); h++) {
                long page = table.getLong(b, last / keys.size(2));
                long place = last % keys.size(2);
                Doubles.writeRow(Doubles.readRow(k, k.index(b, h)), keys, keys.index(page, h, place));
                Doubles.writeRow(Doubles.readRow(v, v.index(b, h)), values, values.index(page, h, place));
            }
        }
    }

    @Override
    public void backward(
            View q, View k, View v, double scale, Mask mask, View out, View lse, View dout, View dq, View dk, View dv) {
        int d = Math.toIntExact(q.size(3));
        long group = q.size(1) / Math.max(1, k.size(1));
        for (long b = 0; b < q.size(0); b++) {
            for (long head = 0; head < k.size(1); head++) {
                double[][] keys = rows(k, b, head);
                double[][] values = rows(v, b, head);
                double[][] dkeys = new double[keys.length][d];
                double[][] dvalues = new double[keys.length][Math.toIntExact(v.size(3))];
                for (long h = head * group; h < (head + 1) * group; h++) {
                    for (long n = 0; n < q.size(2); n++) {
                        double[] query = Doubles.readRow(q, q.index(b, h, n));
                        double[] dorow = Doubles.readRow(dout, dout.index(b, h, n));
                        double delta = dot(dorow, Doubles.readRow(out, out.index(b, h, n)));
                        double rowLse = lse.get(b, h, n);
                        double[] s = scores(query, keys, scale);
                        hide(s, mask, b, n + k.size(2) - q.size(2));
                        double[] dquery = new double[d];
                        for (int m = 0; m < s.length; m++) {
                            if (s[m] != Double.NEGATIVE_INFINITY) {
                                double p = Math.exp(s[m] - rowLse);
                                double ds = p * (dot(dorow, values[m]) - delta);
                                addScaled(dvalues[m], p, dorow);
                                addScaled(dquery, scale * ds, keys[m]);
                                addScaled(dkeys[m], scale * ds, query);
                            }
                        }
                        if (dq != null) {
                            Doubles.writeRow(dquery, dq, dq.index(b, h, n));
                        }
                    }
                }
                writeRows(dkeys, dk, b, head);
                writeRows(dvalues, dv, b, head);
            }
        }
    }

    private static long keyHead(View q, View k, long head) {
        assert k.size(1) > 0 && q.size(1) % k.size(1) == 0 : q + " attends to " + k;
        return head / (q.size(1) / k.size(1));
    }

    /** Minus infinity where a query may not look; {@code last} is the last key that a causal mask shows it. */
    private static void hide(double[] scores, Mask mask, long b, long last) {
        for (int m = 0; m < scores.length; m++) {
            boolean later = mask.causal() && m > last;
            if (later || mask.keys() != null && mask.keys().get(b, m) == 0) {
                scores[m] = Double.NEGATIVE_INFINITY;
            }
        }
    }

    private static void writeRows(double[][] from, View to, long b, long h) {
        if (to != null) {
            for (int m = 0; m < from.length; m++) {
                Doubles.writeRow(from[m], to, to.index(b, h, m));
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
        if (max == Double.NEGATIVE_INFINITY) {
            return max;
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
