package io.aegis.training.faceshield;

import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What a stretch of updates gave.
 *
 * @param update how many updates there were up to its end
 * @param learningRate of the last
 * @param loss mean over the answer tokens of all of them
 * @param norm mean length of their gradients before clipping
 */
public record UpdateLog(long update, double learningRate, double loss, double norm) {
    static final String HEADER = "update,learning_rate,loss,gradient_norm";

    /** Header and lines; every number reads back as it was. */
    static String csv(List<UpdateLog> log) {
        return Stream.concat(
                        Stream.of(HEADER),
                        log.stream().map(u -> u.update + "," + u.learningRate + "," + u.loss + "," + u.norm))
                .collect(Collectors.joining("\n", "", "\n"));
    }

    /** @throws IllegalArgumentException for anything that {@link #csv} does not write */
    static List<UpdateLog> parse(String csv) {
        return LogLines.parse(csv, HEADER, (update, v) -> new UpdateLog(update, v[0], v[1], v[2]));
    }
}
