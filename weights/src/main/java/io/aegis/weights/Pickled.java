package io.aegis.weights;

import java.util.List;

/** What the restricted unpickler makes besides plain values (text, numbers, lists, maps). */
sealed interface Pickled {
    /** A name that the pickle refers to and that is on the list of allowed ones. It is never looked up. */
    enum Global implements Pickled {
        ORDERED_DICT,
        REBUILD_TENSOR,
        REBUILD_PARAMETER
    }

    /** {@code torch.FloatStorage} and its like: an element type. */
    record StorageType(StoredType dtype) implements Pickled {}

    /** A run of elements in the archive entry {@code data/key}. */
    record Storage(StoredType dtype, String key, long elements) implements Pickled {}

    /** A strided window over a storage; offset and strides in elements. */
    record Tensor(Storage storage, long offset, long[] shape, long[] strides) implements Pickled {}

    /** A tuple; a list is an ordinary {@link java.util.ArrayList}. */
    record Tuple(List<Object> items) implements Pickled {}

    /** Where a group of values begins on the stack. */
    enum Mark implements Pickled {
        MARK
    }
}
