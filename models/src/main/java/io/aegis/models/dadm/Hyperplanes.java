package io.aegis.models.dadm;

import io.aegis.kernels.View;

/**
 * Alignment of the domains' decision hyperplanes after each step (DADM, section 3.3): each head's rows turn a little
 * towards those of the head that it agrees with least, keeping their length; the common head is the mean of the three.
 * In double, on the host: the heads are [2, 3D].
 */
public final class Hyperplanes {
    private static final double ALPHA = 0.995;
    private static final double EPS = 1e-10;

    private Hyperplanes() {}

    /** Updates all heads of a network in place; the mean agreement (sum of the rows' cosines) of the three pairs. */
    public static double align(DadmNetwork network) {
        View[] heads = new View[DadmConfig.DOMAINS];
        for (int j = 0; j < heads.length; j++) {
            heads[j] = network.domainHead(j).view();
        }
        double agreement = align(heads, network.head().view());
        for (int j = 0; j < heads.length; j++) {
            network.domainHead(j).changed();
        }
        network.head().changed();
        return agreement;
    }

    /**
     * Updates the domains' heads and the common one in place.
     *
     * @param heads one [2, 3D] a domain
     * @param common [2, 3D], overwritten
     * @return the mean agreement of all pairs, before
     */
    public static double align(View[] heads, View common) {
        int n = heads.length;
        double[][][] w = new double[n][][];
        double[][][] beta = new double[n][][];
        for (int j = 0; j < n; j++) {
            w[j] = rows(heads[j]);
            beta[j] = new double[w[j].length][];
            for (int r = 0; r < w[j].length; r++) {
                beta[j][r] = scaled(w[j][r], 1 / (length(w[j][r]) + EPS));
            }
        }
        double agreement = 0;
        for (int j = 0; j < n; j++) {
            int far = -1;
            double least = Double.POSITIVE_INFINITY;
            for (int i = 0; i < n; i++) {
                double a = i == j ? 0 : agreement(beta[j], beta[i]);
                agreement += i > j ? a / (n * (n - 1) / 2) : 0;
                if (i != j && (far < 0 || a < least)) {
                    far = i;
                    least = a;
                }
            }
            turn(heads[j], w[j], beta[j], beta[far]);
        }
        average(heads, common);
        return agreement;
    }

    /** The common head of a network becomes the mean of its domains' heads. */
    public static void average(DadmNetwork network) {
        View[] heads = new View[DadmConfig.DOMAINS];
        for (int j = 0; j < heads.length; j++) {
            heads[j] = network.domainHead(j).view();
        }
        average(heads, network.head().view());
        network.head().changed();
    }

    private static void average(View[] heads, View common) {
        for (long r = 0; r < common.size(0); r++) {
            for (long c = 0; c < common.size(1); c++) {
                double sum = 0;
                for (View head : heads) {
                    sum += head.get(r, c);
                }
                common.set(sum / heads.length, r, c);
            }
        }
    }

    private static void turn(View head, double[][] w, double[][] own, double[][] other) {
        for (int r = 0; r < w.length; r++) {
            double[] mixed = new double[w[r].length];
            for (int c = 0; c < mixed.length; c++) {
                mixed[c] = ALPHA * own[r][c] + (1 - ALPHA) * other[r][c];
            }
            double scale = length(w[r]) / (length(mixed) + EPS);
            for (int c = 0; c < mixed.length; c++) {
                head.set(mixed[c] * scale, r, c);
            }
        }
    }

    private static double agreement(double[][] a, double[][] b) {
        double sum = 0;
        for (int r = 0; r < a.length; r++) {
            for (int c = 0; c < a[r].length; c++) {
                sum += a[r][c] * b[r][c];
            }
        }
        return sum;
    }

    private static double[][] rows(View v) {
        double[][] rows = new double[(int) v.size(0)][(int) v.size(1)];
        for (int r = 0; r < rows.length; r++) {
            for (int c = 0; c < rows[r].length; c++) {
                rows[r][c] = v.get(r, c);
            }
        }
        return rows;
    }

    private static double length(double[] x) {
        double sum = 0;
        for (double v : x) {
            sum += v * v;
        }
        return Math.sqrt(sum);
    }

    private static double[] scaled(double[] x, double by) {
        double[] out = x.clone();
        for (int i = 0; i < out.length; i++) {
            out[i] *= by;
        }
        return out;
    }
}
