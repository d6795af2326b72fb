package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.Lanes.broadcast;
import static io.aegis.kernels.cpu.Lanes.get;
import static io.aegis.kernels.cpu.Lanes.load;
import static io.aegis.kernels.cpu.Lanes.set;
import static io.aegis.kernels.cpu.Lanes.store;

import io.aegis.kernels.Activation;
import io.aegis.kernels.DType;
import io.aegis.kernels.Normalization;
import io.aegis.kernels.View;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/**
 * Layer norm by rows ({@link RmsNormRows} too), batch norm by channels (channels last), floats; the formulas are those of {@link Normalization}. A
 * row, or a range of channels, belongs to one thread. Sums move to double every few hundred elements.
 */
final class CpuNormalization implements Normalization {
    private static final long GRAIN = 1 << 14;

    private final Normalization plain;

    CpuNormalization(Normalization plain) {
        this.plain = plain;
    }

    @Override
    public void layerNorm(View x, View gamma, View beta, double eps, View y, View mean, View rstd) {
        if (!dense(gamma, beta, mean, rstd) || !dense(x, y)) {
            plain.layerNorm(x, gamma, beta, eps, y, mean, rstd);
            return;
        }
        int d = (int) x.size(-1);
        MemorySegment in = x.buffer().memory();
        MemorySegment out = y.buffer().memory();
        MemorySegment g = gamma.buffer().memory();
        MemorySegment b = beta.buffer().memory();
        long rows = x.elements() / Math.max(1, d);
        Workers.grains(rows, grain(d), (from, to) -> {
            for (long r = from; r < to; r++) {
                long ix = x.offset() + r * d;
                double m = Sums.row(in, ix, d) / d;
                double variance = squares(in, ix, (float) m, d) / d;
                double s = 1 / Math.sqrt(variance + eps);
                scaleRow(in, ix, (float) m, (float) s, g, gamma.offset(), b, beta.offset(), out, y.offset() + r * d, d);
                if (mean != null) {
                    set(mean.buffer().memory(), mean.offset() + r, (float) m);
                }
                if (rstd != null) {
                    set(rstd.buffer().memory(), rstd.offset() + r, (float) s);
                }
            }
        });
    }

    private static double squares(MemorySegment x, long ix, float mean, int n) {
        FloatVector m = broadcast(mean);
        double sum = 0;
        for (int start = 0; start < n; start += 256) {
            int end = Math.min(n, start + 256);
            FloatVector s = broadcast(0);
            int i = start;
            for (; i <= end - Lanes.N; i += Lanes.N) {
                FloatVector v = load(x, ix + i).sub(m);
                s = v.fma(v, s);
            }
            sum += Lanes.sum(s);
            for (; i < end; i++) {
                float v = get(x, ix + i) - mean;
                sum += v * v;
            }
        }
        return sum;
    }

    private static void scaleRow(
            MemorySegment x,
            long ix,
            float mean,
            float rstd,
            MemorySegment gamma,
            long ig,
            MemorySegment beta,
            long ib,
            MemorySegment y,
            long iy,
            int n) {
        FloatVector m = broadcast(mean);
        FloatVector r = broadcast(rstd);
        int i = 0;
        for (; i < Lanes.bound(n); i += Lanes.N) {
            FloatVector h = load(x, ix + i).sub(m).mul(r);
            store(h.fma(load(gamma, ig + i), load(beta, ib + i)), y, iy + i);
        }
        for (; i < n; i++) {
            set(y, iy + i, Math.fma((get(x, ix + i) - mean) * rstd, get(gamma, ig + i), get(beta, ib + i)));
        }
    }

