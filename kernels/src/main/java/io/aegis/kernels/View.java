package io.aegis.kernels;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Objects;

/**
 * A strided window over a {@link Buffer}: what a kernel reads or writes. Offset and strides count elements, not bytes;
 * a stride of 0 repeats (broadcasting), negative strides do not exist. Immutable; never copies.
 */
public final class View {
    private static final ValueLayout.OfDouble F64 = ValueLayout.JAVA_DOUBLE_UNALIGNED;
    private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED;
    private static final ValueLayout.OfLong I64 = ValueLayout.JAVA_LONG_UNALIGNED;
    private static final ValueLayout.OfInt I32 = ValueLayout.JAVA_INT_UNALIGNED;
    private static final ValueLayout.OfShort I16 = ValueLayout.JAVA_SHORT_UNALIGNED;

    private final Buffer buffer;
    private final DType dtype;
    private final long offset;
    private final long[] shape;
    private final long[] strides;

    private View(Buffer buffer, DType dtype, long offset, long[] shape, long[] strides) {
        this.buffer = buffer;
        this.dtype = dtype;
        this.offset = offset;
        this.shape = shape;
        this.strides = strides;
    }

    /**
     * A view with explicit strides.
     *
     * @throws IllegalArgumentException when some element would lie outside the buffer
     */
    public static View of(Buffer buffer, DType dtype, long offset, long[] shape, long[] strides) {
        Objects.requireNonNull(buffer);
        if (shape.length != strides.length) {
            throw new IllegalArgumentException(
                    "shape " + Arrays.toString(shape) + " and strides " + Arrays.toString(strides) + " differ in rank");
        }
        long last = offset;
        boolean empty = false;
        for (int i = 0; i < shape.length; i++) {
            if (shape[i] < 0 || strides[i] < 0) {
                throw new IllegalArgumentException(
                        "negative size or stride: " + Arrays.toString(shape) + ", " + Arrays.toString(strides));
            }
            empty |= shape[i] == 0;
            last = Math.addExact(last, Math.multiplyExact(Math.max(shape[i] - 1, 0), strides[i]));
        }
        if (offset < 0 || (!empty && Math.multiplyExact(last + 1, dtype.bytes()) > buffer.bytes())) {
            throw new IllegalArgumentException("view " + Arrays.toString(shape) + " at element " + offset + " of "
                    + dtype + " does not fit into a buffer of " + buffer.bytes() + " bytes");
        }
        return new View(buffer, dtype, offset, shape.clone(), strides.clone());
    }

    /** A row-major view of the start of a buffer. */
    public static View of(Buffer buffer, DType dtype, long... shape) {
        return of(buffer, dtype, 0, shape, rowMajor(shape));
    }

    /** Allocates a zeroed row-major view on the host, alive as long as {@code arena}. */
    public static View allocate(Arena arena, DType dtype, long... shape) {
        return of(Buffer.allocate(arena, Math.multiplyExact(count(shape), dtype.bytes())), dtype, shape);
    }

    /** Strides, in elements, of a dense row-major array of this shape. */
    public static long[] rowMajor(long... shape) {
        long[] strides = new long[shape.length];
        long step = 1;
        for (int i = shape.length - 1; i >= 0; i--) {
            strides[i] = step;
            step = Math.multiplyExact(step, Math.max(shape[i], 1));
        }
        return strides;
    }

    /**
     * Number of elements of a shape; 1 for rank 0.
     *
     * @throws IllegalArgumentException when a size is negative
     */
    public static long count(long... shape) {
        long n = 1;
        for (long s : shape) {
            if (s < 0) {
                throw new IllegalArgumentException("negative size: " + Arrays.toString(shape));
            }
            n = Math.multiplyExact(n, s);
        }
        return n;
    }

    public Buffer buffer() {
        return buffer;
    }

    public DType dtype() {
        return dtype;
    }

    /** Index of the first element, counted in elements from the start of the buffer. */
    public long offset() {
        return offset;
    }

