package io.aegis.kernels.cpu;

import io.aegis.kernels.Activation;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * Activations of float rows, value and derivative. Every loop is written out, because a loop that takes its function as an
 * argument is compiled once for all functions, with a call a vector. The end of a row is a masked vector: a lane past it
 * reads 0 and is not stored.
 */
final class CpuActivation {
    private CpuActivation() {}

    /** Whether there is a loop for this one here. */
    static boolean covers(Activation f) {
        return switch (f) {
            case RELU, GELU, QUICK_GELU, SIGMOID, EXP -> true;
            case NONE, LOG, SQRT -> false;
        };
    }

    /** y = f(x). */
    static void forward(Activation f, MemorySegment x, long ix, MemorySegment y, long iy, int n) {
        switch (f) {
            case RELU -> relu(x, ix, y, iy, n);
            case GELU -> gelu(x, ix, y, iy, n);
            case QUICK_GELU -> quickGelu(x, ix, y, iy, n);
            case SIGMOID -> sigmoid(x, ix, y, iy, n);
            case EXP -> exp(x, ix, y, iy, n);
            case NONE, LOG, SQRT -> throw new IllegalArgumentException("no vector loop for " + f);
        }
    }

    /** dx = dy f'(x). */
    static void backward(
            Activation f, MemorySegment x, long ix, MemorySegment dy, long idy, MemorySegment dx, long idx, int n) {
        switch (f) {
            case RELU -> reluBackward(x, ix, dy, idy, dx, idx, n);
            case GELU -> geluBackward(x, ix, dy, idy, dx, idx, n);
            case QUICK_GELU -> quickGeluBackward(x, ix, dy, idy, dx, idx, n);
            case SIGMOID -> sigmoidBackward(x, ix, dy, idy, dx, idx, n);
            case EXP -> expBackward(x, ix, dy, idy, dx, idx, n);
            case NONE, LOG, SQRT -> throw new IllegalArgumentException("no vector loop for " + f);
        }
    }

    private static void relu(MemorySegment x, long ix, MemorySegment y, long iy, int n) {
        for (int i = 0; i < n; i += Lanes.N) {
            VectorMask<Float> in = Lanes.F.indexInRange(i, n);
            Lanes.store(relu(Lanes.load(x, ix + i, in)), y, iy + i, in);
        }
    }

    private static void gelu(MemorySegment x, long ix, MemorySegment y, long iy, int n) {
        for (int i = 0; i < n; i += Lanes.N) {
            VectorMask<Float> in = Lanes.F.indexInRange(i, n);
            Lanes.store(gelu(Lanes.load(x, ix + i, in)), y, iy + i, in);
        }
    }

    private static void quickGelu(MemorySegment x, long ix, MemorySegment y, long iy, int n) {
        for (int i = 0; i < n; i += Lanes.N) {
            VectorMask<Float> in = Lanes.F.indexInRange(i, n);
            Lanes.store(quickGelu(Lanes.load(x, ix + i, in)), y, iy + i, in);
        }
    }

    private static void sigmoid(MemorySegment x, long ix, MemorySegment y, long iy, int n) {
        for (int i = 0; i < n; i += Lanes.N) {
            VectorMask<Float> in = Lanes.F.indexInRange(i, n);
            Lanes.store(sigmoid(Lanes.load(x, ix + i, in)), y, iy + i, in);
        }
    }

    private static void exp(MemorySegment x, long ix, MemorySegment y, long iy, int n) {
        for (int i = 0; i < n; i += Lanes.N) {
            VectorMask<Float> in = Lanes.F.indexInRange(i, n);
            Lanes.store(exp(Lanes.load(x, ix + i, in)), y, iy + i, in);
        }
    }

    private static void reluBackward(
            MemorySegment x, long ix, MemorySegment dy, long idy, MemorySegment dx, long idx, int n) {
        for (int i = 0; i < n; i += Lanes.N) {
            VectorMask<Float> in = Lanes.F.indexInRange(i, n);
            FloatVector g = Lanes.load(dy, idy + i, in);
            Lanes.store(reluSlope(Lanes.load(x, ix + i, in), g), dx, idx + i, in);
        }
    }

