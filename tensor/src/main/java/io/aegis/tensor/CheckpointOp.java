package io.aegis.tensor;

import java.util.Arrays;
import java.util.function.Function;

/**
 * A block of operations as one: forward keeps its inputs only, and backward computes the block again, on a tape of its
 * own, to go back over that (Chen et al., "Training deep nets with sublinear memory cost", arXiv 1604.06174). Gradients that
 * came to an input from elsewhere are handed to the inner pass and back, so that terms are added in the order in which
 * they would be without it: bit for bit.
 */
record CheckpointOp(Function<Tensor[], Tensor> block, int arguments) implements Op {
    @Override
    public void forward(Forward f) {
        Tensor[] given = new Tensor[arguments];
        Arrays.setAll(given, f::tensor);
        Tape.withoutRecording(() -> {
            Storage storage;
            Tensor y;
            try (Scope inside = Scope.open()) {
                y = block.apply(given);
                storage = y.storage();
                storage.retain();
            }
            try {
                f.adopt(storage, y.shapeView());
            } finally {
                storage.release();
            }
        });
        // Parameters too: the block reads them again, and must find them as they were.
        for (int i = 0; i < f.count(); i++) {
            f.keepInput(i);
        }
    }

    @Override
    public void backward(Backward b) {
        Tensor[] leaves = b.leaves(arguments);
        try (Tape inner = Tape.record()) {
            Tensor y;
            // Of what the block computes again only what its tape keeps is there on the way back.
            try (Scope inside = Scope.open()) {
                y = block.apply(Arrays.copyOf(leaves, arguments));
            }
            inner.requireClosed(leaves, this);
            b.through(inner, y, leaves);
        }
    }

    @Override
    public String title() {
        return "Checkpoint";
    }

    @Override
    public String toString() {
        return title();
    }
}