    public int rank() {
        return shape.length;
    }

    /** Size of one dimension; a negative {@code dim} counts from the last. */
    public long size(int dim) {
        return shape[dim < 0 ? dim + shape.length : dim];
    }

    /** Distance in elements between neighbours along one dimension; a negative {@code dim} counts from the last. */
    public long stride(int dim) {
        return strides[dim < 0 ? dim + shape.length : dim];
    }

    public long[] shape() {
        return shape.clone();
    }

    public long[] strides() {
        return strides.clone();
    }

    /** Number of elements. */
    public long elements() {
        return count(shape);
    }

    /** Number of bytes of the elements, as if dense. */
    public long bytes() {
        return elements() * dtype.bytes();
    }

    /** Dense and row-major: element i lies i places behind the first. Dimensions of size 1 are free. */
    public boolean isContiguous() {
        long step = 1;
        for (int i = shape.length - 1; i >= 0; i--) {
            if (shape[i] != 1 && strides[i] != step) {
                return elements() == 0;
            }
            step *= shape[i];
        }
        return true;
    }

    public boolean sameShape(View other) {
        return Arrays.equals(shape, other.shape);
    }

    /** The memory from the first element to the last, inclusive; empty for an empty view. */
    public MemorySegment segment() {
        long last = 0;
        for (int i = 0; i < shape.length; i++) {
            if (shape[i] == 0) {
                return buffer.memory().asSlice(0, 0);
            }
            last += (shape[i] - 1) * strides[i];
        }
        return buffer.memory().asSlice(offset * dtype.bytes(), (last + 1) * dtype.bytes());
    }

    /** Elements {@code from} (inclusive) to {@code to} (exclusive) of one dimension. */
    public View slice(int dim, long from, long to) {
        int d = dim < 0 ? dim + shape.length : dim;
        if (from < 0 || to < from || to > shape[d]) {
            throw new IllegalArgumentException(
                    "slice " + from + ".." + to + " of dimension " + d + " of " + Arrays.toString(shape));
        }
        long[] s = shape.clone();
        s[d] = to - from;
        return new View(buffer, dtype, s[d] == 0 ? offset : offset + from * strides[d], s, strides);
    }

    /** One index of one dimension, which disappears. */
    public View select(int dim, long index) {
        int d = dim < 0 ? dim + shape.length : dim;
        View one = slice(d, index, index + 1);
        return new View(buffer, dtype, one.offset, remove(shape, d), remove(strides, d));
    }

    /** Dimensions in another order: dimension i of the result is dimension {@code order[i]} of this. */
    public View permute(int... order) {
        long[] s = new long[shape.length];
        long[] t = new long[shape.length];
        long named = Arrays.stream(order)
                .filter(d -> d >= 0 && d < shape.length)
                .distinct()
                .count();
        if (order.length != shape.length || named != shape.length) {
            throw new IllegalArgumentException("permutation " + Arrays.toString(order) + " of rank " + shape.length);
        }
        for (int i = 0; i < order.length; i++) {
            s[i] = shape[order[i]];
            t[i] = strides[order[i]];
        }
        return new View(buffer, dtype, offset, s, t);
    }

    /** Two dimensions exchanged; negative ones count from the last. */
    public View transpose(int a, int b) {
        int[] order = new int[shape.length];
        Arrays.setAll(order, i -> i);
        int x = a < 0 ? a + shape.length : a;
        int y = b < 0 ? b + shape.length : b;
        order[x] = y;
        order[y] = x;
        return permute(order);
    }

    /**
     * The same elements under another shape, without copying.
     *
     * @throws IllegalArgumentException when the counts differ, or the strides do not allow it
     */
    public View reshape(long... to) {
        if (count(to) != elements()) {
            throw new IllegalArgumentException(
                    "cannot reshape " + Arrays.toString(shape) + " to " + Arrays.toString(to));
        }
        long[] t = reshapedStrides(to);
        if (t == null) {
            throw new IllegalArgumentException("cannot reshape " + Arrays.toString(shape) + " with strides "
                    + Arrays.toString(strides) + " to " + Arrays.toString(to) + " without a copy");
        }
        return new View(buffer, dtype, offset, to.clone(), t);
    }

