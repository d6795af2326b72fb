package io.aegis.training.faceshield;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.training.Schedule;
import io.aegis.training.TrainingException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Objects;

/**
 * How a FaceShield is trained; trained weights are float32 while they learn.
 *
 * @param stage what is trained
 * @param seed of everything random: new weights, order, masks, dropout
 * @param fit how weights are fitted
 * @param lora of stage 2
 * @param limits what bounds time and memory
 * @param best by what the best state is chosen
 * @param run where and how often things are written; the only part that has no influence on the result
 */
public record FaceShieldTrainingOptions(Stage stage, long seed, Fit fit, Lora lora, Limits limits, Best best, Run run) {
    public FaceShieldTrainingOptions {
        Objects.requireNonNull(stage);
        Objects.requireNonNull(best);
    }

    /** How the losses of an update are weighed. */
    public enum Normalization {
        /** Every answer token of the update counts the same. */
        TOKENS,
        /** The mean of the micro-batches' means, as older trainers accumulate. */
        MICRO_BATCHES;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /**
     * How weights are fitted: AdamW (beta1 0.9, eps 1e-8), norms and biases without weight decay.
     *
     * @param epochs passes over the data, at least 1
     * @param batch questions in a micro-batch, at least 1
     * @param accumulation micro-batches for each update, at least 1
     * @param normalization how their losses are weighed
     * @param learningRate above 0
     * @param projectorRate of the projector, above 0
     * @param schedule of both
     * @param warmUp share of all updates before the schedule begins, in [0, 1)
     * @param beta2 decay of Adam's second moment, in [0, 1)
     * @param weightDecay decoupled, at least 0
     * @param clip longest gradient of all parameters together, above 0; longer ones are shortened
     */
    public record Fit(
            int epochs,
            int batch,
            int accumulation,
            Normalization normalization,
            double learningRate,
            double projectorRate,
            Schedule schedule,
            double warmUp,
            double beta2,
            double weightDecay,
            double clip) {
        public Fit {
            atLeast("epochs", epochs, 1);
            atLeast("batch size", batch, 1);
            atLeast("accumulation", accumulation, 1);
            above("learning rate", learningRate);
            above("projector's learning rate", projectorRate);
            above("clipping at", clip);
            if (!(warmUp >= 0 && warmUp < 1)) {
                throw new TrainingException("warm-up " + warmUp + "; expected a share of at least 0 and below 1");
            }
            if (!(beta2 >= 0 && beta2 < 1)) {
                throw new TrainingException("beta2 " + beta2 + "; expected a number of at least 0 and below 1");
            }
            if (!(weightDecay >= 0 && weightDecay < Double.POSITIVE_INFINITY)) {
                throw new TrainingException("weight decay " + weightDecay + "; expected a number of at least 0");
            }
        }

        /** Questions in an update. */
        int perUpdate() {
            return Math.multiplyExact(batch, accumulation);
        }
    }

    /**
     * Low-rank adapters for all linears of the language model's blocks.
     *
     * @param rank r, at least 1
     * @param alpha the scale is alpha / r
     * @param dropout of what goes into an adapter, in [0, 1)
     */
    public record Lora(int rank, double alpha, double dropout) {
        /** As published. */
        public static final Lora PUBLISHED = new Lora(128, 256, 0.05);

        public Lora {
            atLeast("rank", rank, 1);
            above("alpha", alpha);
            if (!(dropout >= 0 && dropout < 1)) {
                throw new TrainingException("dropout " + dropout + "; expected a probability of at least 0, below 1");
            }
        }
    }

    /**
     * What bounds time and memory.
     *
     * @param length most positions of a sequence, vision tokens included; 0 for the model's own limit
     * @param lanes questions computed at once, each by a thread of its own; gradients are added lane by lane, so that
     *     another number rounds otherwise
     * @param checkpointed keep only what goes into each block of the language model, and compute it again going backward
     */
    public record Limits(int length, int lanes, boolean checkpointed) {
        public Limits {
            atLeast("length", length, 0);
            atLeast("lanes", lanes, 1);
        }
    }

    /** What the development set decides the best state by. */
    public enum Best {
        /** The mean loss of answer tokens. */
        LOSS,
        /** The share of faces told apart at the threshold, then the loss. */
        ACCURACY
    }

