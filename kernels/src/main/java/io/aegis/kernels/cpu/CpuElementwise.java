package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.Lanes.bound;
import static io.aegis.kernels.cpu.Lanes.broadcast;
import static io.aegis.kernels.cpu.Lanes.get;
import static io.aegis.kernels.cpu.Lanes.load;
import static io.aegis.kernels.cpu.Lanes.set;
import static io.aegis.kernels.cpu.Lanes.store;

import io.aegis.kernels.Activation;
import io.aegis.kernels.DType;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.Philox;
import io.aegis.kernels.View;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/**
 * Pointwise work on floats, row by row in vectors. What is not float32, or has no two neighbours side by side, or is
 * done once a step, goes to the plain kernels.
 */
final class CpuElementwise implements Elementwise {
    private final Elementwise plain;

    CpuElementwise(Elementwise plain) {
        this.plain = plain;
    }

    @Override
    public void fill(View y, double value) {
        Rows rows = new Rows(y);
        if (y.dtype() != DType.F32 || !rows.dense()) {
            plain.fill(y, value);
            return;
        }
        MemorySegment m = y.buffer().memory();
        rows.forEach((at, n) -> fill(m, at[0], n, (float) value));
    }

    private static void fill(MemorySegment y, long iy, int n, float value) {
        FloatVector v = broadcast(value);
        int i = 0;
        for (; i < bound(n); i += Lanes.N) {
            store(v, y, iy + i);
        }
        for (; i < n; i++) {
            set(y, iy + i, value);
        }
    }

    @Override
    public void copy(View x, View y) {
        Rows rows = new Rows(x, y);
        MemorySegment from = x.buffer().memory();
        MemorySegment to = y.buffer().memory();
        boolean half = x.dtype() == DType.F16 || x.dtype() == DType.BF16;
        if (half && y.dtype() == DType.F32 && rows.dense()) {
            rows.forEach((at, n) -> Widen.row(x.dtype(), from, at[0], to, at[1], n));
            return;
        }
        if (x.dtype() != y.dtype()) {
            plain.copy(x, y);
            return;
        }
        int size = x.dtype().bytes();
        if (rows.dense()) {
            rows.forEach((at, n) -> MemorySegment.copy(from, at[0] * size, to, at[1] * size, (long) n * size));
        } else if (x.dtype() == DType.F32) {
            long sx = rows.steps()[0];
            long sy = rows.steps()[1];
            rows.forEach((at, n) -> {
                for (int i = 0; i < n; i++) {
                    set(to, at[1] + i * sy, get(from, at[0] + i * sx));
                }
            });
        } else {
            plain.copy(x, y);
        }
    }

    @Override
    public void binary(Binary op, View a, View b, View y) {
        Rows rows = floats(a, b, y);
        if (rows == null) {
            plain.binary(op, a, b, y);
            return;
        }
        MemorySegment ma = a.buffer().memory();
        MemorySegment mb = b.buffer().memory();
        MemorySegment my = y.buffer().memory();
        switch (op) {
            case ADD -> rows.forEach((at, n) -> add(ma, at[0], mb, at[1], my, at[2], n));
            case SUBTRACT -> rows.forEach((at, n) -> subtract(ma, at[0], mb, at[1], my, at[2], n));
            case MULTIPLY -> rows.forEach((at, n) -> multiply(ma, at[0], mb, at[1], my, at[2], n));
            case DIVIDE -> rows.forEach((at, n) -> divide(ma, at[0], mb, at[1], my, at[2], n));
        }
    }

    private static void add(MemorySegment a, long ia, MemorySegment b, long ib, MemorySegment y, long iy, int n) {
        int i = 0;
        for (; i < bound(n); i += Lanes.N) {
            store(load(a, ia + i).add(load(b, ib + i)), y, iy + i);
        }
        for (; i < n; i++) {
            set(y, iy + i, get(a, ia + i) + get(b, ib + i));
        }
    }

