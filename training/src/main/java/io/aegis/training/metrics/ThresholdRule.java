package io.aegis.training.metrics;

/** How a threshold is chosen from development scores. */
public sealed interface ThresholdRule {
    /** The vertex of the development ROC that the rule asks for. */
    RocCurve.Point choose(RocCurve development);

    /** Where false positive and false negative rate are nearest to each other. */
    record EqualErrorRate() implements ThresholdRule {
        @Override
        public RocCurve.Point choose(RocCurve development) {
            return development.equalError().point();
        }

        @Override
        public String toString() {
            return "equal error rate";
        }
    }

    /**
     * The strictest threshold that still rejects at most this share of bona fide samples.
     *
     * @param limit in [0, 1]
     */
    record BpcerAtMost(double limit) implements ThresholdRule {
        /** Checks the limit, here and not only where it is used, which is behind an epoch of training. */
        public BpcerAtMost {
            RocCurve.checkLimit("BPCER", limit);
        }

        @Override
        public RocCurve.Point choose(RocCurve development) {
            return development.atBpcer(limit);
        }

        @Override
        public String toString() {
            return "BPCER <= " + Numbers.level(limit);
        }
    }

    /**
     * The most lenient threshold that accepts at most this share of attacks, all types pooled.
     *
     * @param limit in [0, 1]
     */
    record FprAtMost(double limit) implements ThresholdRule {
        /** Checks the limit. */
        public FprAtMost {
            RocCurve.checkLimit("FPR", limit);
        }

        @Override
        public RocCurve.Point choose(RocCurve development) {
            return development.atFpr(limit);
        }

        @Override
        public String toString() {
            return "FPR <= " + Numbers.level(limit);
        }
    }
}
