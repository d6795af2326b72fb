package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.Lanes.N;
import static io.aegis.kernels.cpu.Lanes.bound;
import static io.aegis.kernels.cpu.Lanes.broadcast;
import static io.aegis.kernels.cpu.Lanes.get;
import static io.aegis.kernels.cpu.Lanes.load;
import static io.aegis.kernels.cpu.Lanes.set;
import static io.aegis.kernels.cpu.Lanes.store;

import io.aegis.kernels.Activation;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Activations of float rows, value and derivative. Every loop is written out, because a loop that takes its function as an
 * argument is compiled once for all functions, with a call a vector.
 */
final class CpuActivation {
    private static final FloatVector ONE = broadcast(1);
    private static final FloatVector QUICK = broadcast(1.702f);
    /** 2 sqrt(2 / pi): tanh(u) = 2 sigmoid(2u) - 1, so that the GELU by tanh is x sigmoid(LINEAR x + CUBIC x^3). */
    private static final FloatVector LINEAR = broadcast(1.5957691f);

    private static final FloatVector CUBIC = broadcast(0.07135482f);
    private static final FloatVector THREE_CUBIC = broadcast(0.21406445f);
    private static final FloatVector MINUS_HALF = broadcast(-0.5f);
    /** 1 / sqrt(2 pi), the density of the normal distribution at 0. */
    private static final FloatVector DENSITY = broadcast(0.39894228f);

    private CpuActivation() {}

    /** Whether there is a loop for this one here. */
    static boolean covers(Activation f) {
        return switch (f) {
            case RELU, GELU, QUICK_GELU, GELU_TANH, SILU, SIGMOID -> true;
            case NONE, EXP, LOG, SQRT -> false;
        };
    }

    /** y = f(x). */
    static void forward(Activation f, MemorySegment x, long ix, MemorySegment y, long iy, int n) {
        if (MachineFunctions.suit(n) && MachineFunctions.covers(f)) {
            MachineFunctions.apply(f, x, ix, y, iy, n);
            return;
        }
        switch (f) {
            case RELU -> relu(x, ix, y, iy, n);
            case GELU -> gelu(x, ix, y, iy, n);
            case QUICK_GELU -> quickGelu(x, ix, y, iy, n);
            case GELU_TANH -> geluTanh(x, ix, y, iy, n);
            case SILU -> silu(x, ix, y, iy, n);
            case SIGMOID -> sigmoid(x, ix, y, iy, n);
            case NONE, EXP, LOG, SQRT -> throw new IllegalArgumentException("no vector loop for " + f);
        }
        for (int i = bound(n); i < n; i++) {
            set(y, iy + i, (float) f.value(get(x, ix + i)));
        }
    }

    /** dx = dy f'(x). */
    static void backward(
            Activation f, MemorySegment x, long ix, MemorySegment dy, long idy, MemorySegment dx, long idx, int n) {
        switch (f) {
            case RELU -> reluBackward(x, ix, dy, idy, dx, idx, n);
            case GELU -> geluBackward(x, ix, dy, idy, dx, idx, n);
            case QUICK_GELU -> quickGeluBackward(x, ix, dy, idy, dx, idx, n);
            case GELU_TANH -> geluTanhBackward(x, ix, dy, idy, dx, idx, n);
            case SILU -> siluBackward(x, ix, dy, idy, dx, idx, n);
            case SIGMOID -> sigmoidBackward(x, ix, dy, idy, dx, idx, n);
            case NONE, EXP, LOG, SQRT -> throw new IllegalArgumentException("no vector loop for " + f);
        }
        for (int i = bound(n); i < n; i++) {
            set(dx, idx + i, (float) (get(dy, idy + i) * f.derivative(get(x, ix + i))));
        }
    }

    private static void relu(MemorySegment x, long ix, MemorySegment y, long iy, int n) {
        for (int i = 0; i < bound(n); i += N) {
            store(load(x, ix + i).max(0f), y, iy + i);
        }
    }

    /** x Phi(x). */
    private static void gelu(MemorySegment x, long ix, MemorySegment y, long iy, int n) {
        for (int i = 0; i < bound(n); i += N) {
            FloatVector v = load(x, ix + i);
            FloatVector e = Lanes.exp(v.mul(v).mul(MINUS_HALF));
            store(v.mul(Lanes.normalCdf(v, e)), y, iy + i);
        }
    }

    /** x sigmoid(1.702 x). */
    private static void quickGelu(MemorySegment x, long ix, MemorySegment y, long iy, int n) {
        for (int i = 0; i < bound(n); i += N) {
            FloatVector v = load(x, ix + i);
            store(v.mul(Lanes.sigmoid(v.mul(QUICK))), y, iy + i);
        }
    }

