package io.aegis.tensor;

import io.aegis.kernels.Buffer;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import java.util.Arrays;

/**
 * An immutable n-dimensional array: a strided view of some memory with a dtype. It lives as long as its {@link Scope};
 * using it later is an error that says so. Operations are in {@link Ops}; the commonest are methods here.
 */
public final class Tensor {
    private final Storage storage;
    private final View view;
    private final boolean requiresGradient;
    private boolean tracked;
    private boolean released;
    private String name;

    private Tensor(Storage storage, View view, boolean requiresGradient) {
        this.storage = storage;
        this.view = view;
        this.requiresGradient = requiresGradient;
        this.tracked = requiresGradient;
    }

    /** A tensor in the current scope, which takes over the caller's reference to the storage. */
    static Tensor inScope(Storage storage, View view) {
        Tensor tensor = new Tensor(storage, view, false);
        Scope.current().adopt(tensor);
        return tensor;
    }

    static Tensor detached(Storage storage, View view) {
        return new Tensor(storage, view, false);
    }

    /** What a tape may differentiate with respect to, without a reference of its own to the storage. */
    static Tensor leaf(Storage storage, View view, boolean requiresGradient) {
        return new Tensor(storage, view, requiresGradient);
    }

    /**
     * A tensor over memory that somebody else owns and keeps alive (a parameter, a mapped file): no scope releases it.
     *
     * @param requiresGradient whether a tape that sees it records what becomes of it
     */
    public static Tensor wrap(View view, boolean requiresGradient) {
        return new Tensor(Storage.external(view.buffer()), view, requiresGradient);
    }

    /** Zeros, in the current scope. */
    public static Tensor zeros(DType dtype, long... shape) {
        Tensor t = empty(dtype, shape);
        Scope.current().kernels().elementwise().fill(t.view, 0);
        return t;
    }

    /** Values in row-major order, in the current scope. */
    public static Tensor of(DType dtype, double[] values, long... shape) {
        if (View.count(shape) != values.length) {
            throw new IllegalArgumentException(values.length + " values for shape " + Arrays.toString(shape));
        }
        Tensor t = empty(dtype, shape);
        for (int i = 0; i < values.length; i++) {
            t.view.setAt(i, values[i]);
        }
        return t;
    }

    /** Indices (I64) in row-major order, in the current scope. */
    public static Tensor of(long[] values, long... shape) {
        double[] doubles = new double[values.length];
        Arrays.setAll(doubles, i -> values[i]);
        return of(DType.I64, doubles, shape);
    }

    /** A copy of any view in the current scope, row-major, converted to {@code dtype}. */
    public static Tensor copyOf(View source, DType dtype) {
        Tensor t = empty(dtype, source.shape());
        Scope.current().kernels().elementwise().copy(source, t.view);
        return t;
    }

    /** Uninitialised memory in the current scope, to be filled through {@link #view} before anything reads it. */
    public static Tensor empty(DType dtype, long... shape) {
        Storage storage = Storage.allocate(Math.multiplyExact(View.count(shape), dtype.bytes()));
        return inScope(storage, View.of(storage.buffer(), dtype, shape));
    }

    /**
     * The memory behind this tensor.
     *
     * @throws IllegalStateException when its scope has closed
     */
    public View view() {
        if (released) {
            throw new IllegalStateException(this + " is used after its scope closed; keep it with Scope.keep");
        }
        return view;
    }

    public Buffer buffer() {
        return view().buffer();
    }

    public DType dtype() {
        return view.dtype();
    }

    public int rank() {
        return view.rank();
    }

    /** Size of a dimension; negative ones count from the last. */
    public long size(int dim) {
        return view.size(dim);
    }

    public long[] shape() {
        return view.shape();
    }

    public long elements() {
        return view.elements();
    }

    /** Whether gradients are wanted with respect to this tensor itself: a trainable parameter. */
    public boolean requiresGradient() {
        return requiresGradient;
    }

    /** The one value of a tensor of one element. */
    public double item() {
        if (elements() != 1) {
            throw new IllegalStateException("item() of " + this);
        }
        return view().getAt(view.offset());
    }

    /** All values in row-major order. */
    public double[] toDoubles() {
        return view().toDoubles();
    }

    /** Gives the tensor a name for messages. */
    public Tensor named(String name) {
        this.name = name;
        return this;
    }

    public String name() {
        return name;
    }

    /** Says that the memory was written in place, so that a tape that kept it refuses to go backward over it. */
    public void changed() {
        storage.changed();
    }

    /** The same values, invisible to the tape. */
    public Tensor detach() {
        storage.retain();
        return inScope(storage, view());
    }

    // The commonest operations.

    public Tensor plus(Tensor other) {
        return Ops.add(this, other);
    }

    public Tensor minus(Tensor other) {
        return Ops.subtract(this, other);
    }

    public Tensor times(Tensor other) {
        return Ops.multiply(this, other);
    }

    public Tensor times(double factor) {
        return Ops.affine(this, factor, 0);
    }

    public Tensor plus(double term) {
        return Ops.affine(this, 1, term);
    }

    public Tensor reshape(long... shape) {
        return Ops.reshape(this, shape);
    }

    public Tensor slice(int dim, long from, long to) {
        return Ops.slice(this, dim, from, to);
    }

    public Tensor permute(int... order) {
        return Ops.permute(this, order);
    }

    /** Shape and strides, also after release. */
    View shapeView() {
        return view;
    }

    Storage storage() {
        return storage;
    }

    boolean isTracked() {
        return tracked;
    }

    void track() {
        tracked = true;
    }

    void release() {
        if (!released) {
            released = true;
            storage.release();
        }
    }

    @Override
    public String toString() {
        return (name == null ? "tensor " : name + " ") + view;
    }
}
