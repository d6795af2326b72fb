package io.aegis.models.llava;

import io.aegis.tensor.Ops;
import io.aegis.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;

/**
 * Text and vision in one sequence of embeddings: each placeholder among the ids gives way to the rows of its picture
 * (LLaVA's {@code prepare_inputs_labels_for_multimodal}).
 */
public final class Splice {
    /** The placeholder of LLaVA and Bunny, which no vocabulary holds. */
    public static final long IMAGE = -200;

    /** What the placeholder is in the text of a prompt. */
    public static final String TEXT = "<image>";

    private Splice() {}

    /**
     * The sequence of a prompt.
     *
     * @param ids of the text, with one placeholder for each picture
     * @param embed from ids, I64 [n], to their embeddings [n, D]
     * @param pictures each [m, D], in the order of their placeholders
     * @return [N, D], N = ids - pictures + all their rows
     * @throws IllegalArgumentException when there are more or fewer placeholders than pictures
     */
    public static Tensor of(long[] ids, long placeholder, Function<Tensor, Tensor> embed, List<Tensor> pictures) {
        long slots = Arrays.stream(ids).filter(id -> id == placeholder).count();
        if (slots != pictures.size()) {
            throw new IllegalArgumentException("the prompt has room for " + count(slots) + " and was given "
                    + count(pictures.size()) + " (placeholder " + placeholder + ")");
        }
        List<Tensor> parts = new ArrayList<>();
        int from = 0;
        int picture = 0;
        for (int i = 0; i <= ids.length; i++) {
            if (i < ids.length && ids[i] != placeholder) {
                continue;
            }
            if (i > from) {
                parts.add(embed.apply(Tensor.of(Arrays.copyOfRange(ids, from, i), i - from)));
            }
            if (i < ids.length) {
                parts.add(pictures.get(picture++));
            }
            from = i + 1;
        }
        return parts.size() == 1 ? parts.getFirst() : Ops.concat(0, parts.toArray(Tensor[]::new));
    }

    /**
     * As {@link #of} for texts that hold a placeholder for each row of a picture, as newer processors write them.
     *
     * @param rows of all pictures, [M, D]
     * @throws IllegalArgumentException when there are more or fewer placeholders than rows
     */
    public static Tensor expanded(long[] ids, long placeholder, Function<Tensor, Tensor> embed, Tensor rows) {
        List<Tensor> runs = new ArrayList<>();
        List<Long> shortened = new ArrayList<>();
        long used = 0;
        for (int i = 0; i < ids.length; ) {
            int end = i + 1;
            if (ids[i] == placeholder) {
                while (end < ids.length && ids[end] == placeholder) {
                    end++;
                }
                long to = Math.min(used + end - i, rows.size(0));
                runs.add(rows.slice(0, used, to));
                used += end - i;
            }
            shortened.add(ids[i]);
            i = end;
        }
        if (used != rows.size(0)) {
            throw new IllegalArgumentException("the prompt has " + used + " placeholders (" + placeholder + ") for "
                    + rows.size(0) + " vision tokens");
        }
        return of(shortened.stream().mapToLong(Long::longValue).toArray(), placeholder, embed, runs);
    }

    private static String count(long pictures) {
        return pictures == 1 ? "1 picture" : pictures + " pictures";
    }
}
