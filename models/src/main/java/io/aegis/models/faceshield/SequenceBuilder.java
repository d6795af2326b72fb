package io.aegis.models.faceshield;

import io.aegis.tensor.Ops;
import io.aegis.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Puts text and vision one behind the other, and numbers them. */
final class SequenceBuilder {
    private final List<Tensor> rows = new ArrayList<>();
    private long[] positions = new long[64];
    private boolean[] hidden = new boolean[64];
    private int length;
    private long next;
    private int preamble = -1;
    private int prefix;

    /** Embedded text, [n, D]. */
    void text(Tensor embedded) {
        rows.add(embedded);
        for (int i = 0; i < embedded.size(0); i++) {
            add(next++, false);
        }
    }

    /**
     * Those of a picture's vision tokens whose places lie in from..to; they take up as many positions as there are places.
     */
    void vision(VisionTokens tokens, int from, int to) {
        if (preamble < 0) {
            preamble = length;
        }
        int[] places = tokens.places();
        int first = (int) Arrays.stream(places).filter(p -> p < from).count();
        int last = (int) Arrays.stream(places).filter(p -> p < to).count();
        rows.add(tokens.rows().slice(0, first, last));
        for (int i = first; i < last; i++) {
            add(next + places[i] - from, tokens.hidden()[i]);
        }
        next += to - from;
        prefix = length;
    }

    private void add(long position, boolean isHidden) {
        if (length == positions.length) {
            positions = Arrays.copyOf(positions, 2 * length);
            hidden = Arrays.copyOf(hidden, 2 * length);
        }
        positions[length] = position;
        hidden[length++] = isHidden;
    }

    Sequence build() {
        return new Sequence(
                Ops.concat(0, rows.toArray(Tensor[]::new)),
                Arrays.copyOf(positions, length),
                Arrays.copyOf(hidden, length),
                Math.max(0, preamble),
                prefix,
                next);
    }
}
