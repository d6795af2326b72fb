package io.aegis.training;

/** How the learning rate changes over a run, as a factor of the given one. Updates are counted, not epochs. */
public sealed interface Schedule {
    /** What {@link #parse} reads. */
    String EXPECTED = "expected constant, cosine, cosine:FLOOR or step:EVERY:FACTOR, such as step:1000:0.1";

    /**
     * The factor of one update.
     *
     * @param update from 0
     * @param total updates of the run
     */
    double factor(long update, long total);

    /** No change. */
    record Constant() implements Schedule {
        @Override
        public double factor(long update, long total) {
            return 1;
        }

        @Override
        public String toString() {
            return "constant";
        }
    }

    /**
     * Half a cosine from 1 down to the floor (arXiv 1608.03983 without restarts); the last update is one step above it.
     *
     * @param floor factor at the end, in [0, 1]
     */
    record Cosine(double floor) implements Schedule {
        public Cosine {
            if (!(floor >= 0 && floor <= 1)) {
                throw new TrainingException("cosine schedule with floor " + floor + "; expected a factor from 0 to 1");
            }
        }

        @Override
        public double factor(long update, long total) {
            return floor + (1 - floor) * (1 + Math.cos(Math.PI * update / Math.max(1, total))) / 2;
        }

        @Override
        public String toString() {
            return "cosine:" + floor;
        }
    }

    /**
     * Times a factor every so many updates.
     *
     * @param every updates between changes, at least 1
     * @param factor of each change, above 0 and at most 1
     */
    record Step(long every, double factor) implements Schedule {
        public Step {
            if (every < 1 || !(factor > 0 && factor <= 1)) {
                throw new TrainingException("step schedule with factor " + factor + " every " + every
                        + " updates; expected a factor above 0 and at most 1, every 1 or more");
            }
        }

        @Override
        public double factor(long update, long total) {
            return Math.pow(factor, (double) (update / every));
        }

        @Override
        public String toString() {
            return "step:" + every + ":" + factor;
        }
    }

    /**
     * This schedule behind a linear warm-up: the first updates take 1/(w+1), 2/(w+1), ... of the rate, the schedule begins
     * after them.
     *
     * @param warmUp w, how many updates
     */
    default double factor(long update, long total, long warmUp) {
        return update < warmUp ? (update + 1.0) / (warmUp + 1.0) : factor(update - warmUp, total - warmUp);
    }

    /**
     * This schedule behind the warm-up of transformers' trainer: the first updates take 0, 1/w, 2/w, ... of the rate.
     *
     * @param warmUp w, how many updates
     */
    default double factorFromZero(long update, long total, long warmUp) {
        return update < warmUp ? (double) update / warmUp : factor(update - warmUp, total - warmUp);
    }

    /**
     * Reads what {@code toString} writes, and the short forms.
     *
     * @throws TrainingException for another text
     */
    static Schedule parse(String text) {
        String[] parts = text.strip().split(":", -1);
        try {
            if (parts[0].equals("constant") && parts.length == 1) {
                return new Constant();
            }
            if (parts[0].equals("cosine") && parts.length <= 2) {
                return new Cosine(parts.length == 1 ? 0 : Double.parseDouble(parts[1]));
            }
            if (parts[0].equals("step") && parts.length == 3) {
                return new Step(Long.parseLong(parts[1]), Double.parseDouble(parts[2]));
            }
        } catch (NumberFormatException e) {
            throw new TrainingException("schedule '" + text + "': " + EXPECTED, e);
        }
        throw new TrainingException("schedule '" + text + "': " + EXPECTED);
    }
}