    /** Whether {@link #reshape} can serve this shape without a copy. */
    public boolean canReshape(long... to) {
        return count(to) == elements() && reshapedStrides(to) != null;
    }

    /** A dimension of size 1 before dimension {@code dim}; a negative one counts from behind the last. */
    public View unsqueeze(int dim) {
        int at = Objects.checkIndex(dim < 0 ? dim + shape.length + 1 : dim, shape.length + 1);
        long[] s = new long[shape.length + 1];
        long[] t = new long[shape.length + 1];
        for (int i = 0, j = 0; i < s.length; i++) {
            s[i] = i == at ? 1 : shape[j];
            t[i] = i == at ? 0 : strides[j++];
        }
        return new View(buffer, dtype, offset, s, t);
    }

    /** Repeats dimensions of size 1 (stride 0), and prepends missing leading ones, up to the wanted shape. */
    public View expand(long... to) {
        int lead = to.length - shape.length;
        long[] t = new long[to.length];
        for (int i = 0; i < to.length; i++) {
            if (i < lead) {
                continue;
            }
            long s = shape[i - lead];
            if (s == to[i]) {
                t[i] = strides[i - lead];
            } else if (s != 1 || to[i] < 0) {
                throw new IllegalArgumentException(
                        "cannot expand " + Arrays.toString(shape) + " to " + Arrays.toString(to));
            }
        }
        if (lead < 0) {
            throw new IllegalArgumentException(
                    "cannot expand " + Arrays.toString(shape) + " to " + Arrays.toString(to));
        }
        return new View(buffer, dtype, offset, to.clone(), t);
    }

    /** Position in the buffer, in elements, of an index; not bounds-checked beyond the buffer itself. */
    public long index(long... at) {
        long i = offset;
        for (int d = 0; d < at.length; d++) {
            i += at[d] * strides[d];
        }
        return i;
    }

    /** Position in the buffer, in elements, of the {@code linear}-th element in row-major order. */
    public long position(long linear) {
        long i = offset;
        long rest = linear;
        for (int d = shape.length - 1; d >= 0; d--) {
            i += rest % shape[d] * strides[d];
            rest /= shape[d];
        }
        return i;
    }

    /** Reads the element at a buffer position (see {@link #index}) as a double, whatever the dtype. Host only. */
    public double getAt(long position) {
        return element(buffer.reading(), position);
    }

    private double element(MemorySegment m, long position) {
        return switch (dtype) {
            case F64 -> m.get(F64, position << 3);
            case F32 -> m.get(F32, position << 2);
            case F16 -> Float.float16ToFloat(m.get(I16, position << 1));
            case BF16 -> Float.intBitsToFloat(m.get(I16, position << 1) << 16);
            case I64 -> m.get(I64, position << 3);
            case I32 -> m.get(I32, position << 2);
            case I16 -> m.get(I16, position << 1);
            case I8 -> m.get(ValueLayout.JAVA_BYTE, position);
            case U8, BOOL -> m.get(ValueLayout.JAVA_BYTE, position) & 0xff;
        };
    }

    /**
     * Writes a double at a buffer position, rounded to the dtype: to nearest even (16-bit floats by way of float, as
     * PyTorch does), integers towards zero, booleans to whether it is not zero. Host only.
     */
    public void setAt(long position, double value) {
        MemorySegment m = buffer.memory();
        switch (dtype) {
            case F64 -> m.set(F64, position << 3, value);
            case F32 -> m.set(F32, position << 2, (float) value);
            case F16 -> m.set(I16, position << 1, Float.floatToFloat16((float) value));
            case BF16 -> m.set(I16, position << 1, bfloat16((float) value));
            case I64 -> m.set(I64, position << 3, (long) value);
            case I32 -> m.set(I32, position << 2, (int) value);
            case I16 -> m.set(I16, position << 1, (short) value);
            case I8, U8 -> m.set(ValueLayout.JAVA_BYTE, position, (byte) (long) value);
            case BOOL -> m.set(ValueLayout.JAVA_BYTE, position, (byte) (value != 0 ? 1 : 0));
        }
    }

