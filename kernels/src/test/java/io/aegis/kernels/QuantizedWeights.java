package io.aegis.kernels;

import io.aegis.kernels.QuantizedWeight.Format;
import java.util.Random;

/** Quantised weights for tests: every code occurs, groups have scales of their own. */
public final class QuantizedWeights {
    private QuantizedWeights() {}

    /** Dense. */
    public static QuantizedWeight random(long seed, Format format, int n, int k, int group) {
        return random(seed, format, n, k, group, 0);
    }

    /** With this many bytes of something else before the codes of each row, and behind them. */
    public static QuantizedWeight random(long seed, Format format, int n, int k, int group, int gap) {
        Random random = new Random(seed);
        long width = format.width(k);
        View all = TestViews.garbage(format.codes(), n, width + 2L * gap);
        View codes = all.slice(1, gap, gap + width);
        int least = format == Format.INT8 ? -127 : 0;
        int most = format == Format.INT8 ? 127 : 255;
        for (long i = 0; i < codes.elements(); i++) {
            codes.setLongAt(codes.position(i), least + random.nextInt(most - least + 1));
        }
        View scales = TestViews.zeros(DType.F32, n, k / group);
        for (long i = 0; i < scales.elements(); i++) {
            scales.setAt(i, 0.01 + 0.01 * random.nextFloat());
        }
        return new QuantizedWeight(codes, scales);
    }
}
