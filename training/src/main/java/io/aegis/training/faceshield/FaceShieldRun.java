package io.aegis.training.faceshield;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.models.DecisionThreshold;
import io.aegis.training.LossScale;
import io.aegis.training.TrainingException;
import io.aegis.training.data.ScoresFile;
import io.aegis.training.metrics.Scores;
import io.aegis.training.metrics.Split;
import io.aegis.training.run.RunFolder;
import io.aegis.training.run.RunIdentity;
import io.aegis.weights.AtomicFile;
import io.aegis.weights.Safetensors;
import io.aegis.weights.WeightsException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** The folder of a FaceShield's run: what goes into its files and comes out of them. */
final class FaceShieldRun {
    private static final String FORMAT = "aegis-faceshield-run";
    private static final String SCORES = "development.csv";

    private final RunFolder folder;
    private final FaceShieldTrainingOptions options;
    private final RunIdentity identity;

    /** @param base what training starts from */
    FaceShieldRun(FaceShieldTrainingOptions options, BaseModel base, FaceShieldTrainingData data) {
        this.folder = new RunFolder(options.run().out(), FORMAT);
        this.options = options;
        ObjectNode asked = options.json();
        asked.put("model", base.fingerprint());
        this.identity = new RunIdentity(asked, data.fingerprint());
    }

    RunFolder folder() {
        return folder;
    }

    /** Where the best state goes: an adapter's folder in stage 2, a model's otherwise. */
    Path best() {
        return options.stage() == Stage.ADAPTERS ? folder.file("adapter") : folder.best();
    }

    /**
     * Begins a run.
     *
     * @throws TrainingException when the folder holds one already
     */
    void begin(BaseModel base) {
        ObjectNode more = JsonNodeFactory.instance.objectNode();
        more.put("base", base.folder().toAbsolutePath().toString());
        folder.begin(identity, more);
    }

    /**
     * Makes sure that a run goes on as it began.
     *
     * @throws TrainingException for other options, another base or other data, naming what differs
     */
    void requireSame() {
        folder.requireSame(identity);
    }

    /** Replaces the checkpoint. */
    void save(FaceShieldLearner learner, RunState state) {
        try (Arena arena = Arena.ofShared()) {
            folder.save(identity, state.metadata(), learner.tensors(arena));
        }
    }

    /**
     * Reads the checkpoint into a learner; the start when the run ended before it wrote one.
     *
     * @throws TrainingException when it is another run's
     * @throws WeightsException when it is damaged
     */
    RunState restore(FaceShieldLearner learner) {
        Optional<Safetensors> checkpoint = folder.checkpoint(identity, RunState.KEYS);
        if (checkpoint.isEmpty()) {
            return RunState.START;
        }
        try (Safetensors file = checkpoint.get()) {
            RunState state = RunState.parse(file.metadata());
            learner.restore(file);
            return state;
        } catch (IllegalArgumentException e) {
            throw new WeightsException(folder.last() + ": its metadata are damaged: " + e.getMessage(), e);
        }
    }

    /** Replaces the best state, and the scores that it gave. */
    void saveBest(
            FaceShieldLearner learner,
            DevelopmentLog said,
            Optional<Scores> scores,
            Optional<DecisionThreshold> threshold) {
        Map<String, String> metadata = new LinkedHashMap<>();
        threshold.ifPresent(t -> metadata.putAll(t.metadata()));
        metadata.put("update", Long.toString(said.update()));
        TrainedModel.write(best(), learner, metadata);
        scores.ifPresent(s -> ScoresFile.write(folder.file(SCORES), s));
    }

    /** The scores that the best state gave its development set, if its faces had labels. */
    Optional<Scores> scores() {
        Path file = folder.file(SCORES);
        return Files.exists(file)
                ? Optional.of(ScoresFile.read(file, "development", Split.DEVELOPMENT))
                : Optional.empty();
    }

    /** Writes the logs for people; {@code last.safetensors} holds those that count. */
    void writeLogs(RunState state, FaceShieldLearner learner) {
        AtomicFile.write(folder.file("log.csv"), UpdateLog.csv(state.log()));
        AtomicFile.write(folder.file("development_log.csv"), DevelopmentLog.csv(state.development()));
        learner.scale().ifPresent(s -> AtomicFile.write(folder.file(LossScale.FILE), s.csv()));
    }
}
