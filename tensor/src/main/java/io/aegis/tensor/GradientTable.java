package io.aegis.tensor;

import io.aegis.kernels.Kernels;
import io.aegis.kernels.View;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.Queue;
import java.util.Set;

/** The gradients of one backward pass while they come together. */
final class GradientTable {
    private final Map<Tensor, Adjoint> gradients = new IdentityHashMap<>();
    private final Set<Tensor> wanted;
    private final Kernels kernels = Scope.current().kernels();
    private final Queue<Map.Entry<Tensor, Adjoint>> pending = new ArrayDeque<>();

    GradientTable(Set<Tensor> wanted) {
        this.wanted = wanted;
    }

    boolean wants(Tensor tensor) {
        return wanted.contains(tensor);
    }

    Adjoint take(Tensor tensor) {
        return gradients.remove(tensor);
    }

    /** The finished gradient of a leaf, laid out in memory as the leaf is, and nobody else's: it may be written into; or null. */
    Adjoint takeLeaf(Tensor leaf) {
        Adjoint have = gradients.remove(leaf);
        if (have == null) {
            return null;
        }
        if (!have.storage().isShared()
                && Arrays.equals(denseStrides(leaf), have.view().strides())) {
            return have;
        }
        try {
            return copy(leaf, have);
        } finally {
            have.release();
        }
    }

    /** Memory that {@link #settle} will add to the gradient of {@code tensor}. */
    View fresh(Tensor tensor) {
        Adjoint a = allocate(tensor);
        pending.add(Map.entry(tensor, a));
        return a.view();
    }

    /** Adds a contribution, taking over its reference, also where it fails. */
    void add(Tensor tensor, Adjoint more) {
        Adjoint have = gradients.get(tensor);
        if (have == null) {
            gradients.put(tensor, more);
            return;
        }
        try {
            Adjoint sum = exclusive(tensor, have);
            kernels.elementwise().addScaled(more.view(), 1, sum.view());
        } finally {
            more.release();
        }
    }

    View accumulator(Tensor tensor) {
        Adjoint have = gradients.get(tensor);
        if (have == null) {
            have = allocate(tensor);
            gradients.put(tensor, have);
            kernels.elementwise().fill(have.view(), 0);
        }
        return exclusive(tensor, have).view();
    }

    /** Adds what an operation has written into memory that it was given. */
    void settle() {
        while (!pending.isEmpty()) {
            kernels.stored(pending.element().getValue().view());
            Map.Entry<Tensor, Adjoint> next = pending.remove();
            add(next.getKey(), next.getValue());
        }
    }

    /** Gives everything back, also what an operation that failed was given and has perhaps not written. */
    void releaseAll() {
        pending.forEach(p -> p.getValue().release());
        pending.clear();
        gradients.values().forEach(Adjoint::release);
        gradients.clear();
    }

    /** Gradients may share memory with others they were passed from: copied before the first write. */
    private Adjoint exclusive(Tensor tensor, Adjoint have) {
        if (!have.storage().isShared()) {
            return have;
        }
        Adjoint own = copy(tensor, have);
        have.release();
        gradients.put(tensor, own);
        return own;
    }

    private Adjoint copy(Tensor like, Adjoint from) {
        Adjoint own = allocate(like);
        try {
            kernels.elementwise().copy(from.view(), own.view());
            return own;
        } catch (RuntimeException | Error e) {
            own.release();
            throw e;
        }
    }

    private static Adjoint allocate(Tensor like) {
        Storage s = Storage.allocate(like.elements() * like.dtype().bytes());
        return new Adjoint(View.of(s.buffer(), like.dtype(), 0, like.shape(), denseStrides(like)), s);
    }

    /** The same order of dimensions in memory as the tensor has (weights may lie channels last), without holes. */
    private static long[] denseStrides(Tensor like) {
        View v = like.shapeView();
        Integer[] order = new Integer[v.rank()];
        Arrays.setAll(order, i -> i);
        Arrays.sort(order, (a, b) -> Long.compare(v.stride(b), v.stride(a)));
        long[] strides = new long[order.length];
        long step = 1;
        for (int i = order.length - 1; i >= 0; i--) {
            strides[order[i]] = step;
            step *= Math.max(v.size(order[i]), 1);
        }
        return strides;
    }
}