    @Override
    public void layerNormBackward(View x, View gamma, View mean, View rstd, View dy, View dx, View dgamma, View dbeta) {
        if (!dense(gamma, mean, rstd, dgamma, dbeta) || !dense(x, dy, dx)) {
            plain.layerNormBackward(x, gamma, mean, rstd, dy, dx, dgamma, dbeta);
            return;
        }
        int d = (int) x.size(-1);
        long rows = x.elements() / Math.max(1, d);
        MemorySegment in = x.buffer().memory();
        MemorySegment grad = dy.buffer().memory();
        MemorySegment m = mean.buffer().memory();
        MemorySegment s = rstd.buffer().memory();
        if (dx != null) {
            Workers.grains(rows, grain(d), (from, to) -> {
                for (long r = from; r < to; r++) {
                    rowBackward(
                            in,
                            x.offset() + r * d,
                            grad,
                            dy.offset() + r * d,
                            gamma,
                            get(m, mean.offset() + r),
                            get(s, rstd.offset() + r),
                            dx.buffer().memory(),
                            dx.offset() + r * d,
                            d);
                }
            });
        }
        if (dbeta != null) {
            Sums.columns(grad, dy.offset(), rows, d, d, 1, false, dbeta);
        }
        if (dgamma != null) {
            Workers.grains(d, columnGrain(rows), Sums.UNIT, (from, to) -> {
                int n = (int) (to - from);
                double[] sums = new double[n];
                float[] block = new float[n];
                for (long r = 0; r < rows; r++) {
                    normalisedRow(
                            in,
                            x.offset() + r * d + from,
                            get(m, mean.offset() + r),
                            get(s, rstd.offset() + r),
                            grad,
                            dy.offset() + r * d + from,
                            block,
                            n);
                    if (r % Sums.BLOCK == Sums.BLOCK - 1 || r == rows - 1) {
                        Sums.flush(block, sums, n);
                    }
                }
                write(sums, dgamma, from);
            });
        }
    }

    /** dx = rstd (g - mean(g) - h mean(g h)), g = dy gamma. */
    private static void rowBackward(
            MemorySegment x,
            long ix,
            MemorySegment dy,
            long idy,
            View gamma,
            float mean,
            float rstd,
            MemorySegment dx,
            long idx,
            int n) {
        MemorySegment w = gamma.buffer().memory();
        long iw = gamma.offset();
        FloatVector m = broadcast(mean);
        FloatVector r = broadcast(rstd);
        FloatVector sumsG = broadcast(0);
        FloatVector sumsGh = broadcast(0);
        int i = 0;
        for (; i < Lanes.bound(n); i += Lanes.N) {
            FloatVector g = load(dy, idy + i).mul(load(w, iw + i));
            sumsG = sumsG.add(g);
            sumsGh = g.fma(load(x, ix + i).sub(m).mul(r), sumsGh);
        }
        float sumG = Lanes.sum(sumsG);
        float sumGh = Lanes.sum(sumsGh);
        for (; i < n; i++) {
            float g = get(dy, idy + i) * get(w, iw + i);
            sumG += g;
            sumGh += g * (get(x, ix + i) - mean) * rstd;
        }
        flowRow(x, ix, dy, idy, w, iw, mean, rstd, sumG / n, sumGh / n, dx, idx, n);
    }

    private static void flowRow(
            MemorySegment x,
            long ix,
            MemorySegment dy,
            long idy,
            MemorySegment w,
            long iw,
            float mean,
            float rstd,
            float meanG,
            float meanGh,
            MemorySegment dx,
            long idx,
            int n) {
        FloatVector m = broadcast(mean);
        FloatVector r = broadcast(rstd);
        FloatVector mg = broadcast(meanG);
        FloatVector mgh = broadcast(meanGh);
        int i = 0;
        for (; i < Lanes.bound(n); i += Lanes.N) {
            FloatVector g = load(dy, idy + i).mul(load(w, iw + i));
            FloatVector h = load(x, ix + i).sub(m).mul(r);
            store(g.sub(mg).sub(h.mul(mgh)).mul(r), dx, idx + i);
        }
        for (; i < n; i++) {
            float g = get(dy, idy + i) * get(w, iw + i);
            float h = (get(x, ix + i) - mean) * rstd;
            set(dx, idx + i, (g - meanG - h * meanGh) * rstd);
        }
    }

