package io.aegis.kernels.check;

import io.aegis.kernels.Convolution;
import io.aegis.kernels.DType;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.QuantizedWeight.Format;
import io.aegis.kernels.View;
import java.lang.foreign.Arena;
import java.util.Random;

/**
 * Random operands. Values are representable in bfloat16, so that kernels which round their operands to it still have the
 * plain ones' operands before them.
 */
final class Draw {
    /** Sizes at which kernels go wrong: around warps, tiles and vectors. */
    private static final int[] AWKWARD = {1, 2, 7, 8, 13, 16, 31, 32, 33, 63, 64, 65, 72, 96, 127, 128, 129, 197};

    private final Random random;
    private final Arena arena;

    Draw(long seed, Arena arena) {
        this.random = new Random(seed);
        this.arena = arena;
    }

    boolean coin() {
        return random.nextBoolean();
    }

    int below(int n) {
        return random.nextInt(n);
    }

    /** One of these. */
    int of(int... choices) {
        return choices[random.nextInt(choices.length)];
    }

    /** A size, awkward more often than not, at most {@code most}. */
    long size(int most) {
        int s = random.nextInt(3) == 0 ? 1 + random.nextInt(most) : of(AWKWARD);
        return Math.min(s, most);
    }

    /** Normal values, dense. */
    View normal(long... shape) {
        return normal(DType.F32, shape);
    }

    View normal(DType dtype, long... shape) {
        return fill(View.allocate(arena, dtype, shape), 1, 0);
    }

    /** Weights [o, i, k, k] of a convolution, laid out as its kernels want them. */
    View convolutionWeight(long o, long i, int k) {
        View dense = normal(o, i, k, k);
        return View.of(dense.buffer(), DType.F32, 0, dense.shape(), Convolution.channelsLast(o, i, k, k));
    }

    /** Positive values, none near 0. */
    View positive(long... shape) {
        View v = View.allocate(arena, DType.F32, shape);
        for (long i = 0; i < v.elements(); i++) {
            v.setAt(v.position(i), bfloat16(0.25 + Math.abs(random.nextGaussian())));
        }
        return v;
    }

    /** Normal values whose last two dimensions may be exchanged in memory, with room between rows. */
    View matrix(DType dtype, long... shape) {
        boolean transposed = coin();
        int last = shape.length - 1;
        long[] stored = shape.clone();
        if (transposed) {
            stored[last] = shape[last - 1];
            stored[last - 1] = shape[last];
        }
        long width = stored[last];
        stored[last] = width + (coin() ? 8 : 0) + (coin() ? 3 : 0);
        View v = View.allocate(arena, dtype, stored).slice(last, 0, width);
        return fill(transposed ? v.transpose(last, last - 1) : v, 1, 0);
    }

    /** What a dense weight may be stored in. */
    DType weightType() {
        return coin() ? DType.F32 : coin() ? DType.BF16 : DType.F16;
    }

    /** A weight of 8 or 4 bits with n outputs; its scales are powers of two, so that weights too fit into bfloat16. */
    QuantizedWeight quantized(long n) {
        Format format = coin() ? Format.INT8 : Format.INT4;
        long groups = 1 + below(5);
        int group = of(32, 64, 128);
        View codes = View.allocate(arena, format.codes(), n, format.width(groups * group));
        for (long i = 0; i < codes.elements(); i++) {
            codes.setLongAt(i, format == Format.INT8 ? below(255) - 127 : below(256));
        }
        View scales = View.allocate(arena, DType.F32, n, groups);
        for (long i = 0; i < scales.elements(); i++) {
            scales.setAt(i, Math.scalb(1.0, -below(6)));
        }
        return new QuantizedWeight(codes, scales);
    }

    /** Numbers below {@code n}. */
    View indices(long n, long... shape) {
        View v = View.allocate(arena, DType.I64, shape);
        for (long i = 0; i < v.elements(); i++) {
            v.setLongAt(i, random.nextInt((int) n));
        }
        return v;
    }

    /** Where sequences of these lengths begin, one behind the other, and where the last one ends. */
    View offsets(long... lengths) {
        View v = View.allocate(arena, DType.I64, lengths.length + 1L);
        for (int i = 0; i < lengths.length; i++) {
            v.setLongAt(i + 1L, v.getLongAt(i) + lengths[i]);
        }
        return v;
    }

    /** A permutation of 0..n-1. */
    View permutation(int n) {
        View v = indices(1, n);
        int[] order = new int[n];
        for (int i = 0; i < n; i++) {
            int j = random.nextInt(i + 1);
            order[i] = order[j];
            order[j] = i;
        }
        for (int i = 0; i < n; i++) {
            v.setLongAt(i, order[i]);
        }
        return v;
    }

    /** Zeros and ones. */
    View mask(long... shape) {
        View v = View.allocate(arena, DType.U8, shape);
        for (long i = 0; i < v.elements(); i++) {
            v.setAt(i, random.nextInt(4) == 0 ? 0 : 1);
        }
        return v;
    }

    /** A destination: NaN in it, and before and behind it something that must stay. */
    View destination(DType dtype, long... shape) {
        long n = View.count(shape);
        int guard = 64;
        View all = View.allocate(arena, dtype, n + 2 * guard);
        for (long i = 0; i < all.elements(); i++) {
            boolean inside = i >= guard && i < guard + n;
            all.setAt(i, inside && dtype.isFloating() ? Double.NaN : 77);
        }
        return View.of(all.buffer(), dtype, guard, shape, View.rowMajor(shape));
    }

    View destination(long... shape) {
        return destination(DType.F32, shape);
    }

    /** A destination that holds values already, with guards. */
    View changed(long... shape) {
        return fill(destination(shape), 1, 0);
    }

    /** As {@link #changed}, not negative: a second moment. */
    View changedPositive(long... shape) {
        View v = destination(shape);
        for (long i = 0; i < v.elements(); i++) {
            v.setAt(v.position(i), bfloat16(Math.abs(random.nextGaussian())));
        }
        return v;
    }

    private View fill(View v, double scale, double shift) {
        for (long i = 0; i < v.elements(); i++) {
            v.setAt(v.position(i), bfloat16(scale * random.nextGaussian() + shift));
        }
        return v;
    }

    private static double bfloat16(double x) {
        return Float.intBitsToFloat(View.bfloat16((float) x) << 16);
    }
}
