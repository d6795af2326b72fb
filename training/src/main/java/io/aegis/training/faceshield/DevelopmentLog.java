package io.aegis.training.faceshield;

import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;

/**
 * What the development set said once. What its faces do not tell, for lack of labels, is NaN.
 *
 * @param update how many updates there were before
 * @param loss mean over its answer tokens
 * @param accuracy share of its faces told apart at the threshold
 * @param auc area under the ROC of its scores
 * @param eer its equal error rate
 * @param threshold chosen on it
 */
public record DevelopmentLog(long update, double loss, double accuracy, double auc, double eer, double threshold) {
    static final String HEADER = "update,loss,accuracy,auc,eer,threshold";

    /** Of equals the earlier is better. */
    static Comparator<DevelopmentLog> bestFirst(FaceShieldTrainingOptions.Best by) {
        Comparator<DevelopmentLog> byLoss =
                Comparator.comparingDouble(DevelopmentLog::loss).thenComparingLong(DevelopmentLog::update);
        return switch (by) {
            case LOSS -> byLoss;
            // NaN counts as the least.
            case ACCURACY ->
                Comparator.comparingDouble((DevelopmentLog d) -> Double.isNaN(d.accuracy) ? 0 : -d.accuracy)
                        .thenComparing(byLoss);
        };
    }

    /** Whether faces were told apart: both classes were there. */
    public boolean hasThreshold() {
        return !Double.isNaN(threshold);
    }

    /** Header and lines; every number reads back as it was. */
    static String csv(List<DevelopmentLog> log) {
        return Stream.concat(
                        Stream.of(HEADER),
                        log.stream()
                                .map(d -> d.update + ","
                                        + DoubleStream.of(d.loss, d.accuracy, d.auc, d.eer, d.threshold)
                                                .mapToObj(Double::toString)
                                                .collect(Collectors.joining(","))))
                .collect(Collectors.joining("\n", "", "\n"));
    }

    /** @throws IllegalArgumentException for anything that {@link #csv} does not write */
    static List<DevelopmentLog> parse(String csv) {
        return LogLines.parse(csv, HEADER, (update, v) -> new DevelopmentLog(update, v[0], v[1], v[2], v[3], v[4]));
    }
}