    /** x sigmoid(2u), u = sqrt(2 / pi) (x + 0.044715 x^3). */
    private static void geluTanh(MemorySegment x, long ix, MemorySegment y, long iy, int n) {
        for (int i = 0; i < bound(n); i += N) {
            FloatVector v = load(x, ix + i);
            FloatVector z = v.mul(v).fma(CUBIC, LINEAR).mul(v);
            store(v.mul(Lanes.sigmoid(z)), y, iy + i);
        }
    }

    /** x sigmoid(x). */
    private static void silu(MemorySegment x, long ix, MemorySegment y, long iy, int n) {
        for (int i = 0; i < bound(n); i += N) {
            FloatVector v = load(x, ix + i);
            store(v.mul(Lanes.sigmoid(v)), y, iy + i);
        }
    }

    private static void sigmoid(MemorySegment x, long ix, MemorySegment y, long iy, int n) {
        for (int i = 0; i < bound(n); i += N) {
            store(Lanes.sigmoid(load(x, ix + i)), y, iy + i);
        }
    }

    /** 0 where x is at most 0, so that NaN stays visible. */
    private static void reluBackward(
            MemorySegment x, long ix, MemorySegment dy, long idy, MemorySegment dx, long idx, int n) {
        for (int i = 0; i < bound(n); i += N) {
            FloatVector g = load(dy, idy + i);
            store(g.blend(0f, load(x, ix + i).compare(VectorOperators.LE, 0f)), dx, idx + i);
        }
    }

    /** Phi(x) + x phi(x), phi the density of the normal distribution. */
    private static void geluBackward(
            MemorySegment x, long ix, MemorySegment dy, long idy, MemorySegment dx, long idx, int n) {
        for (int i = 0; i < bound(n); i += N) {
            FloatVector v = load(x, ix + i);
            FloatVector e = Lanes.exp(v.mul(v).mul(MINUS_HALF));
            FloatVector slope = v.mul(e).fma(DENSITY, Lanes.normalCdf(v, e));
            store(slope.mul(load(dy, idy + i)), dx, idx + i);
        }
    }

    /** s(z) + z s'(z), z = 1.702 x, s the sigmoid, s' = s(z) s(-z). */
    private static void quickGeluBackward(
            MemorySegment x, long ix, MemorySegment dy, long idy, MemorySegment dx, long idx, int n) {
        for (int i = 0; i < bound(n); i += N) {
            FloatVector z = load(x, ix + i).mul(QUICK);
            FloatVector s = Lanes.sigmoid(z);
            FloatVector slope = z.mul(s).fma(ONE.sub(s), s);
            store(slope.mul(load(dy, idy + i)), dx, idx + i);
        }
    }

    /** s(z) + x z' s'(z), z = 2u, s' = s (1 - s). */
    private static void geluTanhBackward(
            MemorySegment x, long ix, MemorySegment dy, long idy, MemorySegment dx, long idx, int n) {
        for (int i = 0; i < bound(n); i += N) {
            FloatVector v = load(x, ix + i);
            FloatVector square = v.mul(v);
            FloatVector s = Lanes.sigmoid(square.fma(CUBIC, LINEAR).mul(v));
            FloatVector rise = square.fma(THREE_CUBIC, LINEAR).mul(v);
            FloatVector slope = rise.mul(s).fma(ONE.sub(s), s);
            store(slope.mul(load(dy, idy + i)), dx, idx + i);
        }
    }

    /** s(x) + x s'(x), s' = s (1 - s). */
    private static void siluBackward(
            MemorySegment x, long ix, MemorySegment dy, long idy, MemorySegment dx, long idx, int n) {
        for (int i = 0; i < bound(n); i += N) {
            FloatVector v = load(x, ix + i);
            FloatVector s = Lanes.sigmoid(v);
            FloatVector slope = v.mul(s).fma(ONE.sub(s), s);
            store(slope.mul(load(dy, idy + i)), dx, idx + i);
        }
    }

    /** e / (1 + e)^2, e = exp(-|x|): s (1 - s) without the cancellation near s = 1. */
    private static void sigmoidBackward(
            MemorySegment x, long ix, MemorySegment dy, long idy, MemorySegment dx, long idx, int n) {
        for (int i = 0; i < bound(n); i += N) {
            FloatVector e = Lanes.exp(load(x, ix + i).abs().neg());
            FloatVector root = e.add(ONE);
            store(e.div(root.mul(root)).mul(load(dy, idy + i)), dx, idx + i);
        }
    }
}
