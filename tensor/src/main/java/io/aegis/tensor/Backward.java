package io.aegis.tensor;

import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.View;

/** What an {@link Op} sees while it is undone. */
final class Backward {
    private final Tape.Entry entry;
    private final Adjoint[] dy;
    private final GradientTable table;
    private final Kernels kernels = Scope.current().kernels();
    private final Temporaries temporaries = new Temporaries(kernels);

    Backward(Tape.Entry entry, Adjoint[] dy, GradientTable table) {
        this.entry = entry;
        this.dy = dy;
        this.table = table;
    }

    Kernels k() {
        return kernels;
    }

    int count() {
        return entry.inputs().length;
    }

    /** The i-th thing that forward kept, in its order. */
    View kept(int i) {
        return entry.kept().get(i).view();
    }

    /** Gradient of output i, or null when the loss does not depend on it. */
    View dyOrNull(int i) {
        return dy[i] == null ? null : dy[i].view();
    }

    /** Gradient of the first output. */
    View dy() {
        return dy[0].view();
    }

    /** Shape of input i. */
    long[] shape(int i) {
        return entry.inputs()[i].shape();
    }

    /** Whether input i was given. */
    boolean has(int i) {
        return i < entry.inputs().length && entry.inputs()[i] != null;
    }

    /** Whether some pass may want the gradient of input i. */
    boolean isTracked(int i) {
        return has(i) && entry.inputs()[i].isTracked();
    }

    boolean wants(int i) {
        return i < entry.inputs().length && entry.inputs()[i] != null && table.wants(entry.inputs()[i]);
    }

    /**
     * Uninitialised memory for the gradient of input i, laid out as the input is; null when nobody wants it. It is added
     * to what other operations contribute.
     */
    View into(int i) {
        return wants(i) ? table.fresh(entry.inputs()[i]) : null;
    }

    /** What is there of the gradient of input i so far (zeros at first), to be added to in place. */
    View accumulate(int i) {
        return table.accumulator(entry.inputs()[i]);
    }

    /** The gradient of input i is a view of the gradient of the first output. */
    void pass(int i, View view) {
        dy[0].storage().retain();
        table.add(entry.inputs()[i], new Adjoint(view, dy[0].storage()));
    }

    /** Scratch memory until this operation is undone. */
    View temporary(DType dtype, long... shape) {
        return temporaries.take(dtype, shape);
    }

    /** The same elements as rows [rows, last], dense among themselves; copied only when the strides leave no choice. */
    View rows(View x) {
        return temporaries.rows(x);
    }

    /**
     * Stand-ins for the first inputs, with the same values and wanted as they are, for a pass of its own; inputs behind
     * those stand for themselves.
     */
    Tensor[] leaves(int arguments) {
        Tensor[] inputs = entry.inputs();
        Tensor[] leaves = inputs.clone();
        for (int i = 0; i < arguments; i++) {
            int first = 0;
            while (inputs[first] != inputs[i]) {
                first++;
            }
            Kept kept = entry.kept().get(i);
            leaves[i] = first < i ? leaves[first] : Tensor.leaf(kept.storage(), kept.view(), inputs[i].isTracked());
        }
        return leaves;
    }

    /** Goes back over a tape of its own, whose leaf i stands for input i, from the gradient of the first output. */
    void through(Tape inner, Tensor output, Tensor[] leaves) {
        inner.backwardInto(output, dy[0], leaves, entry.inputs(), table);
    }

    /** Adds the gradients that the operation has written, and gives back what it worked with. */
    void finish() {
        try {
            table.settle();
        } finally {
            abandon();
        }
    }

    /** Gives back what an operation worked with that did not come to its end; the table has what it was to write. */
    void abandon() {
        temporaries.release();
        for (Adjoint a : dy) {
            if (a != null) {
                a.release();
            }
        }
    }
}
