package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.Lanes.broadcast;
import static io.aegis.kernels.cpu.Lanes.get;
import static io.aegis.kernels.cpu.Lanes.load;
import static io.aegis.kernels.cpu.Lanes.set;
import static io.aegis.kernels.cpu.Lanes.store;

import io.aegis.kernels.DType;
import io.aegis.kernels.RotaryEmbedding;
import io.aegis.kernels.View;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/** Rotations of float heads, a token a piece of work; other dtypes and heads that are not dense go to the plain kernels. */
final class CpuRotaryEmbedding implements RotaryEmbedding {
    private static final long GRAIN = 1 << 13;

    private final RotaryEmbedding plain;

    CpuRotaryEmbedding(RotaryEmbedding plain) {
        this.plain = plain;
    }

    @Override
    public void rotate(View x, View cos, View sin, boolean inverse, View y) {
        if (!dense(x, cos, sin, y)) {
            plain.rotate(x, cos, sin, inverse, y);
            return;
        }
        long tokens = x.size(1);
        long heads = x.size(2);
        int half = (int) (x.size(3) / 2);
        boolean each = cos.rank() == 3;
        float sign = inverse ? -1 : 1;
        MemorySegment in = x.buffer().memory();
        MemorySegment out = y.buffer().memory();
        MemorySegment c = cos.buffer().memory();
        MemorySegment s = sin.buffer().memory();
        Workers.grains(x.size(0) * tokens, Math.max(1, GRAIN / Math.max(1, heads * 2 * half)), (from, to) -> {
            for (long at = from; at < to; at++) {
                long b = at / tokens;
                long n = at % tokens;
                long ic = each ? cos.index(b, n) : cos.index(n);
                long is = each ? sin.index(b, n) : sin.index(n);
                long ix = x.index(b, n);
                long iy = y.index(b, n);
                for (long h = 0; h < heads; h++) {
                    turn(in, ix + h * x.stride(2), c, ic, s, is, sign, out, iy + h * y.stride(2), half);
                }
            }
        });
    }

    private static void turn(
            MemorySegment x,
            long ix,
            MemorySegment cos,
            long ic,
            MemorySegment sin,
            long is,
            float sign,
            MemorySegment y,
            long iy,
            int half) {
        FloatVector signs = broadcast(sign);
        int j = 0;
        for (; j < Lanes.bound(half); j += Lanes.N) {
            FloatVector a = load(x, ix + j);
            FloatVector b = load(x, ix + half + j);
            FloatVector c = load(cos, ic + j);
            FloatVector s = load(sin, is + j).mul(signs);
            store(a.mul(c).sub(b.mul(s)), y, iy + j);
            store(b.mul(c).add(a.mul(s)), y, iy + half + j);
        }
        for (; j < half; j++) {
            float a = get(x, ix + j);
            float b = get(x, ix + half + j);
            float c = get(cos, ic + j);
            float s = get(sin, is + j) * sign;
            set(y, iy + j, a * c - b * s);
            set(y, iy + half + j, b * c + a * s);
        }
    }

    private static boolean dense(View... views) {
        for (View v : views) {
            if (v.dtype() != DType.F32 || v.size(-1) > 1 && v.stride(-1) != 1) {
                return false;
            }
        }
        return true;
    }
}
