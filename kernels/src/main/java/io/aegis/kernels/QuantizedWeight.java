package io.aegis.kernels;

import java.util.Arrays;

/**
 * A frozen matrix [N, K] of 8 or 4 bits a weight, in groups along K that share a scale: w[n, k] = scales[n, k / group]
 * q[n, k]. Symmetric: no zero points.
 *
 * @param codes I8 [N, K] with q from -127 to 127; or U8 [N, K / 2] with two weights a byte, k even in the low half, 0 to
 *     15 standing for q from -8 to 7. Rows are dense
 * @param scales F32 [N, K / group], dense, finite; a group is a power of two from 32 on
 */
public record QuantizedWeight(View codes, View scales) {
    /** The fewest weights that share a scale. */
    public static final int LEAST_GROUP = 32;

    /** How a weight is stored. */
    public enum Format {
        /** A signed byte. */
        INT8(8, DType.I8, 127),
        /** Half a byte. */
        INT4(4, DType.U8, 8);

        private final int bits;
        private final DType codes;
        private final int largest;

        Format(int bits, DType codes, int largest) {
            this.bits = bits;
            this.codes = codes;
            this.largest = largest;
        }

        public int bits() {
            return bits;
        }

        /** The dtype of the codes. */
        public DType codes() {
            return codes;
        }

        /** The largest magnitude that q has. */
        public int largest() {
            return largest;
        }

        /** Elements of a row of codes. */
        public long width(long k) {
            return k * bits / 8;
        }
    }

    /**
     * Checks that the two belong together.
     *
     * @throws IllegalArgumentException when dtypes, shapes or the group do not fit
     */
    public QuantizedWeight {
        require(codes.rank() == 2 && scales.rank() == 2, "codes and scales are matrices", codes, scales);
        require(codes.dtype() == DType.I8 || codes.dtype() == DType.U8, "codes are I8 or U8", codes, scales);
        require(codes.size(1) <= 1 || codes.stride(1) == 1, "rows of codes are dense", codes, scales);
        require(scales.dtype() == DType.F32 && scales.isContiguous(), "scales are dense F32", codes, scales);
        require(codes.size(0) == scales.size(0), "codes and scales have as many rows", codes, scales);
        long k = codes.size(1) * (codes.dtype() == DType.U8 ? 2 : 1);
        long groups = scales.size(1);
        require(groups > 0 && k % groups == 0, "groups are equally long", codes, scales);
        long group = k / groups;
        require(
                group >= LEAST_GROUP && Long.bitCount(group) == 1,
                "a scale is for a power of two of weights, " + LEAST_GROUP + " or more",
                codes,
                scales);
    }

    public Format format() {
        return codes.dtype() == DType.I8 ? Format.INT8 : Format.INT4;
    }

    /** N, the outputs. */
    public long rows() {
        return codes.size(0);
    }

    /** K, the inputs. */
    public long columns() {
        return codes.size(1) * (codes.dtype() == DType.U8 ? 2 : 1);
    }

    /** Weights that share a scale. */
    public int group() {
        return Math.toIntExact(columns() / scales.size(1));
    }

    /** Some of the rows. */
    public QuantizedWeight rows(long from, long to) {
        return new QuantizedWeight(codes.slice(0, from, to), scales.slice(0, from, to));
    }

    /** One weight, for oracles and messages. */
    public float at(long n, long k) {
        float scale = (float) scales.getAt(scales.index(n, k / group()));
        if (format() == Format.INT8) {
            return scale * (float) codes.getAt(codes.index(n, k));
        }
        int both = (int) codes.getLongAt(codes.index(n, k / 2));
        return scale * ((k % 2 == 0 ? both & 15 : both >> 4) - 8);
    }

    private static void require(boolean condition, String expected, View codes, View scales) {
        if (!condition) {
            throw new IllegalArgumentException(expected + "; given codes " + codes.dtype()
                    + Arrays.toString(codes.shape()) + " and scales " + scales.dtype()
                    + Arrays.toString(scales.shape()));
        }
    }
}
