package io.aegis.cli.verify;

import io.aegis.kernels.DType;
import io.aegis.tensor.AttentionMask;
import io.aegis.tensor.Tensor;
import java.util.Arrays;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/**
 * A padded batch of tokens in a reference: {@code input_ids}, {@code attention_mask}, {@code labels} and {@code
 * position_ids}, [B, N] each, of which only the first must be there. Without positions they count from 0, padding included.
 *
 * @param rows B
 * @param length N
 * @param mask 1 where a token is, 0 at padding
 * @param labels null when there are none
 */
record TokenBatch(int rows, int length, long[] ids, long[] mask, long[] positions, long[] labels) {
    /**
     * Reads the keys that begin with {@code prefix}.
     *
     * @param positions the prefix of the positions, which may belong to another group
     */
    static TokenBatch of(Golden golden, Rows rows, String file, String prefix, String positions) {
        long[] shape = golden.view(file, prefix + "input_ids").shape();
        int b = (int) shape[0];
        int n = (int) shape[1];
        long[] mask = given(golden, rows, file, prefix + "attention_mask");
        long[] at = given(golden, rows, file, positions + "position_ids");
        return new TokenBatch(
                b,
                n,
                given(golden, rows, file, prefix + "input_ids"),
                mask != null
                        ? mask
                        : LongStream.generate(() -> 1).limit((long) b * n).toArray(),
                at != null
                        ? at
                        : LongStream.range(0, (long) b * n).map(i -> i % n).toArray(),
                given(golden, rows, file, prefix + "labels"));
    }

    private static long[] given(Golden golden, Rows rows, String file, String key) {
        if (!golden.has(file, key)) {
            return null;
        }
        rows.given(file + ":" + key);
        return golden.longs(file, key);
    }

    Tensor idTensor() {
        return Tensor.of(ids, rows, length);
    }

    Tensor positionTensor() {
        return Tensor.of(positions, rows, length);
    }

    Tensor labelTensor() {
        return Tensor.of(labels, rows, length);
    }

    /** Causal, with padding unseen. */
    AttentionMask attention() {
        double[] keys = Arrays.stream(mask).asDoubleStream().toArray();
        return AttentionMask.of(true, Tensor.of(DType.U8, keys, rows, length));
    }

    boolean isPadded() {
        return Arrays.stream(mask).anyMatch(m -> m == 0);
    }

    /**
     * The same without padding, a row behind the other.
     *
     * @param places of each token in [B, N]
     * @param offsets where each row begins, and where the last one ends
     */
    record Packed(int[] places, long[] ids, long[] positions, long[] offsets) {
        Tensor idTensor() {
            return Tensor.of(ids, 1, ids.length);
        }

        Tensor positionTensor() {
            return Tensor.of(positions, positions.length);
        }

        AttentionMask attention() {
            return AttentionMask.packed(true, offsets);
        }
    }

    Packed packed() {
        int[] places = IntStream.range(0, mask.length).filter(i -> mask[i] != 0).toArray();
        long[] offsets = LongStream.rangeClosed(0, rows)
                .map(b -> Arrays.stream(places).filter(i -> i < b * length).count())
                .toArray();
        return new Packed(
                places,
                Arrays.stream(places).mapToLong(i -> ids[i]).toArray(),
                Arrays.stream(places).mapToLong(i -> positions[i]).toArray(),
                offsets);
    }

    /** The tokens of one row, without padding. */
    int[] prompt(int row) {
        return IntStream.range(row * length, (row + 1) * length)
                .filter(i -> mask[i] != 0)
                .map(i -> (int) ids[i])
                .toArray();
    }

    /** Compares what belongs to each token, [B, N, ...], leaving padding out. */
    void compare(Golden golden, Rows table, String file, String key, Tensor ours) {
        if (golden.has(file, key)) {
            compare(golden, table, file, key, "", ours.toDoubles());
        }
    }

    /** As above, of what {@link #packed} gave, [1, tokens, ...]. */
    void compare(Golden golden, Rows table, String file, String key, Packed packed, Tensor ours) {
        if (!golden.has(file, key)) {
            return;
        }
        double[] dense = ours.toDoubles();
        int width = dense.length / packed.places.length;
        double[] spread = new double[mask.length * width];
        for (int i = 0; i < packed.places.length; i++) {
            System.arraycopy(dense, i * width, spread, packed.places[i] * width, width);
        }
        compare(golden, table, file, key, ", packed", spread);
    }

    private void compare(Golden golden, Rows table, String file, String key, String how, double[] ours) {
        String name = file + ":" + key + how;
        double[] reference = table.reference(name, golden.doubles(file, key));
        boolean[] padding = new boolean[ours.length];
        int width = padding.length / mask.length;
        double largest = 0;
        for (int i = 0; i < padding.length; i++) {
            padding[i] = mask[i / width] == 0;
            if (!padding[i] && i < reference.length && Double.isFinite(reference[i])) {
                largest = Math.max(largest, Math.abs(reference[i]));
            }
        }
        table.compare(name, reference, ours, Rows.OUTPUT, 0, padding, "padding", largest);
    }
}