    private static void normalisedRow(
            MemorySegment x, long ix, float mean, float rstd, MemorySegment dy, long idy, float[] sums, int n) {
        FloatVector m = broadcast(mean);
        FloatVector r = broadcast(rstd);
        int i = 0;
        for (; i < Lanes.bound(n); i += Lanes.N) {
            FloatVector h = load(x, ix + i).sub(m).mul(r);
            h.fma(load(dy, idy + i), FloatVector.fromArray(Lanes.F, sums, i)).intoArray(sums, i);
        }
        for (; i < n; i++) {
            sums[i] += (get(x, ix + i) - mean) * rstd * get(dy, idy + i);
        }
    }

    @Override
    public void rmsNorm(View x, View weight, double eps, View y, View rstd) {
        if (dense(x, y) && dense(weight, rstd)) {
            RmsNormRows.forward(x, weight, eps, y, rstd);
        } else {
            plain.rmsNorm(x, weight, eps, y, rstd);
        }
    }

    @Override
    public void rmsNormBackward(View x, View weight, View rstd, View dy, View dx, View dweight) {
        if (dense(x, dy, dx) && dense(weight, rstd, dweight)) {
            RmsNormRows.backward(x, weight, rstd, dy, dx, dweight);
        } else {
            plain.rmsNormBackward(x, weight, rstd, dy, dx, dweight);
        }
    }

    @Override
    public void batchStatistics(View x, View mean, View variance) {
        if (!dense(x) || !dense(mean, variance) || x.elements() == 0) {
            plain.batchStatistics(x, mean, variance);
            return;
        }
        int c = (int) x.size(-1);
        long rows = x.elements() / c;
        MemorySegment in = x.buffer().memory();
        Sums.columns(in, x.offset(), rows, c, c, 1.0 / rows, false, mean);
        MemorySegment m = mean.buffer().memory();
        Workers.grains(c, columnGrain(rows), Sums.UNIT, (from, to) -> {
            int n = (int) (to - from);
            double[] sums = new double[n];
            float[] block = new float[n];
            for (long r = 0; r < rows; r++) {
                squaresRow(in, x.offset() + r * c + from, m, mean.offset() + from, block, n);
                if (r % Sums.BLOCK == Sums.BLOCK - 1 || r == rows - 1) {
                    Sums.flush(block, sums, n);
                }
            }
            for (int i = 0; i < n; i++) {
                sums[i] /= rows;
            }
            write(sums, variance, from);
        });
    }

    private static void squaresRow(MemorySegment x, long ix, MemorySegment mean, long im, float[] sums, int n) {
        int i = 0;
        for (; i < Lanes.bound(n); i += Lanes.N) {
            FloatVector v = load(x, ix + i).sub(load(mean, im + i));
            v.fma(v, FloatVector.fromArray(Lanes.F, sums, i)).intoArray(sums, i);
        }
        for (; i < n; i++) {
            float v = get(x, ix + i) - get(mean, im + i);
            sums[i] += v * v;
        }
    }

    @Override
    public void batchNorm(
            View x, View gamma, View beta, View mean, View variance, double eps, Activation activation, View y) {
        if (!dense(x) || !isOfRows(y) || !dense(gamma, beta, mean, variance)) {
            plain.batchNorm(x, gamma, beta, mean, variance, eps, activation, y);
            return;
        }
        int c = (int) x.size(-1);
        MemorySegment scale = scale(gamma, variance, eps);
        MemorySegment in = x.buffer().memory();
        MemorySegment out = y.buffer().memory();
        MemorySegment m = mean.buffer().memory();
        MemorySegment b = beta.buffer().memory();
        Workers.grains(x.elements() / Math.max(1, c), grain(c), (from, to) -> {
            for (long r = from; r < to; r++) {
                long ix = x.offset() + r * c;
                long iy = row(y, r);
                normRow(in, ix, m, mean.offset(), scale, b, beta.offset(), out, iy, c);
                // A second pass over a row that is still in the first-level cache: no function inside the loop above.
                if (CpuActivation.covers(activation)) {
                    CpuActivation.forward(activation, out, iy, out, iy, c);
                } else if (activation != Activation.NONE) {
                    for (int i = 0; i < c; i++) {
                        set(out, iy + i, (float) activation.value(get(out, iy + i)));
                    }
                }
            }
        });
    }

