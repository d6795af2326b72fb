package io.aegis.models.checkpoint;

import io.aegis.weights.Checkpoint;
import io.aegis.weights.TensorInfo;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** Two checkpoints that share no name, as one. */
record JoinedCheckpoint(Checkpoint first, Checkpoint second) implements Checkpoint {
    /** That of the first. */
    @Override
    public Path path() {
        return first.path();
    }

    @Override
    public List<String> names() {
        return Stream.concat(first.names().stream(), second.names().stream()).toList();
    }

    @Override
    public boolean has(String name) {
        return first.has(name) || second.has(name);
    }

    @Override
    public TensorInfo info(String name) {
        return owner(name).info(name);
    }

    @Override
    public MemorySegment bytes(String name) {
        return owner(name).bytes(name);
    }

    @Override
    public Map<String, String> metadata() {
        return first.metadata();
    }

    @Override
    public List<Checkpoint> files() {
        return Stream.concat(first.files().stream(), second.files().stream()).toList();
    }

    private Checkpoint owner(String name) {
        return second.has(name) ? second : first;
    }

    @Override
    public void close() {
        first.close();
        second.close();
    }
}
