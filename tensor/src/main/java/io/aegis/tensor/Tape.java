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
        backward(loss, one(loss.dtype(), loss.shape()), leaves, sink);
    }

    /**
     * From a tensor of any shape, given the gradient of some loss with respect to it.
     *
     * @param gradient as {@code output}; stays the caller's
     */
    public void backward(Tensor output, Tensor gradient, Collection<Tensor> leaves, GradientSink sink) {
        if (!gradient.view().sameShape(output.shapeView()) || gradient.dtype() != output.dtype()) {
            throw new IllegalArgumentException("the gradient of " + output + " cannot be " + gradient);
        }
        gradient.storage().retain();
        backward(output, new Adjoint(gradient.view(), gradient.storage()), leaves, sink);
    }

    private void backward(Tensor output, Adjoint gradient, Collection<Tensor> leaves, GradientSink sink) {
        Set<Tensor> wanted = identitySet(leaves);
        Map<Tensor, Integer> firstUse = new IdentityHashMap<>();
        int until = markDependents(wanted, Set.of(output), firstUse);
        Map<Integer, List<Tensor>> completeAfter = new HashMap<>();
        firstUse.forEach((leaf, i) ->
                completeAfter.computeIfAbsent(i, x -> new ArrayList<>()).add(leaf));
        GradientTable table = new GradientTable(wanted);
        try {
            if (wanted.contains(output)) { // else no leaf leads to it
                table.add(output, gradient);
            } else {
                gradient.release();
            }
            for (int i = until; i >= 0; i--) {
                undo(entries.get(i), table);
                for (Tensor leaf : completeAfter.getOrDefault(i, List.of())) {
                    Adjoint complete = table.takeLeaf(leaf);
                    if (complete != null) {
                        try {
                            sink.accept(leaf, Tensor.detached(complete.storage(), complete.view()));
                        } finally {
                            complete.release();
                        }
                    }
                }
            }
        } finally {
            table.releaseAll();
        }
    }

    /**
     * Goes back once for several losses: each operation is undone for all losses that reach it before the next one is, so
     * that what it needs is at hand once, and one product may serve them all. What {@link #backward(Tensor, Collection,
     * GradientSink)} would do loss by loss, but for the rounding of such products.
     *
     * @param losses scalars
     * @param leaves of each loss, in their order
     * @param sink gets every leaf of some loss that any of the losses reaches, once, when its gradients are complete
     */
    public void backward(List<Tensor> losses, List<? extends Collection<Tensor>> leaves, GradientSink.OfSeveral sink) {
        for (Tensor loss : losses) {
            if (loss.elements() != 1) {
                throw new IllegalArgumentException("backward starts from scalars, not from " + loss);
            }
        }
        if (leaves.size() != losses.size()) {
            throw new IllegalArgumentException(
                    losses.size() + " losses, and leaves of " + leaves.size() + "; expected as many");
        }
        new SeveralLosses(this, losses, leaves).goBack(sink);
    }

    List<Entry> entries() {
        return entries;
    }

    /**
     * Goes back over this tape in the middle of another pass: what {@code outer} has of the gradient of each wanted tensor
     * is continued here, under the leaf that stands for it, and handed back with everything that this tape adds.
     *
     * @param gradient of {@code output}; stays the caller's
     * @param leaves one for each of {@code tensors}
     */
    void backwardInto(Tensor output, Adjoint gradient, Tensor[] leaves, Tensor[] tensors, GradientTable outer) {
        Map<Tensor, Tensor> standsFor = new IdentityHashMap<>();
        for (int i = 0; i < leaves.length; i++) {
            if (outer.wants(tensors[i])) {
                standsFor.put(leaves[i], tensors[i]);
            }
        }
        Set<Tensor> wanted = identitySet(standsFor.keySet());
        int until = markDependents(wanted, Set.of(output));
        GradientTable table = new GradientTable(wanted);
        try {
            standsFor.forEach((leaf, tensor) -> {
                Adjoint soFar = outer.take(tensor);
                if (soFar != null) {
                    table.add(leaf, soFar);
                }
            });
            gradient.storage().retain();
            table.add(output, gradient);
            for (int i = until; i >= 0; i--) {
                undo(entries.get(i), table);
            }
            standsFor.forEach((leaf, tensor) -> {
                Adjoint complete = table.take(leaf);
                if (complete != null) {
                    outer.add(tensor, complete);
                }
            });
        } finally {
            table.releaseAll();
        }
    }

    /** @throws IllegalStateException when something recorded here reads what no leaf and no entry before it accounts for */
    void requireClosed(Tensor[] leaves, Op op) {
        Set<Tensor> known = identitySet(List.of(leaves));
        for (Entry e : entries) {
            for (Tensor in : e.inputs) {
                if (in != null && in.isTracked() && !known.contains(in)) {
                    throw new IllegalStateException(op.title() + ": its block reads " + in
                            + ", which requires a gradient and is neither among its inputs nor among its parameters");
                }
            }
            known.addAll(List.of(e.outputs));
        }
    }

    static Set<Tensor> identitySet(Collection<Tensor> tensors) {
        Set<Tensor> set = Collections.newSetFromMap(new IdentityHashMap<>());
        set.addAll(tensors);
        return set;
    }

    /** Adds to {@code wanted} everything that is computed from it, up to the last entry that made one of the outputs, which is returned; else -1. */
    int markDependents(Set<Tensor> wanted, Set<Tensor> outputs) {
        return markDependents(wanted, outputs, new IdentityHashMap<>());
    }

    /**
     * As above.
     *
     * @param firstUse gets, for each leaf, the first entry that reads it, behind which (going backward) nothing more can be added to its gradient
     */
    private int markDependents(Set<Tensor> wanted, Set<Tensor> outputs, Map<Tensor, Integer> firstUse) {
        Set<Tensor> leaves = identitySet(wanted);
        int left = outputs.size();
        int until = -1;
        for (int i = 0; i < entries.size() && left > 0; i++) {
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
                if (outputs.contains(out)) {
                    until = i;
                    left--;
                }
            }
        }
        return until;
    }

    private static void undo(Entry e, GradientTable table) {
        undo(e, List.of(table));
    }

    /** Undoes one operation for all of the passes that reach it. */
    static void undo(Entry e, List<GradientTable> tables) {
        List<Backward> passes = new ArrayList<>();
        try {
            for (GradientTable table : tables) {
                Adjoint[] dy = new Adjoint[e.outputs.length];
                boolean any = false;
                for (int j = 0; j < dy.length; j++) {
                    dy[j] = table.take(e.outputs[j]);
                    any |= dy[j] != null;
                }
                if (any) {
                    passes.add(new Backward(e, dy, table));
                }
            }
            if (passes.isEmpty()) {
                return;
            }
            for (Kept k : e.kept) {
                if (k.isChanged()) {
                    throw new IllegalStateException(
                            e.op.title() + ": something it read has been changed in place since; "
                                    + "go backward before updating parameters");
                }
            }
            if (passes.size() == 1) {
                e.op.backward(passes.getFirst());
            } else {
                e.op.backward(passes);
            }
            while (!passes.isEmpty()) {
                passes.removeFirst().finish();
            }
        } finally {
            // Where it failed, what its gradients were to be is not theirs.
            passes.forEach(Backward::abandon);
        }
    }

    static Adjoint one(DType dtype, long[] shape) {
        Storage s = Storage.allocate(dtype.bytes());
        Adjoint one = new Adjoint(View.of(s.buffer(), dtype, shape), s);
        try {
            Scope.current().kernels().elementwise().fill(one.view(), 1); // not by the host, so that it may be recorded
            return one;
        } catch (RuntimeException | Error e) {
            one.release();
            throw e;
        }
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