    /**
     * Where and how often things are written.
     *
     * @param out the run folder
     * @param saveEvery updates between two checkpoints; 0 saves when the development set is looked at
     * @param cache where features of pictures are kept, null for {@code features} in the run folder
     * @param memory bytes that the run may hold; 0 for all that there are
     */
    public record Run(Path out, long saveEvery, Path cache, long memory) {
        public Run {
            Objects.requireNonNull(out);
            atLeast("updates between checkpoints", saveEvery, 0);
            atLeast("memory", memory, 0);
            cache = cache == null ? out.resolve("features") : cache;
        }

        public Run(Path out, long saveEvery, Path cache) {
            this(out, saveEvery, cache, 0);
        }
    }

    /**
     * The published recipe of a stage where there is one (Bunny's for a projector that has learned already), and for {@link
     * Stage#FULL} what small models learn by.
     */
    public static FaceShieldTrainingOptions of(Stage stage, Path out) {
        Schedule cosine = new Schedule.Cosine(0);
        Fit fit =
                switch (stage) {
                    case PROJECTOR -> new Fit(1, 8, 32, Normalization.TOKENS, 1e-4, 1e-4, cosine, 0.03, 0.999, 0, 1);
                    case ADAPTERS -> new Fit(1, 8, 16, Normalization.TOKENS, 2e-4, 2e-5, cosine, 0.03, 0.999, 0, 1);
                    case FULL -> new Fit(20, 32, 1, Normalization.TOKENS, 5e-4, 5e-4, cosine, 0.03, 0.99, 0.05, 1);
                };
        Limits limits = new Limits(0, stage == Stage.FULL ? 2 : 1, stage != Stage.FULL);
        return new FaceShieldTrainingOptions(stage, 42, fit, Lora.PUBLISHED, limits, Best.LOSS, new Run(out, 50, null));
    }

    public FaceShieldTrainingOptions withSeed(long other) {
        return new FaceShieldTrainingOptions(stage, other, fit, lora, limits, best, run);
    }

    public FaceShieldTrainingOptions withFit(Fit other) {
        return new FaceShieldTrainingOptions(stage, seed, other, lora, limits, best, run);
    }

    public FaceShieldTrainingOptions withLora(Lora other) {
        return new FaceShieldTrainingOptions(stage, seed, fit, other, limits, best, run);
    }

    public FaceShieldTrainingOptions withLimits(Limits other) {
        return new FaceShieldTrainingOptions(stage, seed, fit, lora, other, best, run);
    }

    public FaceShieldTrainingOptions withBest(Best other) {
        return new FaceShieldTrainingOptions(stage, seed, fit, lora, limits, other, run);
    }

    public FaceShieldTrainingOptions withRun(Run other) {
        return new FaceShieldTrainingOptions(stage, seed, fit, lora, limits, best, other);
    }

    /** Everything that has an influence on the result, flat and in a fixed order. */
    ObjectNode json() {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.put("stage", stage.toString())
                .put("seed", seed)
                .put("epochs", fit.epochs)
                .put("batch", fit.batch)
                .put("accumulation", fit.accumulation)
                .put("normalization", fit.normalization.toString())
                .put("learning_rate", fit.learningRate)
                .put("projector_rate", fit.projectorRate)
                .put("schedule", fit.schedule.toString())
                .put("warm_up", fit.warmUp)
                .put("beta2", fit.beta2)
                .put("weight_decay", fit.weightDecay)
                .put("clip", fit.clip);
        if (stage == Stage.ADAPTERS) {
            json.put("rank", lora.rank).put("alpha", lora.alpha).put("dropout", lora.dropout);
        }
        return json.put("length", limits.length)
                .put("lanes", limits.lanes)
                .put("checkpointed", limits.checkpointed)
                .put("best", best.name().toLowerCase(Locale.ROOT));
    }

    private static void atLeast(String what, long value, long least) {
        if (value < least) {
            throw new TrainingException(what + " " + value + "; expected at least " + least);
        }
    }

    private static void above(String what, double value) {
        if (!(value > 0 && value < Double.POSITIVE_INFINITY)) {
            throw new TrainingException(what + " " + value + "; expected a number above 0");
        }
    }
}
