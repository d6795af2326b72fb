package io.aegis.models.faceshield;

import io.aegis.layers.Parameters;
import io.aegis.models.DecisionThreshold;
import io.aegis.models.checkpoint.VisionLanguageCheckpoint;
import io.aegis.tokenizer.ChatTemplate;
import io.aegis.tokenizer.Tokenizer;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.function.UnaryOperator;

/**
 * All that a model folder holds, opened together or not at all.
 *
 * @param network filled, its matrices where they lie in the files
 * @param threshold the adapter's where there is one: the base's was chosen for other scores
 * @param opened what {@link #close} closes, in this order
 */
record OpenedModel(
        Path folder,
        FaceShieldNetwork network,
        Tokenizer tokenizer,
        ChatTemplate template,
        Optional<DecisionThreshold> threshold,
        Deque<Runnable> opened)
        implements AutoCloseable {
    /**
     * Opens a folder.
     *
     * @param adapter another folder, or null
     * @param choices from the options in {@code config.json} to those wanted
     * @throws io.aegis.weights.WeightsException when something is missing, damaged, or does not fit the rest
     * @throws io.aegis.tokenizer.TokenizerException when the tokenizer is missing or damaged
     */
    static OpenedModel open(Path folder, Path adapter, UnaryOperator<FaceShieldOptions> choices) {
        Deque<Runnable> opened = new ArrayDeque<>();
        // A large vocabulary takes as long as all the rest.
        FutureTask<Tokenizer> reading = new FutureTask<>(() -> Tokenizer.open(folder));
        try {
            Thread.ofVirtual().start(reading);
            VisionLanguageCheckpoint checkpoint = FaceShieldFolder.open(folder);
            opened.push(checkpoint::close);
            Parameters parameters = new Parameters();
            opened.push(parameters::close);
            FaceShieldConfig stored = FaceShieldConfig.of(checkpoint.config(), checkpoint.json());
            FaceShieldConfig config = stored.with(choices.apply(stored.options()));
            FaceShieldNetwork network = new FaceShieldNetwork(parameters, config);
            Optional<DecisionThreshold> threshold;
            if (adapter == null) {
                checkpoint.load(parameters);
                threshold = DecisionThreshold.of(checkpoint.tensors());
            } else {
                OpenAdapter learned = new OpenAdapter(adapter);
                opened.push(learned::close);
                learned.into(network, checkpoint, parameters);
                threshold = learned.threshold();
            }
            Tokenizer tokenizer = resultOf(reading);
            FaceShieldFolder.check(tokenizer, folder, config, checkpoint.json());
            return new OpenedModel(
                    folder, network, tokenizer, FaceShieldFolder.template(checkpoint.json()), threshold, opened);
        } catch (RuntimeException | Error e) {
            opened.forEach(Runnable::run);
            throw e;
        }
    }

    private static <T> T resultOf(FutureTask<T> task) {
        try {
            return task.get();
        } catch (ExecutionException e) {
            throw e.getCause() instanceof RuntimeException r ? r : new IllegalStateException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CancellationException("interrupted while the model was opened");
        }
    }

    /** Frees the memory and unmaps the files. */
    @Override
    public void close() {
        opened.forEach(Runnable::run);
    }
}
