package io.aegis.training.run;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.training.TrainingException;
import io.aegis.weights.AtomicFile;
import io.aegis.weights.ConfigJson;
import io.aegis.weights.Safetensors;
import io.aegis.weights.SafetensorsWriter;
import io.aegis.weights.StoredTensor;
import io.aegis.weights.WeightsException;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The files of a run. {@code run.json} says what was asked for, once; {@code last.safetensors} is all that it takes to go
 * on; {@code best/} is a model folder; the rest is for people. Each file is replaced as a whole.
 */
public final class RunFolder {
    private static final String FORMAT = "format";
    private static final String OPTIONS = "options";
    private static final String DATA = "data";

    private final Path out;
    private final String format;

    /** @param format tells runs of one kind from others */
    public RunFolder(Path out, String format) {
        this.out = out;
        this.format = format;
    }

    public Path best() {
        return out.resolve("best");
    }

    public Path last() {
        return out.resolve("last.safetensors");
    }

    public Path file(String name) {
        return out.resolve(name);
    }

    private Path json() {
        return out.resolve("run.json");
    }

    /**
     * Begins a run.
     *
     * @param more what {@code run.json} says besides
     * @throws TrainingException when the folder holds one already, or a model
     */
    public void begin(RunIdentity identity, ObjectNode more) {
        if (Files.exists(json()) || Files.exists(last()) || Files.exists(best().resolve("model.safetensors"))) {
            throw new TrainingException(
                    out + ": holds a run already; resume it, or choose another folder: nothing was changed");
        }
        makeFolder();
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.put(FORMAT, format);
        json.set(OPTIONS, identity.options());
        json.put(DATA, identity.data());
        json.setAll(more);
        AtomicFile.write(json(), json.toPrettyString() + "\n");
    }

    private void makeFolder() {
        try {
            Files.createDirectories(out);
        } catch (FileAlreadyExistsException e) {
            throw new TrainingException(out + ": is a file, expected a folder or nothing", e);
        } catch (FileSystemException e) {
            // Its message is the path alone where the system gave no reason, as when a disk does not take folders.
            String why = e.getReason() == null ? "the system does not allow it" : e.getReason();
            throw new TrainingException(out + ": the folder cannot be made: " + why, e);
        } catch (IOException e) {
            throw new TrainingException(out + ": the folder cannot be made: " + e.getMessage(), e);
        }
    }

    /**
     * What {@code run.json} says.
     *
     * @throws TrainingException when there is no run
     */
    public ConfigJson read() {
        if (!Files.exists(json())) {
            throw new TrainingException(out + ": holds no run to resume; there is no run.json");
        }
        ConfigJson json = ConfigJson.read(json());
        if (!json.text(FORMAT).equals(format)) {
            throw json.invalid(FORMAT, "is not known here, expected \"" + format + "\"");
        }
        return json;
    }

    /** The options that the run began with. */
    public ConfigJson options() {
        return read().object(OPTIONS);
    }

    /**
     * Makes sure that a run goes on as it began.
     *
     * @throws TrainingException for other options or other data, naming what differs
     */
    public void requireSame(RunIdentity identity) {
        ConfigJson json = read();
        identity.difference(json.object(OPTIONS).json()).ifPresent(d -> {
            throw new TrainingException(out + ": cannot be resumed with other options than it began with: " + d);
        });
        if (!json.text(DATA).equals(identity.data())) {
            throw new TrainingException(out + ": cannot be resumed with other data than it began with:"
                    + " samples were added, removed, relabelled, reordered or divided differently");
        }
    }

    /**
     * Replaces the checkpoint.
     *
     * @param state what there is to know besides tensors
     */
    public void save(RunIdentity identity, Map<String, String> state, List<StoredTensor> tensors) {
        Map<String, String> metadata = new LinkedHashMap<>();
        metadata.put(FORMAT, format);
        metadata.putAll(state);
        metadata.put(OPTIONS, identity.options().toString());
        metadata.put(DATA, identity.data());
        SafetensorsWriter.write(last(), metadata, SafetensorsWriter.aligned(tensors));
    }

    /**
     * Opens the checkpoint; empty when the run ended before it wrote one.
     *
     * @param state keys that its metadata must have
     * @throws TrainingException when it is another run's
     * @throws WeightsException when it is damaged
     */
    public Optional<Safetensors> checkpoint(RunIdentity identity, List<String> state) {
        if (!Files.exists(last())) {
            return Optional.empty();
        }
        Safetensors file = Safetensors.open(last());
        try {
            require(file.metadata(), identity, state);
            return Optional.of(file);
        } catch (RuntimeException e) {
            file.close();
            throw e;
        }
    }

    private void require(Map<String, String> metadata, RunIdentity identity, List<String> state) {
        for (List<String> keys : List.of(List.of(OPTIONS, DATA), state)) {
            for (String key : keys) {
                if (!metadata.containsKey(key)) {
                    throw WeightsException.of(last(), "its metadata has no " + key + "; it is no checkpoint of a run");
                }
            }
        }
        if (!metadata.get(OPTIONS).equals(identity.options().toString())
                || !metadata.get(DATA).equals(identity.data())) {
            throw new TrainingException(last() + ": belongs to a run with other options or data than " + json());
        }
    }

    /** What to say of the checkpoint when a run fails; nothing when there is none. */
    public String kept() {
        return Files.exists(last()) ? "; " + last() + " holds the last state that was saved" : "";
    }
}
