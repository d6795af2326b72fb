package io.aegis.cli.verify;

import io.aegis.models.llava.Splice;
import io.aegis.tensor.Ops;
import io.aegis.tensor.Tensor;
import java.util.Arrays;
import java.util.function.UnaryOperator;
import java.util.stream.LongStream;

/**
 * A padded batch of prompts with pictures as Hugging Face's LLaVA lays it out. Prompts are expanded, the picture's id
 * standing once for each of its rows, and used as they are; or legacy, once for a whole picture: then rows are inserted,
 * shorter sequences are padded again, embeddings at padding become 0, and positions are counted over what is real.
 */
final class LlavaBatch {
    private static final long IGNORED = -100;

    private final long[][] ids;
    private final Splice[] splices;
    private final boolean legacy;
    private final long pad;
    private final int length;
    private final boolean left;

    /**
     * @param ids [B, T]
     * @param picture the id that stands for pictures
     * @param pad the id of padding
     * @param rows rows of a picture
     * @param legacy whether the id stands for a whole picture
     */
    LlavaBatch(long[][] ids, long picture, long pad, int rows, boolean legacy) {
        this.ids = ids;
        this.legacy = legacy;
        this.pad = pad;
        splices = Arrays.stream(ids)
                .map(row -> Splice.of(row, picture, legacy ? rows : 1))
                .toArray(Splice[]::new);
        length = Arrays.stream(splices).mapToInt(Splice::length).max().orElseThrow();
        // As the original decides it: nobody ends in padding.
        left = Arrays.stream(ids).noneMatch(row -> row[row.length - 1] == pad);
    }

    /** N, rows of a sequence behind the splice. */
    int length() {
        return length;
    }

    /** What belongs to the ids [B, T], over the rows [B, N]. */
    long[] spread(long[][] ofIds, long ofPictures, long ofPadding) {
        long[] out = new long[ids.length * length];
        Arrays.fill(out, ofPadding);
        for (int b = 0; b < ids.length; b++) {
            long[] row = splices[b].spread(ofIds[b], ofPictures);
            System.arraycopy(row, 0, out, b * length + before(b), row.length);
        }
        return out;
    }

    /** Which rows are real, [B, N]. */
    long[] mask(long[][] ofIds) {
        return spread(ofIds, 1, 0);
    }

    /** Labels of the rows, [B, N]: pictures and padding are not learned. */
    long[] labels(long[][] ofIds, long[] mask) {
        long[] out = spread(ofIds, IGNORED, IGNORED);
        if (!legacy) {
            out = Arrays.stream(ofIds).flatMapToLong(Arrays::stream).toArray();
        }
        for (int i = 0; i < out.length; i++) {
            out[i] = mask[i] == 0 ? IGNORED : out[i];
        }
        return out;
    }

    /** Positions of the rows, [B, N]: counted over real ones, 1 at padding; of expanded prompts from 0 on, all counted. */
    long[] positions(long[] mask) {
        if (!legacy) {
            return LongStream.range(0, mask.length).map(i -> i % length).toArray();
        }
        long[] out = new long[mask.length];
        long next = 0;
        for (int i = 0; i < mask.length; i++) {
            next = i % length == 0 ? 0 : next;
            out[i] = mask[i] == 0 ? 1 : next++;
        }
        return out;
    }

    /** The language model's input, [B, N, D], from rows of all pictures in order, [K, D]. */
    Tensor embeddings(UnaryOperator<Tensor> embed, Tensor pictures) {
        Tensor[] sequences = new Tensor[ids.length];
        long taken = 0;
        for (int b = 0; b < ids.length; b++) {
            Splice splice = splices[b];
            Tensor own = pictures.slice(0, taken, taken + splice.pictureRows());
            taken += splice.pictureRows();
            Tensor rows = splice.of(embed, own);
            sequences[b] = (legacy ? padded(b, rows) : rows).reshape(1, length, rows.size(1));
        }
        return Ops.concat(0, sequences);
    }

    private int before(int b) {
        return left ? length - splices[b].length() : 0;
    }

    /** Zeros where padding is, and before or behind what is shorter. */
    private Tensor padded(int b, Tensor rows) {
        long d = rows.size(1);
        long[] real = splices[b].spread(
                Arrays.stream(ids[b]).map(id -> id == pad ? 0 : 1).toArray(), 1);
        Tensor factor =
                Tensor.of(rows.dtype(), Arrays.stream(real).asDoubleStream().toArray(), real.length, 1);
        Tensor kept = rows.times(factor);
        int missing = length - real.length;
        if (missing == 0) {
            return kept;
        }
        Tensor zeros = Tensor.zeros(rows.dtype(), missing, d);
        return left ? Ops.concat(0, zeros, kept) : Ops.concat(0, kept, zeros);
    }
}
