package io.aegis.cli.verify;

import java.util.HashMap;
import java.util.Map;

/**
 * What a run over dequantised weights computed, by the names of its rows: what a run over the same weights of few bits is compared with, in
 * the place of values that the published weights gave.
 */
final class Literal {
    /** Of no run: what a directory says holds. */
    static final Literal NONE = new Literal(Map.of(), false);

    private final Map<String, double[]> values;
    private final boolean recording;

    private Literal(Map<String, double[]> values, boolean recording) {
        this.values = values;
        this.recording = recording;
    }

    /** Of a run that is about to be. */
    static Literal recording() {
        return new Literal(new HashMap<>(), true);
    }

    /** The same values, no longer changed. */
    Literal recorded() {
        return new Literal(values, false);
    }

    /**
     * What a row is compared with. A second way to a value (its name in parentheses behind the first one's) is compared with the first.
     *
     * @param given by the directory
     */
    double[] reference(String name, double[] given) {
        int second = name.indexOf(" (");
        String key = values.containsKey(name) || second < 0 ? name : name.substring(0, second);
        return recording ? given : values.getOrDefault(key, given);
    }

    void computed(String name, double[] ours) {
        if (recording) {
            values.put(name, ours);
        }
    }
}
