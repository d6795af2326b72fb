package io.aegis.cli.gpu.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.kernels.cuda.Route;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * What was measured of a row on one way, or why it was not.
 *
 * @param work its name
 * @param route the way
 * @param kernels that it launched; of a whole model none are named
 * @param value the median; NaN for what was left out
 * @param unit of the value, its extremes and, unless they are shares, the goals
 * @param least the smallest of the rounds
 * @param most the largest of the rounds
 * @param share of the ceiling, from 0 on; NaN where there is none
 * @param ceiling what that is a share of; or empty
 * @param besideLibrary the figure over cuBLASLt's or cuDNN's for the same work; NaN where that was not measured
 * @param goal of the row on that way
 * @param verdict {@link Goal#verdict}
 * @param memory of a whole model; else {@link Footprint#NONE}
 * @param note why it was left out, or whose time it is; or empty
 */
public record Result(
        String work,
        Route route,
        List<String> kernels,
        double value,
        String unit,
        double least,
        double most,
        double share,
        String ceiling,
        double besideLibrary,
        Goal goal,
        String verdict,
        Footprint memory,
        String note) {
    static Result leftOut(Row row, Route route, List<String> kernels, String why) {
        double no = Double.NaN;
        return new Result(
                row.work().name(),
                route,
                kernels,
                no,
                row.work().unit().toString(),
                no,
                no,
                no,
                "",
                no,
                row.goal(route),
                "",
                Footprint.NONE,
                "left out: " + why);
    }

    public boolean measured() {
        return !Double.isNaN(value);
    }

    /** Writes what there is; {@link #of} reads it. */
    void into(ObjectNode o) {
        o.put("work", work).put("route", route.name()).put("unit", unit);
        kernels.forEach(o.putArray("kernels")::add);
        put(o, "value", value);
        put(o, "least", least);
        put(o, "most", most);
        put(o, "share", share);
        o.put("ceiling", ceiling);
        put(o, "beside_library", besideLibrary);
        if (goal.exists()) {
            ObjectNode asked = o.putObject("goal").put("at_least", goal.atLeast());
            put(asked, "aim", goal.aim());
            asked.put("share", goal.share()).put("source", goal.source());
        }
        o.put("verdict", verdict);
        memory.into(o);
        o.put("note", note);
    }

    private static void put(ObjectNode o, String name, double x) {
        if (!Double.isNaN(x)) {
            o.put(name, x);
        }
    }

    static Result of(JsonNode o) {
        double no = Double.NaN;
        List<String> kernels = new ArrayList<>();
        o.path("kernels").forEach(k -> kernels.add(k.asText()));
        JsonNode g = o.path("goal");
        Goal goal = g.isMissingNode()
                ? Goal.NONE
                : new Goal(
                        g.path("at_least").asDouble(),
                        g.path("aim").asDouble(no),
                        g.path("share").asBoolean(),
                        g.path("source").asText());
        return new Result(
                o.path("work").asText(),
                Route.valueOf(o.path("route").asText()),
                List.copyOf(kernels),
                o.path("value").asDouble(no),
                o.path("unit").asText(),
                o.path("least").asDouble(no),
                o.path("most").asDouble(no),
                o.path("share").asDouble(no),
                o.path("ceiling").asText(),
                o.path("beside_library").asDouble(no),
                goal,
                o.path("verdict").asText(),
                Footprint.of(o),
                o.path("note").asText());
    }

    static String digits(double x) {
        return Double.isNaN(x) ? "" : String.format(Locale.ROOT, x < 100 ? "%.2f" : "%.0f", x);
    }

    private static String percent(double x) {
        return Double.isNaN(x) ? "" : String.format(Locale.ROOT, "%.0f %%", 100 * x);
    }

    /** What stands in the note's place of a report. */
    private String said() {
        List<String> all = new ArrayList<>();
        if (!note.isEmpty()) {
            all.add(note);
        }
        if (!kernels.isEmpty()) {
            all.add(String.join(", ", kernels));
        }
        if (!memory.text().isEmpty()) {
            all.add(memory.text());
        }
        if (!goal.source().isEmpty()) {
            all.add("goal: " + goal.source());
        }
        return String.join("; ", all);
    }

    static final String HEAD =
            "| work | way | median | least .. most | unit | of the ceiling | of the library | at least | aim | reached | notes |\n"
                    + "|---|---|---:|---:|---|---:|---:|---:|---:|---|---|\n";

    String markdown() {
        return "| " + work + " | " + route.name().toLowerCase(Locale.ROOT) + " | " + digits(value) + " | "
                + (measured() ? digits(least) + " .. " + digits(most) : "") + " | " + unit + " | " + percent(share)
                + " | " + percent(besideLibrary) + " | " + Goal.text(goal.atLeast(), goal.share()) + " | "
                + Goal.text(goal.aim(), goal.share()) + " | " + verdict + " | " + said().replace("|", "/") + " |\n";
    }

    /** A line for a terminal. */
    @Override
    public String toString() {
        StringBuilder s =
                new StringBuilder(String.format("%-62s %-8s", work, route.name().toLowerCase(Locale.ROOT)));
        if (measured()) {
            s.append(String.format(Locale.ROOT, " %9s %-8s", digits(value), unit));
            s.append(" [")
                    .append(digits(least))
                    .append(" .. ")
                    .append(digits(most))
                    .append(']');
        }
        if (!Double.isNaN(share)) {
            s.append(", ").append(percent(share)).append(" of ").append(ceiling);
        }
        if (!Double.isNaN(besideLibrary)) {
            s.append(", ").append(percent(besideLibrary)).append(" of the library's");
        }
        if (goal.exists()) {
            s.append(", ").append(goal.text()).append(verdict.isEmpty() ? "" : ": " + verdict);
        }
        return said().isEmpty() ? s.toString() : s.append("; ").append(said()).toString();
    }
}
