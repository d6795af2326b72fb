package io.aegis.tensor;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Remembers what was computed from tensors that require gradients, and goes back over it. Backward may run several times
 * over one tape, for several losses, each with its own set of wanted leaves; only what leads from those leaves to that
 * loss is computed. Until the tape closes it keeps what the backward passes need and nothing else.
 *
 * <pre>{@code
 * try (Tape tape = Tape.record(); Scope scope = Scope.open()) {
 *     Tensor loss = model.loss(x);
 *     try (Gradients g = tape.gradients(loss, parameters)) { ... }
 * }
 * }</pre>
 */
public final class Tape implements AutoCloseable {
    private static final ThreadLocal<Tape> CURRENT = new ThreadLocal<>();

    private final Tape outer;
    private final List<Entry> entries = new ArrayList<>();
    private boolean paused;

    private Tape(Tape outer) {
        this.outer = outer;
    }

    record Entry(Op op, Tensor[] inputs, Tensor[] outputs, List<Kept> kept) {}

    /** Starts recording on this thread. */
    public static Tape record() {
        Tape tape = new Tape(CURRENT.get());
        CURRENT.set(tape);
        return tape;
    }

    /** The tape that records on this thread, or null. */
    static Tape recording() {
        Tape tape = CURRENT.get();
        return tape == null || tape.paused ? null : tape;
    }

    /** Runs something that the tape does not see. */
    public static void withoutRecording(Runnable work) {
        Tape tape = CURRENT.get();
        boolean before = tape != null && tape.paused;
        if (tape != null) {
            tape.paused = true;
        }
        try {
            work.run();
        } finally {
            if (tape != null) {
                tape.paused = before;
            }
        }
    }

    void add(Entry entry) {
        entries.add(entry);
    }

    /** Number of recorded operations. */
    public int size() {
        return entries.size();
    }

    /** Bytes that are alive because the backward pass will need them, shared memory counted once. */
    public long keptBytes() {
        Set<Storage> seen = Collections.newSetFromMap(new IdentityHashMap<>());
        long bytes = 0;
        for (Entry e : entries) {
            for (Kept k : e.kept) {
                if (seen.add(k.storage())) {
                    bytes += k.storage().buffer().bytes();
                }
            }
        }
        return bytes;
    }

    /** Gradients of a scalar loss with respect to leaves; a leaf that the loss does not reach has none. */
    public Gradients gradients(Tensor loss, Collection<Tensor> leaves) {
        Gradients gradients = new Gradients();
        try {
            backward(loss, leaves, gradients);
        } catch (RuntimeException | Error e) {
            gradients.close();
            throw e;
        }
        return gradients;
    }

    /** As {@link #gradients}, handing each gradient on as soon as it is complete. */
    public void backward(Tensor loss, Collection<Tensor> leaves, GradientSink sink) {
        if (loss.elements() != 1) {
            throw new IllegalArgumentException("backward starts from a scalar, not from " + loss);
        }
        Set<Tensor> wanted = Collections.newSetFromMap(new IdentityHashMap<>());
        wanted.addAll(leaves);
        int[] until = {-1};
        Map<Tensor, Integer> firstUse = markDependents(wanted, loss, until);
        Map<Integer, List<Tensor>> completeAfter = new HashMap<>();
        firstUse.forEach((leaf, i) ->
                completeAfter.computeIfAbsent(i, x -> new ArrayList<>()).add(leaf));
        GradientTable table = new GradientTable(wanted);
        try {
            table.add(loss, one(loss.dtype(), loss.shape()));
            for (int i = until[0]; i >= 0; i--) {
                undo(entries.get(i), table);
                for (Tensor leaf : completeAfter.getOrDefault(i, List.of())) {
                    Adjoint gradient = table.takeLeaf(leaf);
                    if (gradient != null) {
                        try {
                            sink.accept(leaf, Tensor.detached(gradient.storage(), gradient.view()));
                        } finally {
                            gradient.release();
                        }
                    }
                }
            }
        } finally {
            table.releaseAll();
        }
    }

    /**
     * Adds to {@code wanted} everything that is computed from it; returns, for each leaf, the first entry that reads it,
     * behind which (going backward) nothing more can be added to its gradient.
     */
    private Map<Tensor, Integer> markDependents(Set<Tensor> wanted, Tensor loss, int[] until) {
        Map<Tensor, Integer> firstUse = new IdentityHashMap<>();
        Set<Tensor> leaves = Collections.newSetFromMap(new IdentityHashMap<>());
        leaves.addAll(wanted);
        for (int i = 0; i < entries.size(); i++) {
            Entry e = entries.get(i);
            boolean depends = false;
            for (Tensor in : e.inputs) {
                if (in != null && wanted.contains(in)) {
                    depends = true;
                    if (leaves.contains(in)) {
                        firstUse.putIfAbsent(in, i);
                    }
                }
            }
            for (Tensor out : e.outputs) {
                if (depends && out.dtype().isFloating()) {
                    wanted.add(out);
                }
                if (out == loss) {
                    until[0] = i;
                }
            }
            if (until[0] == i) {
                break;
            }
        }
        return firstUse;
    }

    private static void undo(Entry e, GradientTable table) {
        Adjoint[] dy = new Adjoint[e.outputs.length];
        boolean any = false;
        for (int j = 0; j < dy.length; j++) {
            dy[j] = table.take(e.outputs[j]);
            any |= dy[j] != null;
        }
        if (!any) {
            return;
        }
        try {
            for (Kept k : e.kept) {
                if (k.isChanged()) {
                    throw new IllegalStateException(
                            e.op.title() + ": something it read has been changed in place since; "
                                    + "go backward before updating parameters");
                }
            }
            Backward b = new Backward(e, dy, table);
            try {
                e.op.backward(b);
            } finally {
                b.finish();
            }
        } finally {
            for (Adjoint a : dy) {
                if (a != null) {
                    a.release();
                }
            }
        }
    }

    private static Adjoint one(DType dtype, long[] shape) {
        Storage s = Storage.allocate(dtype.bytes());
        View v = View.of(s.buffer(), dtype, shape);
        v.setAt(0, 1);
        return new Adjoint(v, s);
    }

    @Override
    public void close() {
        if (CURRENT.get() != this) {
            throw new IllegalStateException("tapes close in the opposite order of opening, on their own thread");
        }
        if (outer == null) {
            CURRENT.remove();
        } else {
            CURRENT.set(outer);
        }
        entries.forEach(e -> e.kept.forEach(Kept::release));
        entries.clear();
    }
}
