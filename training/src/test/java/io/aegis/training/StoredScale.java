package io.aegis.training;

import io.aegis.weights.Safetensors;
import io.aegis.weights.SafetensorsWriter;
import io.aegis.weights.StoredTensor;
import io.aegis.weights.Views;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * What a run's state says of the scale of its losses.
 *
 * @param scale the factor
 * @param good updates since it changed
 */
public record StoredScale(double scale, long good) {
    public static StoredScale of(Safetensors state) {
        return new StoredScale(
                Views.of(state, "loss_scale/scale").getAt(0),
                Views.of(state, "loss_scale/good").getLongAt(0));
    }

    /** Writes a state as if so many updates had been good. */
    public static void pretend(Path state, long good) {
        List<StoredTensor> all = new ArrayList<>();
        Map<String, String> metadata;
        try (Safetensors file = Safetensors.open(state)) {
            metadata = file.metadata();
            for (String name : file.names()) {
                byte[] bytes = file.bytes(name).toArray(ValueLayout.JAVA_BYTE);
                MemorySegment own = Arena.ofAuto().allocate(Math.max(8, bytes.length), 8);
                MemorySegment.copy(bytes, 0, own, ValueLayout.JAVA_BYTE, 0, bytes.length);
                if (name.equals("loss_scale/good")) {
                    own.set(ValueLayout.JAVA_LONG, 0, good);
                }
                all.add(new StoredTensor(file.info(name), own.asSlice(0, bytes.length)));
            }
        }
        SafetensorsWriter.write(state, metadata, SafetensorsWriter.aligned(all));
    }

    /** Copies the files of a run. */
    public static void copy(Path run, Path to) {
        try (Stream<Path> files = Files.walk(run)) {
            for (Path file : files.toList()) {
                Files.copy(file, to.resolve(run.relativize(file).toString()));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
