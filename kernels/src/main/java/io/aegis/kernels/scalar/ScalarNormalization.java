package io.aegis.kernels.scalar;

import io.aegis.kernels.Activation;
import io.aegis.kernels.Normalization;
import io.aegis.kernels.View;

/**
 * Layer norm (Ba et al., arXiv 1607.06450) along rows, batch norm (Ioffe and Szegedy, arXiv 1502.03167) along columns.
 * With h = (x - mean) rstd, rstd = 1 / sqrt(biased variance + eps), n the number of elements that share a mean, and the
 * averages taken over those:
 *
 * <pre>
 * y = h gamma + beta     dgamma = sum dy h     dbeta = sum dy
 * dx = rstd (g - mean(g) - h mean(g h)),  g = dy gamma
 * </pre>
 *
 * When mean and variance are constants (batch norm's running statistics), dx = rstd g. RMS norm is layer norm with
 * mean 0, beta 0 and the mean square for variance, which leaves dx = rstd (g - h mean(g h)).
 */
final class ScalarNormalization implements Normalization {
    @Override
    public void layerNorm(View x, View gamma, View beta, double eps, View y, View mean, View rstd) {
        double[] weight = Doubles.read(gamma);
        double[] shift = Doubles.read(beta);
        int d = weight.length;
        long row = 0;
        for (Walk w = Walk.rows(x, y); w.more(); w.next(), row++) {
            double[] values = Doubles.readRow(x, w.at(0));
            double m = sum(values) / d;
            double variance = 0;
            for (double value : values) {
                variance += (value - m) * (value - m) / d;
            }
            double r = 1 / Math.sqrt(variance + eps);
            for (int i = 0; i < d; i++) {
                values[i] = (values[i] - m) * r * weight[i] + shift[i];
            }
            Doubles.writeRow(values, y, w.at(1));
            if (mean != null) {
                mean.setAt(mean.position(row), m);
            }
            if (rstd != null) {
                rstd.setAt(rstd.position(row), r);
            }
        }
    }

    @Override
    public void layerNormBackward(View x, View gamma, View mean, View rstd, View dy, View dx, View dgamma, View dbeta) {
        double[] weight = Doubles.read(gamma);
        int d = weight.length;
        double[] dweight = new double[d];
        double[] dshift = new double[d];
        long row = 0;
        for (Walk w = Walk.rows(x, dy, dx == null ? x : dx); w.more(); w.next(), row++) {
            double m = mean.getAt(mean.position(row));
            double r = rstd.getAt(rstd.position(row));
            double[] h = Doubles.readRow(x, w.at(0));
            double[] g = Doubles.readRow(dy, w.at(1));
            double sumG = 0;
            double sumGh = 0;
            for (int i = 0; i < d; i++) {
                h[i] = (h[i] - m) * r;
                dweight[i] += g[i] * h[i];
                dshift[i] += g[i];
                g[i] *= weight[i];
                sumG += g[i];
                sumGh += g[i] * h[i];
            }
            if (dx != null) {
                for (int i = 0; i < d; i++) {
                    g[i] = r * (g[i] - sumG / d - h[i] * sumGh / d);
                }
                Doubles.writeRow(g, dx, w.at(2));
            }
        }
        writeUnlessNull(dweight, dgamma);
        writeUnlessNull(dshift, dbeta);
    }

    @Override
    public void rmsNorm(View x, View weight, double eps, View y, View rstd) {
        double[] scale = Doubles.read(weight);
        int d = scale.length;
        long row = 0;
        for (Walk w = Walk.rows(x, y); w.more(); w.next(), row++) {
            double[] values = Doubles.readRow(x, w.at(0));
            double squares = 0;
            for (double value : values) {
                squares += value * value;
            }
            double r = 1 / Math.sqrt(squares / d + eps);
            for (int i = 0; i < d; i++) {
                values[i] *= r * scale[i];
            }
            Doubles.writeRow(values, y, w.at(1));
            if (rstd != null) {
                rstd.setAt(rstd.position(row), r);
            }
        }
    }

    @Override
    public void rmsNormBackward(View x, View weight, View rstd, View dy, View dx, View dweight) {
        double[] scale = Doubles.read(weight);
        int d = scale.length;
        double[] dscale = new double[d];
        long row = 0;
        for (Walk w = Walk.rows(x, dy, dx == null ? x : dx); w.more(); w.next(), row++) {
            double r = rstd.getAt(rstd.position(row));
            double[] h = Doubles.readRow(x, w.at(0));
            double[] g = Doubles.readRow(dy, w.at(1));
            double sumGh = 0;
            for (int i = 0; i < d; i++) {
                h[i] *= r;
                dscale[i] += g[i] * h[i];
                g[i] *= scale[i];
                sumGh += g[i] * h[i];
            }
            if (dx != null) {
                for (int i = 0; i < d; i++) {
                    g[i] = r * (g[i] - h[i] * sumGh / d);
                }
                Doubles.writeRow(g, dx, w.at(2));
            }
        }
        writeUnlessNull(dscale, dweight);
    }