    private static void subtract(MemorySegment a, long ia, MemorySegment b, long ib, MemorySegment y, long iy, int n) {
        int i = 0;
        for (; i < bound(n); i += Lanes.N) {
            store(load(a, ia + i).sub(load(b, ib + i)), y, iy + i);
        }
        for (; i < n; i++) {
            set(y, iy + i, get(a, ia + i) - get(b, ib + i));
        }
    }

    private static void multiply(MemorySegment a, long ia, MemorySegment b, long ib, MemorySegment y, long iy, int n) {
        int i = 0;
        for (; i < bound(n); i += Lanes.N) {
            store(load(a, ia + i).mul(load(b, ib + i)), y, iy + i);
        }
        for (; i < n; i++) {
            set(y, iy + i, get(a, ia + i) * get(b, ib + i));
        }
    }

    private static void divide(MemorySegment a, long ia, MemorySegment b, long ib, MemorySegment y, long iy, int n) {
        int i = 0;
        for (; i < bound(n); i += Lanes.N) {
            store(load(a, ia + i).div(load(b, ib + i)), y, iy + i);
        }
        for (; i < n; i++) {
            set(y, iy + i, get(a, ia + i) / get(b, ib + i));
        }
    }

    @Override
    public void affine(View x, double scale, double shift, View y) {
        Rows rows = floats(x, y);
        if (rows == null) {
            plain.affine(x, scale, shift, y);
            return;
        }
        MemorySegment mx = x.buffer().memory();
        MemorySegment my = y.buffer().memory();
        rows.forEach((at, n) -> affine(mx, at[0], (float) scale, (float) shift, my, at[1], n));
    }

    private static void affine(MemorySegment x, long ix, float scale, float shift, MemorySegment y, long iy, int n) {
        FloatVector s = broadcast(scale);
        FloatVector t = broadcast(shift);
        int i = 0;
        for (; i < bound(n); i += Lanes.N) {
            store(load(x, ix + i).fma(s, t), y, iy + i);
        }
        for (; i < n; i++) {
            set(y, iy + i, Math.fma(get(x, ix + i), scale, shift));
        }
    }

    @Override
    public void addScaled(View x, double scale, View y) {
        Rows rows = floats(x, y);
        if (rows == null) {
            plain.addScaled(x, scale, y);
            return;
        }
        MemorySegment mx = x.buffer().memory();
        MemorySegment my = y.buffer().memory();
        rows.forEach((at, n) -> addScaled(mx, at[0], (float) scale, my, at[1], n));
    }

    private static void addScaled(MemorySegment x, long ix, float scale, MemorySegment y, long iy, int n) {
        FloatVector s = broadcast(scale);
        int i = 0;
        for (; i < bound(n); i += Lanes.N) {
            store(load(x, ix + i).fma(s, load(y, iy + i)), y, iy + i);
        }
        for (; i < n; i++) {
            set(y, iy + i, Math.fma(get(x, ix + i), scale, get(y, iy + i)));
        }
    }

    @Override
    public void activate(Activation f, View x, View y) {
        Rows rows = floats(x, y);
        if (rows == null || !CpuActivation.covers(f)) {
            plain.activate(f, x, y);
            return;
        }
        MemorySegment mx = x.buffer().memory();
        MemorySegment my = y.buffer().memory();
        rows.forEach((at, n) -> CpuActivation.forward(f, mx, at[0], my, at[1], n));
    }

    @Override
    public void activateBackward(Activation f, View x, View dy, View dx) {
        Rows rows = floats(x, dy, dx);
        if (rows == null || !CpuActivation.covers(f)) {
            plain.activateBackward(f, x, dy, dx);
            return;
        }
        MemorySegment mx = x.buffer().memory();
        MemorySegment mdy = dy.buffer().memory();
        MemorySegment mdx = dx.buffer().memory();
        rows.forEach((at, n) -> CpuActivation.backward(f, mx, at[0], mdy, at[1], mdx, at[2], n));
    }