    private static void normRow(
            MemorySegment x,
            long ix,
            MemorySegment mean,
            long im,
            MemorySegment scale,
            MemorySegment beta,
            long ib,
            MemorySegment y,
            long iy,
            int n) {
        int i = 0;
        for (; i < Lanes.bound(n); i += Lanes.N) {
            FloatVector v = load(x, ix + i).sub(load(mean, im + i));
            store(v.fma(load(scale, i), load(beta, ib + i)), y, iy + i);
        }
        for (; i < n; i++) {
            set(y, iy + i, Math.fma(get(x, ix + i) - get(mean, im + i), get(scale, i), get(beta, ib + i)));
        }
    }

    /** gamma / sqrt(variance + eps), in scratch memory of the caller's thread, where all threads may read it. */
    private static MemorySegment scale(View gamma, View variance, double eps) {
        int c = (int) gamma.elements();
        MemorySegment scale = Scratch.floats(5, c);
        for (int i = 0; i < c; i++) {
            double v = get(variance.buffer().memory(), variance.offset() + i);
            set(scale, i, (float) (get(gamma.buffer().memory(), gamma.offset() + i) / Math.sqrt(v + eps)));
        }
        return scale;
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
        if (!dense(x, dy, dx) || !dense(gamma, mean, variance, dgamma, dbeta) || x.elements() == 0) {
            plain.batchNormBackward(x, gamma, mean, variance, eps, batch, dy, dx, dgamma, dbeta);
            return;
        }
        int c = (int) x.size(-1);
        long rows = x.elements() / c;
        boolean sums = batch && dx != null || dgamma != null || dbeta != null;
        Workers.grains(c, columnGrain(rows), Sums.UNIT, (from, to) -> {
            int n = (int) (to - from);
            Channels k = new Channels(n);
            for (int i = 0; i < n; i++) {
                double v = get(variance.buffer().memory(), variance.offset() + from + i);
                k.rstd[i] = (float) (1 / Math.sqrt(v + eps));
                k.mean[i] = get(mean.buffer().memory(), mean.offset() + from + i);
                k.scale[i] = get(gamma.buffer().memory(), gamma.offset() + from + i) * k.rstd[i];
            }
            if (sums) {
                k.sum(x, dy, rows, c, from);
                if (dgamma != null) {
                    write(k.gh, dgamma, from);
                }
                if (dbeta != null) {
                    write(k.g, dbeta, from);
                }
            }
            if (dx != null) {
                k.flow(x, dy, rows, c, from, batch, dx);
            }
        });
    }

    /** The backward pass of a range of channels. */
    private static final class Channels {
        private final int n;
        private final float[] mean;
        private final float[] rstd;
        private final float[] scale;
        private final double[] g; // sum of dy
        private final double[] gh; // sum of dy h

        Channels(int n) {
            this.n = n;
            mean = new float[n];
            rstd = new float[n];
            scale = new float[n];
            g = new double[n];
            gh = new double[n];
        }

        void sum(View x, View dy, long rows, int c, long from) {
            MemorySegment in = x.buffer().memory();
            MemorySegment grad = dy.buffer().memory();
            float[] blockG = new float[n];
            float[] blockGh = new float[n];
            for (long r = 0; r < rows; r++) {
                long ix = x.offset() + r * c + from;
                long idy = dy.offset() + r * c + from;
                sumRow(in, ix, grad, idy, blockG, blockGh);
                if (r % Sums.BLOCK == Sums.BLOCK - 1 || r == rows - 1) {
                    Sums.flush(blockG, g, n);
                    Sums.flush(blockGh, gh, n);
                }
            }
        }

