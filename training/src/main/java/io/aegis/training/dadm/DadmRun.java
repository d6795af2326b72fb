package io.aegis.training.dadm;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.models.DecisionThreshold;
import io.aegis.models.dadm.DadmFolder;
import io.aegis.models.dadm.DadmInfo;
import io.aegis.training.LossScale;
import io.aegis.training.TrainingException;
import io.aegis.training.data.MissingModalities;
import io.aegis.training.data.Position;
import io.aegis.training.run.RunFolder;
import io.aegis.training.run.RunIdentity;
import io.aegis.weights.AtomicFile;
import io.aegis.weights.ConfigJson;
import io.aegis.weights.Safetensors;
import io.aegis.weights.WeightsException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The folder of a DADM's run: what goes into its files and comes out of them. */
final class DadmRun {
    private static final String FORMAT = "aegis-dadm-run";
    private static final List<String> STATE = List.of("epoch", "step", "losses", "log");

    private final Path out;
    private final RunFolder folder;

    DadmRun(Path out) {
        this.out = out;
        this.folder = new RunFolder(out, FORMAT);
    }

    RunFolder folder() {
        return folder;
    }

    /**
     * Begins a run.
     *
     * @throws TrainingException when the folder holds one already
     */
    void begin(DadmTrainingOptions options, DadmTrainingData data) {
        ObjectNode more = JsonNodeFactory.instance.objectNode();
        more.put("save_every", options.run().saveEvery());
        more.put("loaders", options.run().loaders());
        options.init().ifPresent(f -> more.put("init", f.toAbsolutePath().toString()));
        folder.begin(identity(options, data), more);
    }

    /** Makes the folder of the best model, where its weights will lie. */
    void prepareBest(DadmTrainingOptions options, DadmTrainingData data) {
        DadmFolder.writeInfo(
                folder.best(), new DadmInfo(options.config(), data.domains().names(), options.recipe()));
    }

    /** The options that the run began with. */
    DadmTrainingOptions options() {
        ConfigJson json = folder.read();
        DadmTrainingOptions.Run run =
                new DadmTrainingOptions.Run(out, json.whole("save_every"), json.positive("loaders"));
        Optional<Path> init = json.has("init") ? Optional.of(Path.of(json.text("init"))) : Optional.empty();
        try {
            return OptionsJson.read(folder.options(), init, run);
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
        folder.requireSame(identity(options, data));
    }

    private static RunIdentity identity(DadmTrainingOptions options, DadmTrainingData data) {
        return new RunIdentity(OptionsJson.write(options), data.fingerprint());
    }

    /** Replaces the checkpoint. */
    void save(Learner learner, RunState state, long globalStep, DadmTrainingOptions options, DadmTrainingData data) {
        Map<String, String> metadata = new LinkedHashMap<>();
        metadata.put("epoch", Long.toString(state.next().epoch()));
        metadata.put("step", Long.toString(state.next().step()));
        metadata.put("global_step", Long.toString(globalStep));
        metadata.put("seed", Long.toString(options.seed()));
        metadata.put("losses", state.losses().text());
        metadata.put("best", state.best().map(e -> Integer.toString(e.epoch())).orElse(""));
        metadata.put("log", EpochLog.csv(state.log()));
        try (Arena arena = Arena.ofShared()) {
            folder.save(identity(options, data), metadata, learner.tensors(arena));
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
        Optional<Safetensors> checkpoint = folder.checkpoint(identity(options, data), STATE);
        if (checkpoint.isEmpty()) {
            return Optional.empty();
        }
        try (Safetensors file = checkpoint.get()) {
            Map<String, String> metadata = file.metadata();
            RunState state = new RunState(
                    new Position(Long.parseLong(metadata.get("epoch")), Long.parseLong(metadata.get("step"))),
                    LossMeans.parse(metadata.get("losses")),
                    EpochLog.parse(metadata.get("log")));
            return Optional.of(new Restored(Learner.stored(options, file), state));
        } catch (IllegalArgumentException e) {
            throw new WeightsException(folder.last() + ": its metadata are damaged: " + e.getMessage(), e);
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
        DadmFolder.writeWeights(folder.best(), learner.parameters(), metadata);
    }

    /** Writes the log for people; {@code last.safetensors} holds the one that counts. */
    void writeLog(RunState state, Learner learner) {
        AtomicFile.write(folder.file("log.csv"), EpochLog.csv(state.log()));
        learner.scale().ifPresent(s -> AtomicFile.write(folder.file(LossScale.FILE), s.csv()));
    }
}
