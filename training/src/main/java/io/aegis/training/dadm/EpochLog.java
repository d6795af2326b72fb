package io.aegis.training.dadm;

import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;

/**
 * What one epoch gave.
 *
 * @param epoch from 1
 * @param learningRate of its last update
 * @param loss mean total loss of its samples
 * @param rgb mean modal loss of RGB; {@code depth} and {@code infrared} likewise
 * @param agreement of the hyperplanes before its last update
 * @param auc of the development set, as are the rest
 * @param eer its equal error rate
 * @param hter its half total error rate at the threshold
 * @param logLoss its mean cross-entropy of the scores
 * @param threshold chosen on it
 */
public record EpochLog(
        int epoch,
        double learningRate,
        double loss,
        double rgb,
        double depth,
        double infrared,
        double agreement,
        double auc,
        double eer,
        double hter,
        double logLoss,
        double threshold) {
    static final String HEADER =
            "epoch,learning_rate,loss,loss_rgb,loss_depth,loss_infrared,agreement,auc,eer,hter,log_loss,threshold";

    /** Lowest HTER, then highest AUC, then lowest cross-entropy; of equals the earlier epoch. */
    static final Comparator<EpochLog> BEST_FIRST = Comparator.comparingDouble(EpochLog::hter)
            .thenComparing(Comparator.comparingDouble(EpochLog::auc).reversed())
            .thenComparingDouble(EpochLog::logLoss)
            .thenComparingInt(EpochLog::epoch);

    /** One line; every number reads back as it was. */
    String csv() {
        return epoch + ","
                + DoubleStream.of(
                                learningRate, loss, rgb, depth, infrared, agreement, auc, eer, hter, logLoss, threshold)
                        .mapToObj(Double::toString)
                        .collect(Collectors.joining(","));
    }

    /** Header and lines. */
    static String csv(List<EpochLog> log) {
        return Stream.concat(Stream.of(HEADER), log.stream().map(EpochLog::csv))
                .collect(Collectors.joining("\n", "", "\n"));
    }

    /** @throws IllegalArgumentException for anything that {@link #csv(List)} does not write */
    static List<EpochLog> parse(String csv) {
        List<String> lines = csv.lines().toList();
        if (lines.isEmpty() || !lines.getFirst().equals(HEADER)) {
            throw new IllegalArgumentException("not a log of epochs");
        }
        return lines.stream().skip(1).map(EpochLog::line).toList();
    }

    private static EpochLog line(String line) {
        String[] cells = line.split(",", -1);
        if (cells.length != HEADER.split(",").length) {
            throw new IllegalArgumentException("a line of the log has " + cells.length + " cells");
        }
        double[] v = Stream.of(cells).mapToDouble(Double::parseDouble).toArray();
        return new EpochLog(
                Integer.parseInt(cells[0]), v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10], v[11]);
    }
}
