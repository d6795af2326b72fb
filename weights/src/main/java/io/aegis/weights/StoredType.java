package io.aegis.weights;

import io.aegis.kernels.DType;
import java.util.Arrays;
import java.util.Optional;

/**
 * Element types that safetensors can store, little-endian, under the format's own names. More can be listed than can be
 * computed with: see {@link #dtype}.
 */
public enum StoredType {
    F64(64, DType.F64),
    F32(32, DType.F32),
    F16(16, DType.F16),
    BF16(16, DType.BF16),
    I64(64, DType.I64),
    I32(32, DType.I32),
    I16(16, DType.I16),
    I8(8, DType.I8),
    U8(8, DType.U8),
    BOOL(8, DType.BOOL),
    U64(64, null),
    U32(32, null),
    U16(16, null),
    C64(64, null),
    F8_E4M3(8, null),
    F8_E5M2(8, null),
    F8_E8M0(8, null),
    F8_E4M3FNUZ(8, null),
    F8_E5M2FNUZ(8, null),
    F6_E2M3(6, null),
    F6_E3M2(6, null),
    F4(4, null);

    private final int bits;
    private final DType dtype;

    StoredType(int bits, DType dtype) {
        this.bits = bits;
        this.dtype = dtype;
    }

    /** Size of one element in bits; 4 and 6 exist. */
    public int bits() {
        return bits;
    }

    /** The type to compute with; empty when a file may hold such tensors but this project does not load them. */
    public Optional<DType> dtype() {
        return Optional.ofNullable(dtype);
    }

    /** The type that stores this one. */
    public static StoredType of(DType dtype) {
        return Arrays.stream(values()).filter(t -> t.dtype == dtype).findFirst().orElseThrow();
    }

    /** The type with exactly this name, as a safetensors header writes it. */
    static Optional<StoredType> named(String name) {
        return Arrays.stream(values()).filter(t -> t.name().equals(name)).findFirst();
    }

    /**
     * Bytes of a dense tensor.
     *
     * @throws ArithmeticException when they exceed 2^63 - 1, or (with 4- and 6-bit elements) end inside a byte; the
     *     message says which
     */
    long bytes(long... shape) {
        long elements = 1;
        boolean empty = false;
        try {
            for (long size : shape) {
                empty |= size == 0;
                // A dimension of 0 must not hide that the others, and with them the strides, overflow.
                elements = Math.multiplyExact(elements, Math.max(size, 1));
            }
            elements = Math.multiplyExact(elements, (long) bits);
        } catch (ArithmeticException _) {
            throw new ArithmeticException("is too large to address");
        }
        if (empty) {
            return 0;
        }
        if (elements % 8 != 0) {
            throw new ArithmeticException("does not end on a whole byte");
        }
        return elements / 8;
    }
}
