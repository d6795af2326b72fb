package io.aegis.cli.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.cli.workload.Measurement;
import java.util.List;
import java.util.Locale;

/**
 * One measured piece of work, or a word on why it was left out.
 *
 * @param work what was done
 * @param value the median, in {@code unit}; NaN for what was left out
 * @param unit ms, or something a second
 * @param least the smallest of the runs
 * @param most the largest of the runs
 * @param runs that counted
 * @param warmups runs before them
 * @param wall seconds of a run, the median; NaN where it is no time
 * @param processor seconds of all threads, a run on average; NaN where it is another process's
 * @param heapBytes allocated on the Java heap for each {@code item}; NaN where it is another process's
 * @param item a picture, a token, a step
 * @param rate what of a ceiling the work used at least, in the ceiling's unit; NaN where nothing is counted
 * @param ceiling that the rate is held against, or null
 * @param note how it was taken
 */
public record Figure(
        String work,
        double value,
        String unit,
        double least,
        double most,
        int runs,
        int warmups,
        double wall,
        double processor,
        double heapBytes,
        String item,
        double rate,
        Ceiling ceiling,
        String note) {
    private static final double GIGA = 1e9;

    /**
     * The time of a run, in milliseconds.
     *
     * @param items that a run has: pictures, products
     * @param amount of operations or bytes in a run, for the rate; NaN for none
     */
    public static Figure time(
            String work, Measurement m, int items, String item, double amount, Ceiling ceiling, String note) {
        return new Figure(
                work,
                1e3 * m.median(),
                "ms",
                1e3 * m.least(),
                1e3 * m.most(),
                m.runs(),
                m.warmups(),
                m.median(),
                m.processor(),
                m.heapBytes() / items,
                item,
                amount / m.median() / GIGA,
                ceiling,
                note);
    }

    /** As {@link #time}, in items a second. */
    public static Figure speed(
            String work, Measurement m, int items, String item, double amount, Ceiling ceiling, String note) {
        Figure t = time(work, m, items, item, amount, ceiling, note);
        return new Figure(
                work,
                items / m.median(),
                item + "s/s",
                items / m.most(),
                items / m.least(),
                t.runs,
                t.warmups,
                t.wall,
                t.processor,
                t.heapBytes,
                item,
                t.rate,
                ceiling,
                note);
    }

    /**
     * How many times faster all threads were than one.
     *
     * @param ceilings what bounds the work, by one thread and by all: whose own ratio stands beside
     */
    public static Figure scaling(String work, Measurement one, Measurement all, List<Ceiling> ceilings) {
        double ratio = one.median() / all.median();
        Ceiling most = ceilings.getLast();
        return new Figure(
                work,
                ratio,
                "x",
                one.least() / all.most(),
                one.most() / all.least(),
                all.runs(),
                all.warmups(),
                one.median(),
                Double.NaN,
                Double.NaN,
                "run",
                ratio,
                new Ceiling(
                        "what " + most.name() + " gains",
                        most.value() / ceilings.getFirst().value(),
                        "x"),
                String.format(Locale.ROOT, "one thread alone %.1f ms, in turn with all", 1e3 * one.median()));
    }

    /** Bytes of something, in GB: not measured again and again, but once. */
    public static Figure gigabytes(String work, long bytes, String note) {
        double gb = bytes / GIGA;
        double no = Double.NaN;
        return new Figure(work, gb, "GB", gb, gb, 1, 0, no, no, no, "", no, null, note);
    }

    /** What was not measured, and why. */
    public static Figure leftOut(String work, String why) {
        double no = Double.NaN;
        return new Figure(work, no, "", no, no, 0, 0, no, no, no, "", no, null, "left out: " + why);
    }

    /** Whether there is a figure. */
    public boolean measured() {
        return !Double.isNaN(value);
    }

    /** Writes what there is; {@link #of} reads it. */
    public void into(ObjectNode o) {
        o.put("work", work);
        if (measured()) {
            o.put("value", value).put("unit", unit).put("least", least).put("most", most);
            o.put("runs", runs).put("warmups", warmups);
            if (!Double.isNaN(wall)) {
                o.put("wall_seconds", wall);
            }
            if (!Double.isNaN(processor)) {
                o.put("processor_seconds", processor)
                        .put("heap_bytes", heapBytes)
                        .put("heap_bytes_for_each", item);
            }
        }
        if (ceiling != null) {
            ObjectNode c = o.putObject("ceiling");
            c.put("name", ceiling.name()).put("unit", ceiling.unit());
            if (!Double.isNaN(ceiling.value())) {
                c.put("value", ceiling.value());
            }
            if (!Double.isNaN(rate)) {
                c.put("reached", rate);
            }
        }
        o.put("note", note);
    }

    public static Figure of(JsonNode o) {
        JsonNode c = o.path("ceiling");
        double no = Double.NaN;
        return new Figure(
                o.path("work").asText(),
                o.path("value").asDouble(no),
                o.path("unit").asText(),
                o.path("least").asDouble(no),
                o.path("most").asDouble(no),
                o.path("runs").asInt(),
                o.path("warmups").asInt(),
                o.path("wall_seconds").asDouble(no),
                o.path("processor_seconds").asDouble(no),
                o.path("heap_bytes").asDouble(no),
                o.path("heap_bytes_for_each").asText(),
                c.path("reached").asDouble(no),
                c.isMissingNode()
                        ? null
                        : new Ceiling(
                                c.path("name").asText(),
                                c.path("value").asDouble(no),
                                c.path("unit").asText()),
                o.path("note").asText());
    }

    /** The rate and its share of the ceiling, for a table; empty where there is none. */
    public String reached() {
        if (ceiling == null || Double.isNaN(rate)) {
            return "";
        }
        String share = Double.isNaN(ceiling.value())
                ? ""
                : String.format(Locale.ROOT, ", %.0f %% of %s", 100 * rate / ceiling.value(), ceiling.name());
        return String.format(Locale.ROOT, "%.1f %s%s", rate, ceiling.unit(), share);
    }

    @Override
    public String toString() {
        if (!measured()) {
            return String.format("%-52s %s", work, note);
        }
        StringBuilder s = new StringBuilder(String.format(
                Locale.ROOT, "%-52s %10s %-9s [%s .. %s]", work, digits(value), unit, digits(least), digits(most)));
        if (!reached().isEmpty()) {
            s.append("  ").append(reached());
        }
        s.append(String.format(Locale.ROOT, "%n%-54s%d runs after %d", "", runs, warmups));
        if (!Double.isNaN(wall)) {
            s.append(String.format(Locale.ROOT, ", %.3f s wall", wall));
        }
        if (!Double.isNaN(processor)) {
            s.append(String.format(
                    Locale.ROOT, ", %.3f s processor, %,.1f KB of Java heap a %s", processor, heapBytes / 1e3, item));
        }
        return note.isEmpty() ? s.toString() : s.append("; ").append(note).toString();
    }

    private static String digits(double x) {
        return String.format(Locale.ROOT, x < 100 ? "%.2f" : "%.0f", x);
    }
}
