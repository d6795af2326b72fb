package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.Lanes.broadcast;
import static io.aegis.kernels.cpu.Lanes.get;
import static io.aegis.kernels.cpu.Lanes.load;
import static io.aegis.kernels.cpu.Lanes.set;
import static io.aegis.kernels.cpu.Lanes.store;

import io.aegis.kernels.View;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/** RMS norm by rows of dense floats, forward and backward; the formulas are those of {@link io.aegis.kernels.Normalization}. */
final class RmsNormRows {
    private static final long GRAIN = 1 << 14;

    private RmsNormRows() {}

    static void forward(View x, View weight, double eps, View y, View rstd) {
        int d = (int) x.size(-1);
        MemorySegment in = x.buffer().memory();
        MemorySegment out = y.buffer().memory();
        MemorySegment w = weight.buffer().memory();
        Workers.grains(x.elements() / Math.max(1, d), Math.max(1, GRAIN / Math.max(1, d)), (from, to) -> {
            for (long r = from; r < to; r++) {
                long ix = x.offset() + r * d;
                double s = 1 / Math.sqrt(Sums.dot(in, ix, in, ix, d) / d + eps);
                scaleRow(in, ix, (float) s, w, weight.offset(), out, y.offset() + r * d, d);
                if (rstd != null) {
                    set(rstd.buffer().memory(), rstd.offset() + r, (float) s);
                }
            }
        });
    }

    private static void scaleRow(
            MemorySegment x, long ix, float rstd, MemorySegment w, long iw, MemorySegment y, long iy, int n) {
        FloatVector r = broadcast(rstd);
        int i = 0;
        for (; i < Lanes.bound(n); i += Lanes.N) {
            store(load(x, ix + i).mul(r).mul(load(w, iw + i)), y, iy + i);
        }
        for (; i < n; i++) {
            set(y, iy + i, get(x, ix + i) * rstd * get(w, iw + i));
        }
    }

    static void backward(View x, View weight, View rstd, View dy, View dx, View dweight) {
        int d = (int) x.size(-1);
        long rows = x.elements() / Math.max(1, d);
        MemorySegment in = x.buffer().memory();
        MemorySegment grad = dy.buffer().memory();
        MemorySegment s = rstd.buffer().memory();
        MemorySegment w = weight.buffer().memory();
        if (dx != null) {
            MemorySegment out = dx.buffer().memory();
            Workers.grains(rows, Math.max(1, GRAIN / Math.max(1, d)), (from, to) -> {
                for (long r = from; r < to; r++) {
                    long ix = x.offset() + r * d;
                    long idy = dy.offset() + r * d;
                    float scale = get(s, rstd.offset() + r);
                    float mean = along(in, ix, grad, idy, w, weight.offset(), d) * scale / d;
                    flowRow(in, ix, grad, idy, w, weight.offset(), scale, mean, out, dx.offset() + r * d, d);
                }
            });
        }
        if (dweight != null) {
            Workers.grains(d, Math.max(Sums.STRIPE, GRAIN / Math.max(1, rows)), Sums.UNIT, (from, to) -> {
                int n = (int) (to - from);
                double[] sums = new double[n];
                float[] block = new float[n];
                for (long r = 0; r < rows; r++) {
                    long at = r * d + from;
                    addProducts(in, x.offset() + at, get(s, rstd.offset() + r), grad, dy.offset() + at, block, n);
                    if (r % Sums.BLOCK == Sums.BLOCK - 1 || r == rows - 1) {
                        Sums.flush(block, sums, n);
                    }
                }
                for (int i = 0; i < n; i++) {
                    set(dweight.buffer().memory(), dweight.offset() + from + i, (float) sums[i]);
                }
            });
        }
    }

    /** Sum of x dy weight. */
    private static float along(MemorySegment x, long ix, MemorySegment dy, long idy, MemorySegment w, long iw, int n) {
        FloatVector sums = broadcast(0);
        int i = 0;
        for (; i < Lanes.bound(n); i += Lanes.N) {
            sums = load(dy, idy + i).mul(load(w, iw + i)).fma(load(x, ix + i), sums);
        }
        float sum = Lanes.sum(sums);
        for (; i < n; i++) {
            sum += get(dy, idy + i) * get(w, iw + i) * get(x, ix + i);
        }
        return sum;
    }

    /** dx = rstd (g - x rstd mean), mean = mean(g x rstd). */
    private static void flowRow(
            MemorySegment x,
            long ix,
            MemorySegment dy,
            long idy,
            MemorySegment w,
            long iw,
            float rstd,
            float mean,
            MemorySegment dx,
            long idx,
            int n) {
        FloatVector r = broadcast(rstd);
        FloatVector m = broadcast(-rstd * mean);
        int i = 0;
        for (; i < Lanes.bound(n); i += Lanes.N) {
            FloatVector g = load(dy, idy + i).mul(load(w, iw + i));
            store(load(x, ix + i).fma(m, g).mul(r), dx, idx + i);
        }
        for (; i < n; i++) {
            float g = get(dy, idy + i) * get(w, iw + i);
            set(dx, idx + i, Math.fma(get(x, ix + i), -rstd * mean, g) * rstd);
        }
    }

    private static void addProducts(
            MemorySegment x, long ix, float rstd, MemorySegment dy, long idy, float[] sums, int n) {
        FloatVector r = broadcast(rstd);
        int i = 0;
        for (; i < Lanes.bound(n); i += Lanes.N) {
            FloatVector h = load(x, ix + i).mul(r);
            h.fma(load(dy, idy + i), FloatVector.fromArray(Lanes.F, sums, i)).intoArray(sums, i);
        }
        for (; i < n; i++) {
            sums[i] = Math.fma(get(x, ix + i) * rstd, get(dy, idy + i), sums[i]);
        }
    }
}
