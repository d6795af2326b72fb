package io.aegis.kernels.scalar;

import io.aegis.kernels.Convolution;
import io.aegis.kernels.View;

/**
 * y[b, i, j, o] = bias[o] + sum over u, v, c of x[b, i s + u - p, j s + v - p, g I + c] w[o, c, u, v], with zeros outside
 * the picture; x [B, H, W, C], w [O, I, kh, kw], y [B, H', W', O], stride s, padding p, I = C / groups, and g the group
 * of o. Forward and both backward passes are one walk over all (output element, tap) pairs that lie in the picture,
 * {@link Taps#each}; here weights lie in memory as [O, kh, kw, I], so that a pair meets I neighbours in x and in w.
 */
final class ScalarConvolution implements Convolution {
    @Override
    public void forward(View x, View weight, View bias, Geometry geometry, View y) {
        Taps taps = new Taps(x, weight, geometry, y);
        double[] w = Doubles.read(weight.permute(0, 2, 3, 1));
        double[] shift = bias == null ? new double[taps.o] : Doubles.read(bias);
        for (long b = 0; b < x.size(0); b++) {
            double[] in = Doubles.read(x.select(0, b));
            double[] out = new double[taps.outputs()];
            taps.each((atX, atW, atY) -> {
                for (int c = 0; c < taps.i; c++) {
                    out[atY] += in[atX + c] * w[atW + c];
                }
            });
            for (int at = 0; at < out.length; at++) {
                out[at] += shift[at % taps.o];
            }
            Doubles.write(out, y.select(0, b));
        }
    }

    @Override
    public void backwardInput(View dy, View weight, Geometry geometry, View dx) {
        Taps taps = new Taps(dx, weight, geometry, dy);
        double[] w = Doubles.read(weight.permute(0, 2, 3, 1));
        for (long b = 0; b < dx.size(0); b++) {
            double[] dout = Doubles.read(dy.select(0, b));
            double[] din = new double[taps.inputs()];
            taps.each((atX, atW, atY) -> {
                for (int c = 0; c < taps.i; c++) {
                    din[atX + c] += dout[atY] * w[atW + c];
                }
            });
            Doubles.write(din, dx.select(0, b));
        }
    }

    @Override
    public void backwardWeight(View x, View dy, Geometry geometry, View dweight, View dbias) {
        if (dweight != null) {
            Taps taps = new Taps(x, dweight, geometry, dy);
            double[] dw = new double[Math.toIntExact(dweight.elements())];
            for (long b = 0; b < x.size(0); b++) {
                double[] in = Doubles.read(x.select(0, b));
                double[] dout = Doubles.read(dy.select(0, b));
                taps.each((atX, atW, atY) -> {
                    for (int c = 0; c < taps.i; c++) {
                        dw[atW + c] += dout[atY] * in[atX + c];
                    }
                });
            }
            Doubles.write(dw, dweight.permute(0, 2, 3, 1));
        }
        if (dbias != null) {
            double[] sums = new double[Math.toIntExact(dbias.elements())];
            for (Walk w = Walk.rows(dy); w.more(); w.next()) {
                double[] row = Doubles.readRow(dy, w.at(0));
                for (int o = 0; o < sums.length; o++) {
                    sums[o] += row[o];
                }
            }
            Doubles.write(sums, dbias);
        }
    }

    @Override
    public void centralDifference(View weight, double theta, View effective) {
        int centre = centre(weight);
        for (long o = 0; o < weight.size(0); o++) {
            for (long c = 0; c < weight.size(1); c++) {
                double[] taps = Doubles.read(weight.select(0, o).select(0, c));
                double sum = 0;
                for (double tap : taps) {
                    sum += tap;
                }
                taps[centre] -= theta * sum;
                Doubles.write(taps, effective.select(0, o).select(0, c));
            }
        }
    }

    @Override
    public void centralDifferenceBackward(View deffective, double theta, View dweight) {
        int centre = centre(deffective);
        for (long o = 0; o < deffective.size(0); o++) {
            for (long c = 0; c < deffective.size(1); c++) {
                double[] taps = Doubles.read(deffective.select(0, o).select(0, c));
                double loss = theta * taps[centre];
                for (int t = 0; t < taps.length; t++) {
                    taps[t] -= loss;
                }
                Doubles.write(taps, dweight.select(0, o).select(0, c));
            }
        }
    }

    private static int centre(View weight) {
        assert weight.size(2) == weight.size(3) && weight.size(2) % 2 == 1 : "an odd square kernel, not " + weight;
        return Math.toIntExact(weight.size(2) * weight.size(3) / 2);
    }

    /** What to do with one output element and one tap: first of the I inputs, first of their I weights, the output. */
    private interface Pair {
        void meet(int atX, int atW, int atY);
    }

    /** The sizes of one convolution, and the walk over one picture; positions count in dense channels-last arrays. */
    private static final class Taps {
        final int h;
        final int w;
        final int c;
        final int o;
        final int i;
        final int kh;
        final int kw;
        final int outH;
        final int outW;
        final Geometry geometry;

        Taps(View x, View weight, Geometry geometry, View y) {
            h = Math.toIntExact(x.size(1));
            w = Math.toIntExact(x.size(2));
            c = Math.toIntExact(x.size(3));
            o = Math.toIntExact(weight.size(0));
            i = Math.toIntExact(weight.size(1));
            kh = Math.toIntExact(weight.size(2));
            kw = Math.toIntExact(weight.size(3));
            outH = Math.toIntExact(y.size(1));
            outW = Math.toIntExact(y.size(2));
            this.geometry = geometry;
            assert c == (long) i * geometry.groups() && o % geometry.groups() == 0 && y.size(3) == o
                    : x + " with " + weight + " in " + geometry + " to " + y;
            assert outH == geometry.out(h, kh) && outW == geometry.out(w, kw)
                    : x + " with " + weight + " in " + geometry + " to " + y;
        }

        int inputs() {
            return Math.toIntExact((long) h * w * c);
        }

        int outputs() {
            return Math.toIntExact((long) outH * outW * o);
        }

        void each(Pair pair) {
            for (int row = 0; row < outH; row++) {
                for (int col = 0; col < outW; col++) {
                    for (int u = 0; u < kh; u++) {
                        for (int v = 0; v < kw; v++) {
                            int inRow = row * geometry.stride() + u - geometry.padding();
                            int inCol = col * geometry.stride() + v - geometry.padding();
                            if (inRow >= 0 && inRow < h && inCol >= 0 && inCol < w) {
                                channels((inRow * w + inCol) * c, u * kw + v, (row * outW + col) * o, pair);
                            }
                        }
                    }
                }
            }
        }

        private void channels(int atX, int tap, int atY, Pair pair) {
            int perGroup = o / geometry.groups();
            for (int channel = 0; channel < o; channel++) {
                int group = channel / perGroup;
                pair.meet(atX + group * i, (channel * kh * kw + tap) * i, atY + channel);
            }
        }
    }
}
