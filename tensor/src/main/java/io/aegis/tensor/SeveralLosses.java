package io.aegis.tensor;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** One pass back over a tape for several losses: each operation is undone for all that reach it before the next one is. */
final class SeveralLosses {
    private final Tape tape;
    /** Of each loss, in their order, as all lists here. */
    private final List<GradientTable> tables = new ArrayList<>();

    private final List<Set<Tensor>> wanting;
    /** The last entry on the way to each loss; -1 where there is none. */
    private final int[] until;

    private final List<Tensor> losses;

    /** Ready to go: scalars, and leaves of each. */
    SeveralLosses(Tape tape, List<Tensor> losses, List<? extends Collection<Tensor>> leaves) {
        this.tape = tape;
        this.losses = losses;
        wanting = leaves.stream().map(Tape::identitySet).toList();
        until = new int[leaves.size()];
        for (int k = 0; k < until.length; k++) {
            Set<Tensor> wanted = Tape.identitySet(leaves.get(k)); // what depends on them is added to it
            until[k] = tape.markDependents(wanted, Set.of(losses.get(k)));
            tables.add(new GradientTable(wanted));
        }
    }

    /** Once. */
    void goBack(GradientSink.OfSeveral sink) {
        try {
            for (int k = 0; k < until.length; k++) {
                Tensor loss = losses.get(k);
                if (tables.get(k).wants(loss)) { // else no leaf leads to it
                    tables.get(k).add(loss, Tape.one(loss.dtype(), loss.shape()));
                }
            }
            int last = Arrays.stream(until).max().orElse(-1);
            Map<Integer, List<Tensor>> completeAfter = new HashMap<>();
            firstReached(last).forEach((leaf, i) -> completeAfter
                    .computeIfAbsent(i, x -> new ArrayList<>())
                    .add(leaf));
            for (int i = last; i >= 0; i--) {
                List<GradientTable> here = new ArrayList<>();
                for (int k = 0; k < until.length; k++) {
                    if (i <= until[k]) {
                        here.add(tables.get(k));
                    }
                }
                Tape.undo(tape.entries().get(i), here);
                for (Tensor leaf : completeAfter.getOrDefault(i, List.of())) {
                    handOn(leaf, sink);
                }
            }
        } finally {
            tables.forEach(GradientTable::releaseAll);
        }
    }

    private void handOn(Tensor leaf, GradientSink.OfSeveral sink) {
        Adjoint[] complete = new Adjoint[tables.size()];
        try {
            Tensor[] gradients = new Tensor[complete.length];
            for (int k = 0; k < complete.length; k++) {
                complete[k] = wanting.get(k).contains(leaf) ? tables.get(k).takeLeaf(leaf) : null;
                if (complete[k] != null) {
                    gradients[k] = Tensor.detached(complete[k].storage(), complete[k].view());
                }
            }
            sink.accept(leaf, gradients);
        } finally {
            for (Adjoint a : complete) {
                if (a != null) {
                    a.release();
                }
            }
        }
    }

    /**
     * For each leaf that a loss was computed from, wanted by that one or by another: the first entry that reads it on the way
     * to some loss.
     */
    private Map<Tensor, Integer> firstReached(int last) {
        Set<Tensor> reached = Tape.identitySet(losses);
        Map<Tensor, Integer> first = new IdentityHashMap<>();
        for (int i = last; i >= 0; i--) {
            Tape.Entry e = tape.entries().get(i);
            if (Arrays.stream(e.outputs()).noneMatch(reached::contains)) {
                continue;
            }
            for (Tensor in : e.inputs()) {
                if (in == null) {
                    continue;
                }
                reached.add(in);
                if (wanting.stream().anyMatch(set -> set.contains(in))) {
                    first.put(in, i);
                }
            }
        }
        return first;
    }
}
