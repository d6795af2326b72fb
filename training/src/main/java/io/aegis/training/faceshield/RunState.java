package io.aegis.training.faceshield;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Where a run stands, apart from its tensors.
 *
 * @param updates how many there were
 * @param stretch of updates since the last line of the log
 * @param log of updates
 * @param development what the development set said so far
 */
record RunState(long updates, Stretch stretch, List<UpdateLog> log, List<DevelopmentLog> development) {
    static final RunState START = new RunState(0, Stretch.NONE, List.of(), List.of());

    /** Keys of {@link #metadata}. */
    static final List<String> KEYS = List.of("updates", "stretch", "log", "development");

    /**
     * Sums over some updates.
     *
     * @param loss of answer tokens
     * @param tokens how many
     * @param norm of gradients
     * @param updates how many
     */
    record Stretch(double loss, long tokens, double norm, long updates) {
        static final Stretch NONE = new Stretch(0, 0, 0, 0);

        String text() {
            return loss + " " + tokens + " " + norm + " " + updates;
        }

        static Stretch parse(String text) {
            String[] n = text.split(" ", -1);
            if (n.length != 4) {
                throw new IllegalArgumentException("'" + text + "' are no sums of losses");
            }
            return new Stretch(
                    Double.parseDouble(n[0]), Long.parseLong(n[1]), Double.parseDouble(n[2]), Long.parseLong(n[3]));
        }
    }

    RunState {
        log = List.copyOf(log);
        development = List.copyOf(development);
    }

    /** One update further. */
    RunState after(FaceShieldStep.Report report) {
        return new RunState(
                updates + 1,
                new Stretch(
                        stretch.loss + report.loss(),
                        stretch.tokens + report.tokens(),
                        stretch.norm + report.norm(),
                        stretch.updates + 1),
                log,
                development);
    }

    /** The same place, with a line for the updates since the last. */
    RunState logged(double learningRate) {
        List<UpdateLog> longer = new ArrayList<>(log);
        longer.add(new UpdateLog(updates, learningRate, stretch.loss / stretch.tokens, stretch.norm / stretch.updates));
        return new RunState(updates, Stretch.NONE, longer, development);
    }

    /** The same place, having asked the development set. */
    RunState with(DevelopmentLog said) {
        List<DevelopmentLog> longer = new ArrayList<>(development);
        longer.add(said);
        return new RunState(updates, stretch, log, longer);
    }

    /** The best state so far. */
    Optional<DevelopmentLog> best(FaceShieldTrainingOptions.Best by) {
        return development.stream().min(DevelopmentLog.bestFirst(by));
    }

    Map<String, String> metadata() {
        Map<String, String> out = new LinkedHashMap<>();
        out.put("updates", Long.toString(updates));
        out.put("stretch", stretch.text());
        out.put("log", UpdateLog.csv(log));
        out.put("development", DevelopmentLog.csv(development));
        return out;
    }

    /** @throws IllegalArgumentException for anything that {@link #metadata} does not give */
    static RunState parse(Map<String, String> metadata) {
        return new RunState(
                Long.parseLong(metadata.get("updates")),
                Stretch.parse(metadata.get("stretch")),
                UpdateLog.parse(metadata.get("log")),
                DevelopmentLog.parse(metadata.get("development")));
    }
}