        private void sumRow(MemorySegment x, long ix, MemorySegment dy, long idy, float[] sumG, float[] sumGh) {
            int i = 0;
            for (; i < Lanes.bound(n); i += Lanes.N) {
                FloatVector d = load(dy, idy + i);
                FloatVector h = load(x, ix + i)
                        .sub(FloatVector.fromArray(Lanes.F, mean, i))
                        .mul(FloatVector.fromArray(Lanes.F, rstd, i));
                d.add(FloatVector.fromArray(Lanes.F, sumG, i)).intoArray(sumG, i);
                d.fma(h, FloatVector.fromArray(Lanes.F, sumGh, i)).intoArray(sumGh, i);
            }
            for (; i < n; i++) {
                float d = get(dy, idy + i);
                sumG[i] += d;
                sumGh[i] += d * (get(x, ix + i) - mean[i]) * rstd[i];
            }
        }

        /** dx = scale (dy - mean(dy) - h mean(dy h)), the means left out for constant statistics. */
        void flow(View x, View dy, long rows, int c, long from, boolean batch, View dx) {
            MemorySegment in = x.buffer().memory();
            MemorySegment grad = dy.buffer().memory();
            MemorySegment out = dx.buffer().memory();
            float[] meanG = new float[n];
            float[] slope = new float[n]; // of h, times rstd, so that it multiplies x - mean
            if (batch) {
                for (int i = 0; i < n; i++) {
                    meanG[i] = (float) (g[i] / rows);
                    slope[i] = (float) (gh[i] / rows * rstd[i]);
                }
            }
            for (long r = 0; r < rows; r++) {
                long ix = x.offset() + r * c + from;
                long idy = dy.offset() + r * c + from;
                long idx = dx.offset() + r * c + from;
                flowRow(in, ix, grad, idy, meanG, slope, out, idx);
            }
        }

        private void flowRow(
                MemorySegment x,
                long ix,
                MemorySegment dy,
                long idy,
                float[] meanG,
                float[] slope,
                MemorySegment dx,
                long idx) {
            int i = 0;
            for (; i < Lanes.bound(n); i += Lanes.N) {
                FloatVector d = load(dy, idy + i).sub(FloatVector.fromArray(Lanes.F, meanG, i));
                FloatVector v = load(x, ix + i).sub(FloatVector.fromArray(Lanes.F, mean, i));
                FloatVector flow = d.sub(v.mul(FloatVector.fromArray(Lanes.F, slope, i)));
                store(flow.mul(FloatVector.fromArray(Lanes.F, scale, i)), dx, idx + i);
            }
            for (; i < n; i++) {
                float d = get(dy, idy + i) - meanG[i];
                set(dx, idx + i, (d - (get(x, ix + i) - mean[i]) * slope[i]) * scale[i]);
            }
        }
    }

    @Override
    public void updateRunning(
            View mean, View variance, long rows, double momentum, View runningMean, View runningVariance) {
        plain.updateRunning(mean, variance, rows, momentum, runningMean, runningVariance);
    }

    private static void write(double[] from, View to, long offset) {
        for (int i = 0; i < from.length; i++) {
            set(to.buffer().memory(), to.offset() + offset + i, (float) from[i]);
        }
    }

    /** Whether all that are not null are dense and float32. */
    private static boolean dense(View... views) {
        for (View v : views) {
            if (v != null && (v.dtype() != DType.F32 || !v.isContiguous())) {
                return false;
            }
        }
        return true;
    }

    /** Whether rows are dense, wherever they lie. */
    private static boolean isOfRows(View y) {
        return y.dtype() == DType.F32 && (y.size(-1) == 1 || y.stride(y.rank() - 1) == 1);
    }

    /** Where row r begins. */
    private static long row(View y, long r) {
        long at = y.offset();
        for (int d = y.rank() - 2; d >= 0; d--) {
            at += r % y.size(d) * y.stride(d);
            r /= y.size(d);
        }
        return at;
    }

    private static long grain(int rowLength) {
        return Math.max(1, GRAIN / Math.max(1, rowLength));
    }

    /** Channels that one thread takes at least: whole vectors, and enough work. */
    private static long columnGrain(long rows) {
        return Math.max(Sums.STRIPE, GRAIN / Math.max(1, rows));
    }
}
