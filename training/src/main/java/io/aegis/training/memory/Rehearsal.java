package io.aegis.training.memory;

import io.aegis.kernels.DType;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.layers.Probe;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import io.aegis.weights.TensorInfo;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;

/** Runs a model's own code on shapes alone, with kernels that compute nothing, and counts. */
public final class Rehearsal {
    private final Workspace workspace;

    /** @param workspace of the device that is imitated */
    public Rehearsal(Workspace workspace) {
        this.workspace = workspace;
    }

    /**
     * Gives parameters shapes and no memory.
     *
     * @param stored what holds the values of a parameter: one tensor, or codes and scales
     */
    public static void bind(Parameters parameters, Function<Parameter, List<TensorInfo>> stored) {
        for (Parameter p : parameters.all()) {
            List<TensorInfo> parts = stored.apply(p);
            if (parts.size() == 1) {
                p.bind(unfilled(parts.getFirst().dtype().dtype().orElseThrow(), p.shape(), p.strides()));
            } else {
                p.bind(new QuantizedWeight(rows(parts.get(0)), rows(parts.get(1))));
            }
        }
    }

    private static View rows(TensorInfo part) {
        long[] shape = part.shape();
        return unfilled(part.dtype().dtype().orElseThrow(), shape, View.rowMajor(shape));
    }

    private static View unfilled(DType dtype, long[] shape, long[] strides) {
        long bytes = Math.multiplyExact(View.count(shape), dtype.bytes());
        return View.of(Ledger.unfilled(Math.max(1, bytes)), dtype, 0, shape, strides);
    }

    /**
     * What learning from one sequence holds.
     *
     * @param loss records a loss, and shows the probe what goes into the first block and what leaves each, nothing else
     * @param leaves whose gradients are wanted; each is given back as soon as it is complete
     */
    public StepMemory step(Function<Probe, Tensor> loss, Collection<Tensor> leaves) {
        RehearsalKernels kernels = new RehearsalKernels(workspace);
        Ledger ledger = kernels.memory();
        List<Long> seen = new ArrayList<>();
        long kept;
        try (Scope scope = Scope.open(kernels);
                Tape tape = Tape.record()) {
            Tensor total = loss.apply((name, value) -> seen.add(ledger.liveBytes()));
            kept = ledger.liveBytes();
            ledger.keep();
            tape.backward(total, leaves, (leaf, gradient) -> {});
        }
        return of(seen, kept, ledger);
    }

    /** What an update of several losses holds, which goes forward and back by itself: its peak, of which nothing is told apart. */
    public StepMemory update(Runnable work) {
        RehearsalKernels kernels = new RehearsalKernels(workspace);
        try (Scope scope = Scope.open(kernels)) {
            work.run();
        }
        Ledger ledger = kernels.memory();
        return new StepMemory(0, new long[0], 0, ledger.peakBytes(), ledger.atPeak());
    }

    /** What something holds at the most that nothing is learned from. */
    public long peak(Supplier<?> work) {
        RehearsalKernels kernels = new RehearsalKernels(workspace);
        try (Scope scope = Scope.open(kernels)) {
            work.get();
        }
        return kernels.memory().peakBytes();
    }

    private static StepMemory of(List<Long> seen, long kept, Ledger ledger) {
        long[] blocks = new long[Math.max(0, seen.size() - 1)];
        for (int i = 0; i < blocks.length; i++) {
            blocks[i] = seen.get(i + 1) - seen.get(i);
        }
        long before = seen.isEmpty() ? kept : seen.getFirst();
        long behind = seen.isEmpty() ? 0 : kept - seen.getLast();
        return new StepMemory(before, blocks, behind, ledger.peakBytes(), ledger.atPeak());
    }
}