    @Override
    public void siluGate(View gate, View up, View y) {
        Rows rows = floats(gate, up, y);
        if (rows == null) {
            plain.siluGate(gate, up, y);
            return;
        }
        MemorySegment g = gate.buffer().memory();
        MemorySegment u = up.buffer().memory();
        MemorySegment out = y.buffer().memory();
        rows.forEach((at, n) -> GateRows.forward(g, at[0], u, at[1], out, at[2], n));
    }

    @Override
    public void siluGateBackward(View gate, View up, View dy, View dgate, View dup) {
        MemorySegment g = gate.buffer().memory();
        MemorySegment u = up.buffer().memory();
        MemorySegment d = dy.buffer().memory();
        Rows toGate = dgate == null ? null : floats(gate, up, dy, dgate);
        Rows toUp = dup == null ? null : floats(gate, dy, dup);
        if (dgate != null && toGate == null || dup != null && toUp == null) {
            plain.siluGateBackward(gate, up, dy, dgate, dup);
            return;
        }
        if (dgate != null) {
            MemorySegment out = dgate.buffer().memory();
            toGate.forEach((at, n) -> GateRows.gateBackward(g, at[0], u, at[1], d, at[2], out, at[3], n));
        }
        if (dup != null) {
            // The slope along what is gated is the gate itself: dy in the place of up.
            MemorySegment out = dup.buffer().memory();
            toUp.forEach((at, n) -> GateRows.forward(g, at[0], d, at[1], out, at[2], n));
        }
    }

    @Override
    public void dropout(View x, double p, long seed, View step, View samples, long site, View y) {
        boolean floats = x.dtype() == DType.F32 && y.dtype() == DType.F32;
        if (!floats || !x.isContiguous() || !y.isContiguous() || x.elements() == 0) {
            plain.dropout(x, p, seed, step, samples, site, y);
            return;
        }
        long n = x.elements() / x.size(0);
        long now = step.getLong(0);
        MemorySegment from = x.buffer().memory();
        MemorySegment to = y.buffer().memory();
        Workers.grains(x.size(0), Math.max(1, 4096 / n), (first, last) -> {
            for (long b = first; b < last; b++) {
                dropRow(
                        from,
                        x.offset() + b * n,
                        (float) p,
                        seed,
                        now,
                        samples.getLong(b),
                        site,
                        to,
                        y.offset() + b * n,
                        n);
            }
        });
    }

    /** Four elements share one block of random words. */
    private static void dropRow(
            MemorySegment x,
            long ix,
            float p,
            long seed,
            long step,
            long sample,
            long site,
            MemorySegment y,
            long iy,
            long n) {
        float scale = (float) (1 / (1 - (double) p));
        int[] words = new int[4];
        for (long e = 0; e < n; e += 4) {
            words[0] = (int) step;
            words[1] = (int) sample;
            words[2] = (int) site;
            words[3] = (int) (e >>> 2);
            Philox.block(seed, words);
            for (int k = 0; k < 4 && e + k < n; k++) {
                float value = Philox.toUnit(words[k]) < p ? 0 : get(x, ix + e + k) * scale;
                set(y, iy + e + k, value);
            }
        }
    }

    @Override
    public void gather(View x, View index, View y) {
        if (x.dtype() != y.dtype()) {
            plain.gather(x, index, y);
            return;
        }
        for (long i = 0; i < index.elements(); i++) {
            copy(x.select(0, index.getLong(i)), y.select(0, i));
        }
    }

    @Override
    public void scatterAdd(View y, View index, View x) {
        for (long i = 0; i < index.elements(); i++) {
            addScaled(y.select(0, i), 1, x.select(0, index.getLong(i)));
        }
    }

    /** The rows of views that are all float32 with dense rows, or null. */
    private static Rows floats(View... views) {
        for (View v : views) {
            if (v.dtype() != DType.F32) {
                return null;
            }
        }
        Rows rows = new Rows(views);
        return rows.dense() ? rows : null;
    }
}
