package io.aegis.weights;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** A checkpoint under other names. */
final class RenamedCheckpoint implements Checkpoint {
    private final Checkpoint original;
    private final Map<String, String> originals;
    private final List<String> names;

    /** From new names, in order, to those of the original. */
    RenamedCheckpoint(Checkpoint original, Map<String, String> originals) {
        this.original = original;
        this.originals = originals;
        this.names = List.copyOf(originals.keySet());
    }

    @Override
    public Path path() {
        return original.path();
    }

    @Override
    public List<String> names() {
        return names;
    }

    @Override
    public boolean has(String name) {
        return originals.containsKey(name);
    }

    @Override
    public TensorInfo info(String name) {
        TensorInfo info = original.info(originalName(name));
        return new TensorInfo(name, info.dtype(), info.shape());
    }

    @Override
    public MemorySegment bytes(String name) {
        return original.bytes(originalName(name));
    }

    @Override
    public Map<String, String> metadata() {
        return original.metadata();
    }

    @Override
    public List<Checkpoint> files() {
        return original.files();
    }

    private String originalName(String name) {
        String found = originals.get(name);
        if (found == null) {
            throw WeightsException.of(path(), "there is no tensor " + name);
        }
        return found;
    }

    @Override
    public void close() {
        original.close();
    }
}
