package io.aegis.models.faceshield;

import io.aegis.kernels.DType;
import io.aegis.tensor.AttentionMask;
import io.aegis.tensor.Tensor;
import java.util.Arrays;

/**
 * A prompt as the language model reads it, text and vision together.
 *
 * @param rows [N, D]
 * @param positions of each row; those of masked tokens are left out
 * @param hidden of each row, whether nobody may look at it
 * @param preamble rows in front of the picture's first: what prompts about all pictures have in common
 * @param prefix rows up to the last of the picture's: what several questions about it have in common
 * @param next the position behind the last row
 */
public record Sequence(Tensor rows, long[] positions, boolean[] hidden, int preamble, int prefix, long next) {
    /** N. */
    public int length() {
        return positions.length;
    }

    /** Rows from..to, [1, to - from, D]. */
    public Tensor rows(int from, int to) {
        return rows.slice(0, from, to).reshape(1, to - from, rows.size(1));
    }

    /** Positions of rows from..to and of {@code more} that follow the last, I64. */
    public Tensor positions(int from, int to, int more) {
        long[] out = Arrays.copyOfRange(positions, from, to + more);
        for (int i = 0; i < more; i++) {
            out[to - from + i] = next + i;
        }
        return Tensor.of(out, out.length);
    }

    /** Who may look at whom among these rows and {@code more} behind them. */
    AttentionMask mask(int more) {
        double[] keys = new double[hidden.length + more];
        Arrays.fill(keys, 1);
        boolean all = true;
        for (int i = 0; i < hidden.length; i++) {
            keys[i] = hidden[i] ? 0 : 1;
            all &= !hidden[i];
        }
        return all ? AttentionMask.causal() : AttentionMask.of(true, Tensor.of(DType.U8, keys, 1, keys.length));
    }
}