    @Override
    public void batchStatistics(View x, View mean, View variance) {
        int c = Math.toIntExact(x.size(-1));
        long rows = x.elements() / Math.max(c, 1);
        double[] m = new double[c];
        for (Walk w = Walk.rows(x); w.more(); w.next()) {
            double[] values = Doubles.readRow(x, w.at(0));
            for (int i = 0; i < c; i++) {
                m[i] += values[i];
            }
        }
        for (int i = 0; i < c; i++) {
            m[i] /= rows;
        }
        double[] v = new double[c];
        for (Walk w = Walk.rows(x); w.more(); w.next()) {
            double[] values = Doubles.readRow(x, w.at(0));
            for (int i = 0; i < c; i++) {
                v[i] += (values[i] - m[i]) * (values[i] - m[i]);
            }
        }
        for (int i = 0; i < c; i++) {
            v[i] /= rows;
        }
        Doubles.write(m, mean);
        Doubles.write(v, variance);
    }

    @Override
    public void batchNorm(
            View x, View gamma, View beta, View mean, View variance, double eps, Activation activation, View y) {
        double[] weight = Doubles.read(gamma);
        double[] shift = Doubles.read(beta);
        double[] m = Doubles.read(mean);
        double[] r = reciprocalRoot(variance, eps);
        for (Walk w = Walk.rows(x, y); w.more(); w.next()) {
            double[] values = Doubles.readRow(x, w.at(0));
            for (int i = 0; i < values.length; i++) {
                values[i] = activation.value((values[i] - m[i]) * r[i] * weight[i] + shift[i]);
            }
            Doubles.writeRow(values, y, w.at(1));
        }
    }

    @Override
    public void batchNormBackward(
            View x,
            View gamma,
            View mean,
            View variance,
            double eps,
            boolean batch,
            View dy,
            View dx,
            View dgamma,
            View dbeta) {
        int c = Math.toIntExact(x.size(-1));
        long rows = x.elements() / Math.max(c, 1);
        double[] weight = Doubles.read(gamma);
        double[] m = Doubles.read(mean);
        double[] r = reciprocalRoot(variance, eps);
        double[] dweight = new double[c];
        double[] dshift = new double[c];
        for (Walk w = Walk.rows(x, dy); w.more(); w.next()) {
            double[] values = Doubles.readRow(x, w.at(0));
            double[] g = Doubles.readRow(dy, w.at(1));
            for (int i = 0; i < c; i++) {
                dweight[i] += g[i] * (values[i] - m[i]) * r[i];
                dshift[i] += g[i];
            }
        }
        if (dx != null) {
            for (Walk w = Walk.rows(x, dy, dx); w.more(); w.next()) {
                double[] values = Doubles.readRow(x, w.at(0));
                double[] g = Doubles.readRow(dy, w.at(1));
                for (int i = 0; i < c; i++) {
                    double h = (values[i] - m[i]) * r[i];
                    double flow = batch ? g[i] - dshift[i] / rows - h * dweight[i] / rows : g[i];
                    g[i] = weight[i] * r[i] * flow;
                }
                Doubles.writeRow(g, dx, w.at(2));
            }
        }
        writeUnlessNull(dweight, dgamma);
        writeUnlessNull(dshift, dbeta);
    }

    @Override
    public void updateRunning(
            View mean, View variance, long rows, double momentum, View runningMean, View runningVariance) {
        double unbiased = rows / (rows - 1.0);
        for (Walk w = new Walk(mean, variance, runningMean, runningVariance); w.more(); w.next()) {
            double m = runningMean.getAt(w.at(2));
            double v = runningVariance.getAt(w.at(3));
            runningMean.setAt(w.at(2), (1 - momentum) * m + momentum * mean.getAt(w.at(0)));
            runningVariance.setAt(w.at(3), (1 - momentum) * v + momentum * unbiased * variance.getAt(w.at(1)));
        }
    }

    private static double[] reciprocalRoot(View variance, double eps) {
        double[] r = Doubles.read(variance);
        for (int i = 0; i < r.length; i++) {
            r[i] = 1 / Math.sqrt(r[i] + eps);
        }
        return r;
    }

    private static double sum(double[] values) {
        double sum = 0;
        for (double value : values) {
            sum += value;
        }
        return sum;
    }

    private static void writeUnlessNull(double[] from, View to) {
        if (to != null) {
            Doubles.write(from, to);
        }
    }
}
