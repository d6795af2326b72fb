package io.aegis.weights;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.QuantizedWeight.Format;
import io.aegis.kernels.View;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.stream.IntStream;

/**
 * Rounds matrices to 8 or 4 bits, in groups that share a scale. The largest weight of a group need not be hit: of some
 * scales near the one that hits it, the one with the smallest squared error is taken, and for its codes the scale is then
 * the least-squares one, sum(w q) / sum(q^2). A scale may be negative, so that with 4 bits the largest weight becomes -8,
 * of which there is no positive counterpart. The result depends on the weights alone, not on threads.
 */
public final class GroupRounding {
    /** How far around the scale that hits the largest weight candidates lie: steps to each side, and their size in codes. */
    private static final int STEPS = 8;

    private static final double STEP = 0.125;

    /** Below this a group is all zeros: its reciprocal would be none. */
    private static final float LEAST = 1e-30f;

    /** Rows widened to float32 at a time. */
    private static final int ROWS = 256;

    private GroupRounding() {}

    /**
     * What rounding lost.
     *
     * @param squaredError sum of (w - scale q)^2
     * @param squared sum of w^2
     */
    public record Loss(double squaredError, double squared) {
        /** Nothing of nothing. */
        public static final Loss NONE = new Loss(0, 0);

        public Loss plus(Loss other) {
            return new Loss(squaredError + other.squaredError, squared + other.squared);
        }

        /** |w - w'| / |w|; 0 when all weights are. */
        public double relative() {
            return squared == 0 ? 0 : Math.sqrt(squaredError / squared);
        }
    }

    /**
     * Rounds a matrix.
     *
     * @param weight [N, K], of any floating dtype, finite, on the host
     * @param out of the same shape, dense, in memory that any thread may write
     */
    public static Loss round(View weight, QuantizedWeight out) {
        if (weight.size(0) != out.rows() || weight.size(1) != out.columns()) {
            throw new IllegalArgumentException(
                    weight + " cannot be rounded into [" + out.rows() + ", " + out.columns() + "]");
        }
        int columns = Math.toIntExact(weight.size(1));
        Loss loss = Loss.NONE;
        try (Arena arena = Arena.ofShared()) {
            View wide = View.allocate(arena, DType.F32, Math.min(ROWS, weight.size(0)), columns);
            for (long from = 0; from < weight.size(0); from += ROWS) {
                int count = (int) Math.min(ROWS, weight.size(0) - from);
                Backends.best().elementwise().copy(weight.slice(0, from, from + count), wide.slice(0, 0, count));
                QuantizedWeight rows = out.rows(from, from + count);
                Loss[] losses = new Loss[count];
                IntStream.range(0, count).parallel().forEach(i -> losses[i] = row(wide, rows, i, columns));
                for (Loss row : losses) {
                    loss = loss.plus(row);
                }
            }
        }
        return loss;
    }

    private static Loss row(View wide, QuantizedWeight out, int row, int columns) {
        float[] w = new float[columns];
        MemorySegment.copy(wide.segment(), ValueLayout.JAVA_FLOAT, (long) row * columns * Float.BYTES, w, 0, columns);
        Format format = out.format();
        int group = out.group();
        byte[] codes = new byte[columns];
        double error = 0;
        double squared = 0;
        for (int from = 0; from < columns; from += group) {
            float scale = (float) round(w, from, group, format, codes);
            View scales = out.scales();
            scales.setAt(scales.index(row, from / group), scale);
            for (int k = from; k < from + group; k++) {
                double d = w[k] - (double) scale * codes[k];
                error += d * d;
                squared += (double) w[k] * w[k];
            }
        }
        View stored = out.codes();
        byte[] bytes = format == Format.INT8 ? codes : packed(codes);
        MemorySegment.copy(bytes, 0, stored.segment(), ValueLayout.JAVA_BYTE, row * stored.stride(0), bytes.length);
        return new Loss(error, squared);
    }

    /** Writes a group's codes, and gives its scale. */
    private static double round(float[] w, int from, int group, Format format, byte[] codes) {
        float largest = 0;
        for (int k = from; k < from + group; k++) {
            largest = Math.abs(w[k]) > Math.abs(largest) ? w[k] : largest;
        }
        if (Math.abs(largest) < LEAST) {
            return 0;
        }
        int lowest = -format.largest();
        int highest = format == Format.INT4 ? 7 : format.largest();
        double best = -1;
        float bestInverse = 0;
        for (int step = -STEPS; step <= STEPS; step++) {
            float inverse = (float) ((lowest + step * STEP) / largest);
            double explained = explained(w, from, group, inverse, lowest, highest);
            if (explained > best) {
                best = explained;
                bestInverse = inverse;
            }
        }
        double wq = 0;
        double qq = 0;
        for (int k = from; k < from + group; k++) {
            int q = (int) code(w[k] * bestInverse, lowest, highest);
            codes[k] = (byte) q;
            wq += (double) w[k] * q;
            qq += q * q;
        }
        return wq / qq;
    }

    /** What of sum(w^2) a scale explains at best: sum(w q)^2 / sum(q^2). */
    private static double explained(float[] w, int from, int group, float inverse, int lowest, int highest) {
        double wq = 0;
        float qq = 0;
        for (int k = from; k < from + group; k++) {
            float q = code(w[k] * inverse, lowest, highest);
            wq += (double) w[k] * q;
            qq += q * q;
        }
        return wq * wq / qq;
    }

    /** To the nearest whole number, ties to even, by the width of a float's mantissa. */
    private static float code(float x, int lowest, int highest) {
        float magic = 0x1.8p23f;
        return Math.max(lowest, Math.min(highest, (x + magic) - magic));
    }

    private static byte[] packed(byte[] codes) {
        byte[] out = new byte[codes.length / 2];
        for (int i = 0; i < out.length; i++) {
            out[i] = (byte) ((codes[2 * i] + 8) | (codes[2 * i + 1] + 8) << 4);
        }
        return out;
    }
}
