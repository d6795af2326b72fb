package io.aegis.training.dadm;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.models.DecisionThreshold;
import io.aegis.models.dadm.DadmFolder;
import io.aegis.models.dadm.DadmInfo;
import io.aegis.training.TrainingException;
import io.aegis.training.data.MissingModalities;
import io.aegis.training.data.Position;
import io.aegis.weights.AtomicFile;
import io.aegis.weights.ConfigJson;
import io.aegis.weights.Safetensors;
import io.aegis.weights.SafetensorsWriter;
import io.aegis.weights.WeightsException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The files of a run. {@code run.json} says what was asked for, once; {@code last.safetensors} is all that it takes to go
 * on; {@code best/} is a model folder; {@code log.csv} is a copy of the log for people. Each file is replaced as a whole.
 */
final class RunFolder {
    private static final String FORMAT = "aegis-dadm-run";

    private final Path out;

    RunFolder(Path out) {
        this.out = out;
    }

    Path best() {
        return out.resolve("best");
    }

    Path last() {
        return out.resolve("last.safetensors");
    }

    Path file(String name) {
        return out.resolve(name);
    }

    private Path json() {
        return out.resolve("run.json");
    }

    /**
     * Begins a run.
     *
     * @throws TrainingException when the folder holds one already
     */
    void begin(DadmTrainingOptions options, DadmTrainingData data) {
        if (Files.exists(json()) || Files.exists(last()) || Files.exists(best().resolve(DadmFolder.WEIGHTS))) {
            throw new TrainingException(
                    out + ": holds a run already; resume it, or choose another folder: nothing was changed");
        }
        try {
            Files.createDirectories(out);
        } catch (IOException e) {
            throw new TrainingException(out + ": the folder cannot be made (" + e + ")", e);
        }
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.put("format", FORMAT);
        json.set("options", OptionsJson.write(options));
        json.put("data", data.fingerprint());
        json.put("save_every", options.run().saveEvery());
        json.put("loaders", options.run().loaders());
        options.init().ifPresent(f -> json.put("init", f.toAbsolutePath().toString()));
        AtomicFile.write(json(), json.toPrettyString() + "\n");
    }

    /** Makes the folder of the best model, where its weights will lie. */
    void prepareBest(DadmTrainingOptions options, DadmTrainingData data) {
        DadmFolder.writeInfo(
                best(), new DadmInfo(options.config(), data.domains().names(), options.recipe()));
    }

    /** The options that the run began with. */
    DadmTrainingOptions options() {
        ConfigJson json = read();
        DadmTrainingOptions.Run run =
                new DadmTrainingOptions.Run(out, json.whole("save_every"), json.positive("loaders"));
        Optional<Path> init = json.has("init") ? Optional.of(Path.of(json.text("init"))) : Optional.empty();
        try {
            return OptionsJson.read(json.object("options"), init, run);
        } catch (IllegalArgumentException e) {
            throw new TrainingException(json.path() + ": " + e.getMessage(), e);
        }
    }

    /**
     * Makes sure that a run goes on as it began.
     *
     * @throws TrainingException for other options or other data, naming what differs
     */
    void requireSame(DadmTrainingOptions options, DadmTrainingData data) {
        ConfigJson json = read();
        requireSame(json.object("options").json(), json.text("data"), options, data);
    }

    private void requireSame(
            ObjectNode optionsThen, String dataThen, DadmTrainingOptions options, DadmTrainingData data) {
        OptionsJson.difference(optionsThen, OptionsJson.write(options)).ifPresent(d -> {
            throw new TrainingException(out + ": cannot be resumed with other options than it began with: " + d);
        });
        if (!dataThen.equals(data.fingerprint())) {
            throw new TrainingException(out + ": cannot be resumed with other data than it began with:"
                    + " samples were added, removed, relabelled, reordered or divided differently");
        }
    }

    private ConfigJson read() {
        if (!Files.exists(json())) {
            throw new TrainingException(out + ": holds no run to resume; there is no run.json");
        }
        ConfigJson json = ConfigJson.read(json());
        if (!json.text("format").equals(FORMAT)) {
            throw json.invalid("format", "is not known here, expected \"" + FORMAT + "\"");
        }
        return json;
    }

    /** Replaces the checkpoint. */
    void save(Learner learner, RunState state, long globalStep, DadmTrainingOptions options, DadmTrainingData data) {
        Map<String, String> metadata = new LinkedHashMap<>();
        metadata.put("format", FORMAT);
        metadata.put("epoch", Long.toString(state.next().epoch()));
        metadata.put("step", Long.toString(state.next().step()));
        metadata.put("global_step", Long.toString(globalStep));
        metadata.put("seed", Long.toString(options.seed()));
        metadata.put("options", OptionsJson.write(options).toString());
        metadata.put("data", data.fingerprint());
        metadata.put("losses", state.losses().text());
        metadata.put("best", state.best().map(e -> Integer.toString(e.epoch())).orElse(""));
        metadata.put("log", EpochLog.csv(state.log()));
        try (Arena arena = Arena.ofShared()) {
            SafetensorsWriter.write(last(), metadata, SafetensorsWriter.aligned(learner.tensors(arena)));
        }
    }

    /** What a checkpoint holds. */
    record Restored(Learner learner, RunState state) {}

    /**
     * Reads the checkpoint; empty when the run ended before it wrote one.
     *
     * @throws TrainingException when it is another run's
     * @throws WeightsException when it is damaged
     */
    Optional<Restored> restore(DadmTrainingOptions options, DadmTrainingData data) {
        if (!Files.exists(last())) {
            return Optional.empty();
        }
        try (Safetensors file = Safetensors.open(last())) {
            Map<String, String> metadata = file.metadata();
            for (String key : List.of("epoch", "step", "options", "data", "losses", "log")) {
                if (!metadata.containsKey(key)) {
                    throw WeightsException.of(last(), "its metadata has no " + key + "; it is no checkpoint of a run");
                }
            }
            if (!metadata.get("options").equals(OptionsJson.write(options).toString())
                    || !metadata.get("data").equals(data.fingerprint())) {
                throw new TrainingException(last() + ": belongs to a run with other options or data than " + json());
            }
            try {
                RunState state = new RunState(
                        new Position(Long.parseLong(metadata.get("epoch")), Long.parseLong(metadata.get("step"))),
                        LossMeans.parse(metadata.get("losses")),
                        EpochLog.parse(metadata.get("log")));
                return Optional.of(new Restored(Learner.stored(options, file), state));
            } catch (IllegalArgumentException e) {
                throw new WeightsException(last() + ": its metadata are damaged: " + e.getMessage(), e);
            }
        }
    }

    /** Replaces the best model. */
    void saveBest(
            Learner learner,
            EpochLog epoch,
            DecisionThreshold threshold,
            long globalStep,
            DadmTrainingOptions options) {
        Map<String, String> metadata = new LinkedHashMap<>(threshold.metadata());
        metadata.put("epoch", Integer.toString(epoch.epoch()));
        metadata.put("step", Long.toString(globalStep));
        metadata.put("modalities", MissingModalities.describe(options.input().modalities()));
        DadmFolder.writeWeights(best(), learner.parameters(), metadata);
    }

    /** Writes the log for people; {@code last.safetensors} holds the one that counts. */
    void writeLog(RunState state) {
        AtomicFile.write(file("log.csv"), EpochLog.csv(state.log()));
    }
}
