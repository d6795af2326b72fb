package io.aegis.tensor;

import io.aegis.kernels.Backends;
import io.aegis.kernels.Kernels;
import java.util.LinkedHashSet;
import java.util.Set;

/**
 * How long tensors live: what is made inside a scope is released when the scope closes, unless {@link #keep kept} for
 * the scope around it. Scopes nest, belong to the thread that opened them, and say which kernels compute inside.
 *
 * <pre>{@code
 * try (Scope scope = Scope.open()) {
 *     Tensor y = Ops.linear(x, w, b);
 *     return scope.keep(Ops.gelu(y));          // y goes, the result stays
 * }
 * }</pre>
 */
public final class Scope implements AutoCloseable {
    private static final ThreadLocal<Scope> CURRENT = new ThreadLocal<>();

    private final Scope parent;
    private final Kernels kernels;
    private final Set<Tensor> tensors = new LinkedHashSet<>();
    private boolean closed;

    private Scope(Scope parent, Kernels kernels) {
        this.parent = parent;
        this.kernels = kernels;
    }

    /** Opens a scope with the kernels of the one around it, or those that {@link Backends#choose} set. */
    public static Scope open() {
        Scope outer = CURRENT.get();
        return open(outer != null ? outer.kernels : Backends.chosen());
    }

    /** Opens a scope in which {@code kernels} compute. */
    public static Scope open(Kernels kernels) {
        Scope scope = new Scope(CURRENT.get(), kernels);
        CURRENT.set(scope);
        return scope;
    }

    /**
     * The innermost open scope of this thread.
     *
     * @throws IllegalStateException when there is none
     */
    public static Scope current() {
        Scope scope = CURRENT.get();
        if (scope == null) {
            throw new IllegalStateException(
                    "tensors are made inside a scope: try (Scope scope = Scope.open()) { ... }");
        }
        return scope;
    }

    public Kernels kernels() {
        return kernels;
    }

    /**
     * Hands a tensor to the scope around this one. A tensor of an outer scope stays where it is.
     *
     * @throws IllegalStateException when there is no scope around this one
     */
    public Tensor keep(Tensor tensor) {
        if (tensors.contains(tensor)) {
            if (parent == null) {
                throw new IllegalStateException("nothing is around the outermost scope to keep a tensor in");
            }
            tensors.remove(tensor);
            parent.tensors.add(tensor);
        }
        return tensor;
    }

    /**
     * Gives a tensor of this scope back before the scope closes, for what is large and no longer needed; a tape keeps what
     * it needs of it all the same. A tensor of an outer scope stays where it is.
     */
    public void release(Tensor tensor) {
        if (tensors.remove(tensor)) {
            tensor.release();
        }
    }

    void adopt(Tensor tensor) {
        tensors.add(tensor);
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        if (CURRENT.get() != this) {
            throw new IllegalStateException("scopes close in the opposite order of opening, on their own thread");
        }
        closed = true;
        if (parent == null) {
            CURRENT.remove();
        } else {
            CURRENT.set(parent);
        }
        tensors.forEach(Tensor::release);
        tensors.clear();
    }
}