    /** Reads one element by its index, one number a dimension. Host only. */
    public double get(long... at) {
        return getAt(index(at));
    }

    /** Writes one element by its index. Host only. */
    public void set(double value, long... at) {
        setAt(index(at), value);
    }

    /** Reads one integer element exactly (doubles hold only 53 bits). Host only. */
    public long getLong(long... at) {
        return getLongAt(index(at));
    }

    /** Reads the integer at a buffer position exactly; of a floating dtype, its integer part. Host only. */
    public long getLongAt(long position) {
        return dtype == DType.I64 ? buffer.reading().get(I64, position << 3) : (long) getAt(position);
    }

    /** Writes an integer at a buffer position, exactly, or its low bits where the dtype has fewer. Host only. */
    public void setLongAt(long position, long value) {
        MemorySegment m = buffer.memory();
        switch (dtype) {
            case I64 -> m.set(I64, position << 3, value);
            case I32 -> m.set(I32, position << 2, (int) value);
            case I16 -> m.set(I16, position << 1, (short) value);
            case I8, U8 -> m.set(ValueLayout.JAVA_BYTE, position, (byte) value);
            case BOOL -> m.set(ValueLayout.JAVA_BYTE, position, (byte) (value != 0 ? 1 : 0));
            case F64, F32, F16, BF16 -> setAt(position, value);
        }
    }

    /** Copies all elements, in row-major order, into a new array. Host only; at most 2^31 elements. */
    public double[] toDoubles() {
        double[] out = new double[Math.toIntExact(elements())];
        MemorySegment m = buffer.reading();
        boolean dense = isContiguous();
        for (int i = 0; i < out.length; i++) {
            out[i] = element(m, dense ? offset + i : position(i));
        }
        return out;
    }

    /** Rounds to bfloat16, to nearest even, NaN kept quiet. */
    public static short bfloat16(float value) {
        int bits = Float.floatToRawIntBits(value);
        if (Float.isNaN(value)) {
            return (short) (bits >>> 16 | 0x40);
        }
        return (short) (bits + 0x7fff + (bits >>> 16 & 1) >>> 16);
    }

    @Override
    public String toString() {
        return dtype + Arrays.toString(shape) + (isContiguous() ? "" : " strides " + Arrays.toString(strides));
    }

    private long[] reshapedStrides(long[] to) {
        long[] out = new long[to.length];
        if (elements() == 0) {
            return rowMajor(to);
        }
        int from = 0;
        int next = 0;
        while (next < to.length) {
            // One group: the shortest runs of old and new dimensions with equal products.
            int start = from;
            int first = next;
            long have = from < shape.length ? shape[from++] : 1;
            long want = to[next++];
            while (have != want) {
                if (have < want) {
                    have *= shape[from++];
                } else {
                    want *= to[next++];
                }
            }
            // Old dimensions of the group must be dense among themselves.
            long step = 0;
            long expected = -1;
            for (int i = from - 1; i >= start; i--) {
                if (shape[i] == 1) {
                    continue;
                }
                if (expected < 0) {
                    step = strides[i];
                } else if (strides[i] != expected) {
                    return null;
                }
                expected = strides[i] * shape[i];
            }
            for (int i = next - 1; i >= first; i--) {
                out[i] = step;
                step *= to[i];
            }
        }
        return out;
    }

    private static long[] remove(long[] a, int at) {
        long[] out = new long[a.length - 1];
        System.arraycopy(a, 0, out, 0, at);
        System.arraycopy(a, at + 1, out, at, out.length - at);
        return out;
    }
}
