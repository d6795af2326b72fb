package io.aegis.training.dadm;

import io.aegis.image.Augmentation;
import io.aegis.models.dadm.DadmConfig;
import io.aegis.models.dadm.DadmNetwork;
import io.aegis.models.dadm.Modality;
import io.aegis.models.dadm.Recipe;
import io.aegis.training.Schedule;
import io.aegis.training.TrainingException;
import io.aegis.training.data.Balance;
import io.aegis.training.data.RandomMissing;
import io.aegis.training.metrics.ThresholdRule;
import java.nio.file.Path;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;

/**
 * How a DADM is trained; in float32.
 *
 * @param config sizes of the model
 * @param recipe {@code intended} or {@code official}, see {@link Recipe}
 * @param seed of everything random: initial weights, order, augmentation, dropout
 * @param fit how weights are fitted
 * @param input what the model gets to see
 * @param threshold how the decision threshold is chosen on the development set
 * @param init a ViT-B/16 (or one of the model's sizes) to start from; without one, the start is random
 * @param run where and how often things are written; the only part that has no influence on the result
 */
public record DadmTrainingOptions(
        DadmConfig config,
        String recipe,
        long seed,
        Fit fit,
        Input input,
        ThresholdRule threshold,
        Optional<Path> init,
        Run run) {
    /** Checks the recipe's name. */
    public DadmTrainingOptions {
        try {
            Recipe.named(recipe);
        } catch (IllegalArgumentException e) {
            throw new TrainingException(e.getMessage(), e);
        }
    }

    /**
     * How weights are fitted.
     *
     * @param epochs passes over the data, at least 1
     * @param batchSize samples that go through the network together, at least 1
     * @param accumulation such batches for each update, at least 1; their gradients are averaged, which is not the same
     *     as a larger batch: the angle and prototype losses couple rows, and batch norm sees each batch by itself
     * @param learningRate of Adam, above 0
     * @param schedule of the learning rate
     * @param warmUp updates before the schedule begins, see {@link Schedule#factor(long, long, long)}
     * @param weightDecay L2 factor, at least 0
     */
    public record Fit(
            int epochs,
            int batchSize,
            int accumulation,
            double learningRate,
            Schedule schedule,
            long warmUp,
            double weightDecay) {
        public Fit {
            atLeast("epochs", epochs, 1);
            atLeast("batch size", batchSize, 1);
            atLeast("accumulation", accumulation, 1);
            atLeast("warm-up", warmUp, 0);
            if (!(learningRate > 0 && learningRate < Double.POSITIVE_INFINITY)) {
                throw new TrainingException("learning rate " + learningRate + "; expected a number above 0");
            }
            if (!(weightDecay >= 0 && weightDecay < Double.POSITIVE_INFINITY)) {
                throw new TrainingException("weight decay " + weightDecay + "; expected a number of at least 0");
            }
        }

        private static void atLeast(String what, long value, long least) {
            if (value < least) {
                throw new TrainingException(what + " " + value + "; expected at least " + least);
            }
        }

        /** The same with batches of another size. */
        public Fit withBatch(int size) {
            return new Fit(epochs, size, accumulation, learningRate, schedule, warmUp, weightDecay);
        }

        /** The same with another number of epochs. */
        public Fit withEpochs(int number) {
            return new Fit(number, batchSize, accumulation, learningRate, schedule, warmUp, weightDecay);
        }
    }

    /**
     * What the model gets to see.
     *
     * @param balance whose shares of a batch are equal
     * @param augmentation what is changed at random
     * @param missing modalities that go missing at random, redrawn every epoch
     * @param modalities those in use; the others are zeros in training and development, as if nobody had such a camera
     */
    public record Input(
            Balance balance, Augmentation augmentation, Optional<RandomMissing> missing, Set<Modality> modalities) {
        /** Copies the set. */
        public Input {
            if (modalities.isEmpty()) {
                throw new TrainingException("no modality is to be used; expected at least one of rgb, depth and ir");
            }
            modalities = Collections.unmodifiableSet(EnumSet.copyOf(modalities));
        }

        /** The modalities that are not in use. */
        public Set<Modality> unused() {
            Set<Modality> unused = EnumSet.allOf(Modality.class);
            unused.removeAll(modalities);
            return unused;
        }
    }

    /**
     * Where and how often things are written.
     *
     * @param out the run folder
     * @param saveEvery updates between two checkpoints within an epoch; 0 saves at the end of epochs only
     * @param loaders threads that decode and augment, at least 1
     * @param memory bytes that the run may hold; 0 for all that there are
     */
    public record Run(Path out, long saveEvery, int loaders, long memory) {
        public Run(Path out, long saveEvery, int loaders) {
            this(out, saveEvery, loaders, 0);
        }

        public Run {
            if (saveEvery < 0 || loaders < 1) {
                throw new TrainingException("saving every " + saveEvery + " updates, loading on " + loaders
                        + " threads; expected at least 0 and 1");
            }
        }
    }

    /**
     * What the published README and code do, with the intended recipe: 80 epochs of batches of 16, learning rate 5e-5
     * without a schedule, seed 42; threshold at the equal error rate.
     */
    public static DadmTrainingOptions published(DadmConfig config, Path out) {
        return new DadmTrainingOptions(
                config,
                "intended",
                42,
                new Fit(80, 16, 1, 5e-5, new Schedule.Constant(), 0, 5e-5),
                new Input(Balance.NONE, Augmentation.PUBLISHED, Optional.empty(), EnumSet.allOf(Modality.class)),
                new ThresholdRule.EqualErrorRate(),
                Optional.empty(),
                new Run(out, 200, Math.max(1, Runtime.getRuntime().availableProcessors() / 2)));
    }

    /**
     * What becomes of the trunk: frozen as published, but for the intended recipe without a pretrained ViT, where freezing
     * would keep it random for ever.
     */
    public DadmNetwork.Trunk trunk() {
        boolean pretrained = init.isPresent() || recipe.equals("official");
        return pretrained ? DadmNetwork.Trunk.FROZEN : DadmNetwork.Trunk.TRAINED;
    }

    public DadmTrainingOptions withRecipe(String name) {
        return new DadmTrainingOptions(config, name, seed, fit, input, threshold, init, run);
    }

    public DadmTrainingOptions withSeed(long number) {
        return new DadmTrainingOptions(config, recipe, number, fit, input, threshold, init, run);
    }

    public DadmTrainingOptions withFit(Fit other) {
        return new DadmTrainingOptions(config, recipe, seed, other, input, threshold, init, run);
    }

    public DadmTrainingOptions withInput(Input other) {
        return new DadmTrainingOptions(config, recipe, seed, fit, other, threshold, init, run);
    }

    public DadmTrainingOptions withThreshold(ThresholdRule rule) {
        return new DadmTrainingOptions(config, recipe, seed, fit, input, rule, init, run);
    }

    public DadmTrainingOptions withInit(Path file) {
        return new DadmTrainingOptions(config, recipe, seed, fit, input, threshold, Optional.of(file), run);
    }

    public DadmTrainingOptions withRun(Run other) {
        return new DadmTrainingOptions(config, recipe, seed, fit, input, threshold, init, other);
    }
}
