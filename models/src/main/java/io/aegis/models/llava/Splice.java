package io.aegis.models.llava;

import io.aegis.tensor.Ops;
import io.aegis.tensor.Tensor;
import java.util.Arrays;
import java.util.function.UnaryOperator;

/**
 * Where each row of a language model's input comes from: text is embedded, and in the place of an id that stands for
 * pictures lie rows of the projector.
 */
public final class Splice {
    private static final int PICTURE = -1;

    private final long[] text;
    private final int[] origin;
    private final int pictureRows;

    /** From each row to the place of its id in the prompt, or {@link #PICTURE}. */
    private Splice(long[] text, int[] origin) {
        this.text = text;
        this.origin = origin;
        this.pictureRows = origin.length - text.length;
    }

    /**
     * A plan for one sequence.
     *
     * @param ids of the prompt
     * @param picture the id that stands for pictures, such as -200
     * @param rows how many rows lie in the place of each such id; 1 where the prompt repeats it for every row
     */
    public static Splice of(long[] ids, long picture, int rows) {
        long[] text = Arrays.stream(ids).filter(id -> id != picture).toArray();
        int[] origin = new int[Math.addExact(text.length, Math.multiplyExact(ids.length - text.length, rows))];
        int at = 0;
        for (int i = 0; i < ids.length; i++) {
            int count = ids[i] == picture ? rows : 1;
            Arrays.fill(origin, at, at + count, ids[i] == picture ? PICTURE : i);
            at += count;
        }
        return new Splice(text, origin);
    }

    /** N, rows of the whole input. */
    public int length() {
        return origin.length;
    }

    /** K, how many of them are rows of pictures. */
    public int pictureRows() {
        return pictureRows;
    }

    /** Whether a row is one of a picture. */
    public boolean isPicture(int row) {
        return origin[row] == PICTURE;
    }

    /** The ids of the text alone. */
    public long[] text() {
        return text.clone();
    }

    /**
     * The input.
     *
     * @param embed from ids I64 [T] to rows [T, D]
     * @param pictures rows of all pictures, one picture behind the other, [K, D]
     * @return [N, D]
     * @throws IllegalArgumentException when there are more or fewer rows of pictures than places for them
     */
    public Tensor of(UnaryOperator<Tensor> embed, Tensor pictures) {
        if (pictures.size(0) != pictureRows) {
            throw new IllegalArgumentException(
                    "the prompt has places for " + pictureRows + " rows of pictures, given " + pictures.size(0));
        }
        long[] source = new long[origin.length];
        int words = 0;
        int taken = text.length;
        for (int i = 0; i < source.length; i++) {
            source[i] = isPicture(i) ? taken++ : words++;
        }
        Tensor embedded = embed.apply(Tensor.of(text, text.length));
        return Ops.gather(Ops.concat(0, embedded, pictures), Tensor.of(source, source.length));
    }

    /** What belongs to the ids, one value an id, laid out over the rows, with one value for all rows of pictures. */
    public long[] spread(long[] ofIds, long ofPictures) {
        return Arrays.stream(origin)
                .mapToLong(i -> i == PICTURE ? ofPictures : ofIds[i])
                .toArray();
    }
}