    private static void geluBackward(
            MemorySegment x, long ix, MemorySegment dy, long idy, MemorySegment dx, long idx, int n) {
        for (int i = 0; i < n; i += Lanes.N) {
            VectorMask<Float> in = Lanes.F.indexInRange(i, n);
            FloatVector g = Lanes.load(dy, idy + i, in);
            Lanes.store(geluSlope(Lanes.load(x, ix + i, in), g), dx, idx + i, in);
        }
    }

    private static void quickGeluBackward(
            MemorySegment x, long ix, MemorySegment dy, long idy, MemorySegment dx, long idx, int n) {
        for (int i = 0; i < n; i += Lanes.N) {
            VectorMask<Float> in = Lanes.F.indexInRange(i, n);
            FloatVector g = Lanes.load(dy, idy + i, in);
            Lanes.store(quickGeluSlope(Lanes.load(x, ix + i, in), g), dx, idx + i, in);
        }
    }

    private static void sigmoidBackward(
            MemorySegment x, long ix, MemorySegment dy, long idy, MemorySegment dx, long idx, int n) {
        for (int i = 0; i < n; i += Lanes.N) {
            VectorMask<Float> in = Lanes.F.indexInRange(i, n);
            FloatVector g = Lanes.load(dy, idy + i, in);
            Lanes.store(sigmoidSlope(Lanes.load(x, ix + i, in), g), dx, idx + i, in);
        }
    }

    private static void expBackward(
            MemorySegment x, long ix, MemorySegment dy, long idy, MemorySegment dx, long idx, int n) {
        for (int i = 0; i < n; i += Lanes.N) {
            VectorMask<Float> in = Lanes.F.indexInRange(i, n);
            FloatVector g = Lanes.load(dy, idy + i, in);
            Lanes.store(expSlope(Lanes.load(x, ix + i, in), g), dx, idx + i, in);
        }
    }

    static FloatVector relu(FloatVector x) {
        return x.max(0f);
    }

    /** 0 where x is at most 0, so that NaN stays visible. */
    private static FloatVector reluSlope(FloatVector x, FloatVector g) {
        return g.blend(0f, x.compare(VectorOperators.LE, 0f));
    }

    private static FloatVector gelu(FloatVector x) {
        return x.mul(Lanes.normalCdf(x));
    }

    /** Phi(x) + x phi(x), phi the density of the normal distribution. */
    private static FloatVector geluSlope(FloatVector x, FloatVector g) {
        FloatVector density = Lanes.exp(x.mul(x).mul(-0.5f)).mul(0.39894228f);
        return g.mul(x.fma(density, Lanes.normalCdf(x)));
    }

    private static FloatVector quickGelu(FloatVector x) {
        return x.mul(Lanes.sigmoid(x.mul(1.702f)));
    }

    /** s(z) + z s'(z), z = 1.702 x, s the sigmoid. */
    private static FloatVector quickGeluSlope(FloatVector x, FloatVector g) {
        FloatVector z = x.mul(1.702f);
        return g.mul(z.fma(sigmoidSlope(z), Lanes.sigmoid(z)));
    }

    static FloatVector sigmoid(FloatVector x) {
        return Lanes.sigmoid(x);
    }

    private static FloatVector sigmoidSlope(FloatVector x, FloatVector g) {
        return g.mul(sigmoidSlope(x));
    }

    /** e / (1 + e)^2, e = exp(-|x|): s (1 - s) without the cancellation near s = 1. */
    private static FloatVector sigmoidSlope(FloatVector x) {
        FloatVector e = Lanes.exp(x.abs().neg());
        FloatVector root = e.add(1f);
        return e.div(root.mul(root));
    }

    private static FloatVector exp(FloatVector x) {
        return Lanes.exp(x);
    }

    private static FloatVector expSlope(FloatVector x, FloatVector g) {
        return g.mul(Lanes.exp(x));
    }
}
