package io.aegis.training.faceshield;

import io.aegis.layers.Parameter;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import io.aegis.training.Adam;
import io.aegis.training.ClippedAdam;
import io.aegis.training.GradientSums;
import io.aegis.training.Lanes;
import io.aegis.training.LossScale;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.ToDoubleFunction;

/**
 * One update of FaceShield. Each lesson is a sequence of its own, without padding: forward, loss of its answer, backward.
 * Lane l takes lessons l, l + lanes, ... and adds their gradients in that order; lanes are added in order; so the sum
 * depends on the number of lanes and on nothing else.
 */
final class FaceShieldStep implements AutoCloseable {
    private final Objective objective;
    private final ClippedAdam optimizer;
    private final Optional<LossScale> scale;
    private final Lanes lanes;
    private final FaceShieldTrainingOptions.Fit fit;
    private final Map<Tensor, Parameter> trainable = new IdentityHashMap<>();
    private final List<GradientSums> sums = new ArrayList<>();

    /** The loss of one lesson, recorded by the current tape. */
    @FunctionalInterface
    interface Objective {
        /**
         * @param update its number, a counter of randomness
         * @return the mean over the tokens to be learned, [1]
         */
        Tensor loss(Lesson lesson, long update);
    }

    /**
     * What an update tells.
     *
     * @param loss sum over its answer tokens
     * @param tokens how many those were
     * @param norm length of the gradient before clipping
     */
    record Report(double loss, long tokens, double norm) {}

    /**
     * @param trained in a fixed order
     * @param scale of losses, where gradients go back in half precision
     */
    FaceShieldStep(
            Objective objective,
            List<Parameter> trained,
            Adam adam,
            Optional<LossScale> scale,
            Lanes lanes,
            FaceShieldTrainingOptions.Fit fit) {
        this.objective = objective;
        this.scale = scale;
        this.optimizer = new ClippedAdam(trained, adam, fit.clip());
        this.lanes = lanes;
        this.fit = fit;
        trained.forEach(p -> trainable.put(p.tensor(), p));
        for (int i = 0; i < lanes.count(); i++) {
            sums.add(new GradientSums());
        }
    }

    /**
     * Learns from some lessons. Where scaled gradients overflow, they are computed again with half the scale: nothing but the
     * sums of gradients has changed until then.
     *
     * @param update its number, a counter of randomness
     * @param learningRate of each parameter
     * @throws ArithmeticException when a loss or the gradient is not finite; nothing has been updated then
     * @throws OutOfMemoryError when the device has no memory left; it has back what the update took, and nothing has been updated
     */
    Report run(List<Lesson> lessons, long update, ToDoubleFunction<Parameter> learningRate) {
        try {
            return learn(lessons, update, learningRate);
        } finally {
            sums.forEach(GradientSums::clear); // of an update that failed there may be parts
        }
    }

    private Report learn(List<Lesson> lessons, long update, ToDoubleFunction<Parameter> learningRate) {
        double[] weights = weights(lessons);
        while (true) {
            double[] losses = differentiate(lessons, update, weights);
            double loss = 0;
            long tokens = 0;
            for (int i = 0; i < losses.length; i++) {
                if (!Double.isFinite(losses[i])) {
                    throw new ArithmeticException(
                            "the loss of " + lessons.get(i).source().describe() + " is " + losses[i]);
                }
                loss += losses[i] * lessons.get(i).tokens();
                tokens += lessons.get(i).tokens();
            }
            try (Scope scope = Scope.open()) {
                GradientSums all = sums.getFirst();
                sums.stream().skip(1).forEach(all::take);
                boolean usable = scale.isEmpty() || unscale(all, update, scale.get());
                if (usable) {
                    return new Report(loss, tokens, optimizer.update(all.sums(), learningRate));
                }
                all.clear();
            }
        }
    }

    /** Makes the sums those of losses that were not scaled; false when they overflowed. */
    private static boolean unscale(GradientSums all, long update, LossScale by) {
        Optional<Parameter> overflowed = LossScale.overflowed(all.sums());
        if (overflowed.isPresent()) {
            by.halve(update, overflowed.get());
            return false;
        }
        by.unscale(all.sums().values());
        by.passed(update);
        return true;
    }

    /** Adds every lesson's gradients to its lane's sums; the losses. */
    private double[] differentiate(List<Lesson> lessons, long update, double[] weights) {
        double factor = scale.map(LossScale::factor).orElse(1.0);
        double[] losses = new double[lessons.size()];
        lanes.run(lane -> {
            for (int i = lane; i < losses.length; i += lanes.count()) {
                losses[i] = differentiate(lessons.get(i), update, factor * weights[i], sums.get(lane));
            }
        });
        return losses;
    }

    private double differentiate(Lesson lesson, long update, double weight, GradientSums into) {
        try (Scope scope = Scope.open();
                Tape tape = Tape.record()) {
            Tensor loss = objective.loss(lesson, update);
            double value = loss.item();
            if (Double.isFinite(value)) {
                tape.backward(
                        loss.times(weight),
                        trainable.keySet(),
                        (leaf, gradient) -> into.add(trainable.get(leaf), gradient));
            }
            return value;
        }
    }

    /** What each lesson's mean loss counts in the update's. */
    private double[] weights(List<Lesson> lessons) {
        double[] weights = new double[lessons.size()];
        int micro =
                switch (fit.normalization()) {
                    case TOKENS -> lessons.size();
                    case MICRO_BATCHES -> fit.batch();
                };
        int batches = Math.ceilDiv(lessons.size(), micro);
        for (int from = 0; from < lessons.size(); from += micro) {
            int to = Math.min(from + micro, lessons.size());
            long tokens =
                    lessons.subList(from, to).stream().mapToLong(Lesson::tokens).sum();
            for (int i = from; i < to; i++) {
                weights[i] = (double) lessons.get(i).tokens() / tokens / batches;
            }
        }
        return weights;
    }

    @Override
    public void close() {
        sums.forEach(GradientSums::close);
    }
}
