package io.aegis.kernels.cuda;

import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Where a GPU's time goes: the time of every launch, by kernel. Switched on by the system property {@code
 * aegis.cuda.profile=true}; the table is logged when the engine closes. Events between launches cost a little themselves.
 */
final class LaunchProfile {
    static final String PROPERTY = "aegis.cuda.profile";

    private static final System.Logger LOG = System.getLogger(LaunchProfile.class.getName());
    private static final int ROUND = 4096;

    private final Driver driver;
    private final List<long[]> events = new ArrayList<>();
    private final List<String> names = new ArrayList<>();
    private final Map<String, double[]> totals = new HashMap<>();

    LaunchProfile(Driver driver) {
        this.driver = driver;
    }

    /** Around one launch. */
    synchronized void around(String name, long stream, Runnable launch) {
        int i = names.size();
        if (i == events.size()) {
            events.add(new long[] {driver.createEvent(), driver.createEvent()});
        }
        driver.record(events.get(i)[0], stream);
        launch.run();
        driver.record(events.get(i)[1], stream);
        names.add(name);
        if (names.size() == ROUND) {
            settle();
        }
    }

    private void settle() {
        for (int i = 0; i < names.size(); i++) {
            driver.await(events.get(i)[1]);
            double[] total = totals.computeIfAbsent(names.get(i), n -> new double[2]);
            total[0] += driver.milliseconds(events.get(i)[0], events.get(i)[1]);
            total[1]++;
        }
        names.clear();
    }

    /** Logs the table and frees the events. */
    synchronized void close() {
        settle();
        events.forEach(e -> {
            driver.destroyEvent(e[0]);
            driver.destroyEvent(e[1]);
        });
        StringBuilder table = new StringBuilder("milliseconds, launches, kernel");
        totals.entrySet().stream()
                .sorted(Comparator.comparingDouble(e -> -e.getValue()[0]))
                .forEach(e -> table.append(String.format(
                        Locale.ROOT, "%n%12.2f %9.0f  %s", e.getValue()[0], e.getValue()[1], e.getKey())));
        LOG.log(Level.INFO, table.toString());
    }
}
