package io.aegis.tensor;

import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.View;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** What an {@link Op} sees while it computes. */
final class Forward {
    private final Op op;
    private final Tensor[] inputs;
    private final boolean recording;
    private final Kernels kernels = Scope.current().kernels();
    private final List<Tensor> outputs = new ArrayList<>();
    /** Outputs in memory of their own. */
    private final List<View> made = new ArrayList<>();

    private final Temporaries temporaries = new Temporaries(kernels);
    private final List<Kept> kept = new ArrayList<>();

    Forward(Op op, Tensor[] inputs, boolean recording) {
        this.op = op;
        this.inputs = inputs;
        this.recording = recording;
    }

    Kernels k() {
        return kernels;
    }

    int count() {
        return inputs.length;
    }

    /** Input i. */
    View in(int i) {
        return inputs[i].view();
    }

    /** Input i, or null when it was not given. */
    View optional(int i) {
        return i < inputs.length && inputs[i] != null ? inputs[i].view() : null;
    }

    /** Whether backward may be asked for any gradient. */
    boolean isRecording() {
        return recording;
    }

    /** Whether backward may be asked for the gradient of input i. */
    boolean wants(int i) {
        return recording && i < inputs.length && inputs[i] != null && inputs[i].isTracked();
    }

    /** The next output, uninitialised and row-major, of the dtype of input 0. */
    View out(long... shape) {
        return out(inputs[0].dtype(), shape);
    }

    View out(DType dtype, long... shape) {
        Tensor t = Tensor.empty(dtype, shape);
        outputs.add(t);
        made.add(t.view());
        return t.view();
    }

    /** The next output is a view of input i. */
    void alias(int i, View view) {
        inputs[i].storage().retain();
        outputs.add(Tensor.inScope(inputs[i].storage(), view));
    }

    /** The next output is what another tensor views, whoever made that. */
    void adopt(Storage storage, View view) {
        storage.retain();
        outputs.add(Tensor.inScope(storage, view));
    }

    /** Input i itself, for operations that hand it on. */
    Tensor tensor(int i) {
        return inputs[i];
    }

    /** Memory for something that backward may need and nobody else does. */
    View temporary(DType dtype, long... shape) {
        return temporaries.take(dtype, shape);
    }

    /** The same elements as rows [rows, last], dense among themselves; copied only when the strides leave no choice. */
    View rows(View x) {
        return temporaries.rows(x);
    }

    /** Backward reads input i. */
    void keepInput(int i) {
        keep(inputs[i].view(), inputs[i].storage());
    }

    /** Backward reads output i. */
    void keepOutput(int i) {
        keep(outputs.get(i).view(), outputs.get(i).storage());
    }

    /** Backward reads a temporary. */
    void keep(View temporary) {
        keep(temporary, temporaries.of(temporary));
    }

    /** An error of the caller, with the operation and all its inputs. */
    IllegalArgumentException wrong(String what) {
        StringBuilder s =
                new StringBuilder(op.toString()).append(": ").append(what).append("; given");
        for (Tensor t : inputs) {
            s.append(' ').append(t == null ? "nothing" : t).append(',');
        }
        s.setLength(s.length() - 1);
        return new IllegalArgumentException(s.toString());
    }

    void require(boolean condition, String what) {
        if (!condition) {
            throw wrong(what);
        }
    }

    private void keep(View view, Storage storage) {
        if (recording) {
            storage.retain();
            kept.add(new Kept(view, storage, storage.version()));
        }
    }

    Tensor[] finish(Tape tape) {
        temporaries.release();
        made.forEach(kernels::stored);
        Tensor[] out = outputs.toArray(Tensor[]::new);
        if (recording) {
            Arrays.stream(out).filter(t -> t.dtype().isFloating()).forEach(Tensor::track);
            tape.add(new Tape.Entry(op, inputs, out, List.copyOf(kept)));
        }
        return out;
    }

    void abandon() {
        temporaries.release();
        kept.forEach(Kept::release);
    }
}
