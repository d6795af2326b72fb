package io.aegis.weights;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * Named tensors in files, mapped and not copied. Everything handed out dies with {@link #close}: touching it afterwards
 * is an {@link IllegalStateException}. Safe to read from several threads. The files must not be changed in place while
 * they are open; replacing them by {@link AtomicFile} is safe.
 */
public interface Checkpoint extends AutoCloseable {
    /**
     * Opens a file or a folder for what it holds, whatever it is called: a safetensors file, a PyTorch archive (.pt,
     * .bin), the index of a sharded checkpoint, or a folder with one of {@code model.safetensors.index.json},
     * {@code model.safetensors}, {@code pytorch_model.bin.index.json}, {@code pytorch_model.bin},
     * {@code adapter_model.safetensors}, {@code adapter_model.bin}, looked for in this order.
     *
     * @throws WeightsException when it is missing, unreadable, or breaks its format's rules
     */
    static Checkpoint open(Path path) {
        return CheckpointFormat.open(path);
    }

    /** The file or folder, for messages. */
    Path path();

    /** Names of all tensors, in the order of the file. */
    List<String> names();

    /** Whether there is a tensor of this name. */
    boolean has(String name);

    /**
     * Type and shape of a tensor.
     *
     * @throws WeightsException when there is none of this name
     */
    TensorInfo info(String name);

    /**
     * The bytes of a tensor: dense, row-major, little-endian, read-only; not necessarily aligned to the element.
     *
     * @throws WeightsException when there is none of this name
     */
    MemorySegment bytes(String name);

    /** Free text that the file carries besides tensors, in its order; empty where the format has none. */
    Map<String, String> metadata();

    /** The files that hold the tensors, under the names of the files. */
    default List<Checkpoint> files() {
        return List.of(this);
    }

    /** Unmaps the files. */
    @Override
    void close();
}
