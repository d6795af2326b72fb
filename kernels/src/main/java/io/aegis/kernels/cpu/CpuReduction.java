package io.aegis.kernels.cpu;

import io.aegis.kernels.DType;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.Reduction;
import io.aegis.kernels.View;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/** Sums and row-wise work on floats; the layouts that models do not use go to the plain kernels. */
final class CpuReduction implements Reduction {
    private final Reduction plain;
    private final Elementwise elementwise;

    CpuReduction(Reduction plain, Elementwise elementwise) {
        this.plain = plain;
        this.elementwise = elementwise;
    }

    @Override
    public void sum(View x, double scale, boolean accumulate, View y) {
        if (x.sameShape(y)) {
            if (accumulate) {
                elementwise.addScaled(x, scale, y);
            } else {
                elementwise.affine(x, scale, 0, y);
            }
            return;
        }
        if (x.dtype() == DType.F32 && y.dtype() == DType.F32 && x.elements() > 0 && x.rank() > 0) {
            int[] reduced = reduced(x, y);
            if (reduced != null && reduced[0] == 0 && everything(x, y)) {
                total(x, scale, accumulate, y);
                return;
            }
            if (reduced != null && x.stride(-1) == 1 && reduced[1] < x.rank()) {
                middle(x, scale, accumulate, y, reduced[0], reduced[1]);
                return;
            }
        }
        plain.sum(x, scale, accumulate, y);
    }

    /** The one run of dimensions that is summed over, from (inclusive) and to (exclusive); null if there are more. */
    private static int[] reduced(View x, View y) {
        int from = 0;
        while (from < x.rank() && x.size(from) == y.size(from)) {
            from++;
        }
        int to = from;
        while (to < x.rank() && y.size(to) == 1) {
            to++;
        }
        for (int d = to; d < x.rank(); d++) {
            if (x.size(d) != y.size(d)) {
                return null;
            }
        }
        return new int[] {from, to};
    }

    private static boolean everything(View x, View y) {
        return y.elements() == 1 && x.isContiguous();
    }

    private static void total(View x, double scale, boolean accumulate, View y) {
        long n = x.elements();
        double sum = 0;
        for (long from = 0; from < n; from += 1 << 20) {
            sum += Sums.row(x.buffer().memory(), x.offset() + from, (int) Math.min(1 << 20, n - from));
        }
        double before = accumulate ? y.getAt(y.offset()) : 0;
        y.setAt(y.offset(), before + scale * sum);
    }

    /** [outer, reduced, inner] to [outer, 1, inner], inner dense. */
    private void middle(View x, double scale, boolean accumulate, View y, int from, int to) {
        long outer = product(x, 0, from);
        long middle = product(x, from, to);
        long inner = product(x, to, x.rank());
        boolean shaped = x.canReshape(outer, middle, inner) && y.canReshape(outer, 1, inner);
        if (!shaped || inner == 0 || outer == 0) {
            plain.sum(x, scale, accumulate, y);
            return;
        }
        View in = x.reshape(outer, middle, inner);
        View out = y.reshape(outer, 1, inner);
        if (inner > 1 && (in.stride(2) != 1 || out.stride(2) != 1)) {
            plain.sum(x, scale, accumulate, y);
            return;
        }
        for (long o = 0; o < outer; o++) {
            View target = out.select(0, o).select(0, 0);
            Sums.columns(x.buffer().memory(), in.index(o), middle, inner, in.stride(1), scale, accumulate, target);
        }
    }

    private static long product(View x, int from, int to) {
        long n = 1;
        for (int d = from; d < to; d++) {
            n *= x.size(d);
        }
        return n;
    }

    @Override
    public void softmax(View x, View y) {
        if (!dense(x, y)) {
            plain.softmax(x, y);
            return;
        }
        int n = (int) x.size(-1);
        MemorySegment in = x.buffer().memory();
        MemorySegment out = y.buffer().memory();
        Workers.grains(x.elements() / n, Math.max(1, (1 << 13) / n), (from, to) -> {
            for (long r = from; r < to; r++) {
                softmaxRow(in, x.offset() + r * n, out, y.offset() + r * n, n);
            }
        });
    }

    private static void softmaxRow(MemorySegment x, long ix, MemorySegment y, long iy, int n) {
        float max = SoftmaxRows.max(x, ix, n);
        MemorySegment.copy(x, ix << 2, y, iy << 2, (long) n << 2);
        float sum = SoftmaxRows.exponentials(y, iy, max, n);
        SoftmaxRows.scale(y, iy, 1 / sum, n);
    }

    @Override
    public void softmaxBackward(View y, View dy, View dx) {
        if (!dense(y, dy, dx)) {
            plain.softmaxBackward(y, dy, dx);
            return;
        }
        int n = (int) y.size(-1);
        Workers.grains(y.elements() / n, Math.max(1, (1 << 13) / n), (from, to) -> {
            for (long r = from; r < to; r++) {
                slopeRow(y, dy, dx, r * n, n);
            }
        });
    }

    private static void slopeRow(View y, View dy, View dx, long row, int n) {
        MemorySegment p = y.buffer().memory();
        MemorySegment g = dy.buffer().memory();
        float dot = (float) Sums.dot(g, dy.offset() + row, p, y.offset() + row, n);
        MemorySegment out = dx.buffer().memory();
        long ip = y.offset() + row;
        long ig = dy.offset() + row;
        long io = dx.offset() + row;
        FloatVector by = Lanes.broadcast(dot);
        int i = 0;
        for (; i < Lanes.bound(n); i += Lanes.N) {
            Lanes.store(Lanes.load(g, ig + i).sub(by).mul(Lanes.load(p, ip + i)), out, io + i);
        }
        for (; i < n; i++) {
            Lanes.set(out, io + i, (Lanes.get(g, ig + i) - dot) * Lanes.get(p, ip + i));
        }
    }

    @Override
    public void normalizeRows(View x, View y, View lengths) {
        plain.normalizeRows(x, y, lengths);
    }

    @Override
    public void normalizeRowsBackward(View y, View lengths, View dy, View dx) {
        plain.normalizeRowsBackward(y, lengths, dy, dx);
    }

    private static boolean dense(View... views) {
        for (View v : views) {
            if (v.dtype() != DType.F32 || !v.isContiguous() || v.elements() == 0) {
                return false;
            }
        }
        return true;
    }

    @Override
    public void likeliest(View x, View index, View share) {
        plain.likeliest(x, index, share);
    }

    @Override
    public void greatest(View x, View y, View index) {
        plain.greatest(x, y, index);
    }

    @Override
    public void greatestBackward(View index, View dy, View dx) {
        plain.greatestBackward(index, dy, dx);
    }
}
