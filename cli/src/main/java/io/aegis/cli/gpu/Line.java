package io.aegis.cli.gpu;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.cli.gpu.bench.Bench;
import io.aegis.cli.gpu.bench.Result;
import java.util.Locale;

/**
 * One line of a report.
 *
 * @param name what was done
 * @param value a figure, or NaN where there is none
 * @param unit of the figure
 * @param share of the ceiling that was measured in the same process, from 0 to 1, or NaN
 * @param note what the ceiling is, or what went wrong
 * @param failed whether it is a failure
 */
record Line(String name, double value, String unit, double share, String note, boolean failed) {
    static Line figure(String name, double value, String unit) {
        return new Line(name, value, unit, Double.NaN, "", false);
    }

    /** What the plan of {@code gpu-bench} measured. */
    static Line of(Result r) {
        String ceiling = r.ceiling().isEmpty() ? r.note() : "of " + r.ceiling();
        return new Line(r.work(), r.value(), r.unit(), r.share(), ceiling, false);
    }

    static Line of(Bench.Ceiling c) {
        return Double.isNaN(c.value())
                ? said("ceiling", c.name())
                : figure(c.name(), c.value(), c.unit().toString());
    }

    static Line said(String name, String note) {
        return new Line(name, Double.NaN, "", Double.NaN, note, false);
    }

    static Line failure(String name, String note) {
        return new Line(name, Double.NaN, "", Double.NaN, note, true);
    }

    /** The same, said by one of several. */
    Line of(String who) {
        return new Line(who + ": " + name, value, unit, share, note, failed);
    }

    /** Writes what there is into an object; {@link #of(JsonNode)} reads it. */
    void into(ObjectNode object) {
        object.put("name", name);
        if (!Double.isNaN(value)) {
            object.put("value", value);
            object.put("unit", unit);
        }
        if (!Double.isNaN(share)) {
            object.put("share", share);
        }
        object.put("note", note);
        object.put("failed", failed);
    }

    static Line of(JsonNode object) {
        return new Line(
                object.path("name").asText(),
                object.path("value").asDouble(Double.NaN),
                object.path("unit").asText(),
                object.path("share").asDouble(Double.NaN),
                object.path("note").asText(),
                object.path("failed").asBoolean());
    }

    @Override
    public String toString() {
        StringBuilder s = new StringBuilder(String.format("%-58s", name));
        if (!Double.isNaN(value)) {
            s.append(String.format(Locale.ROOT, " %12.2f %-10s", value, unit));
        }
        if (!Double.isNaN(share)) {
            s.append(String.format(Locale.ROOT, " %5.1f %%", 100 * share));
        }
        if (failed) {
            s.append(" FAILED");
        }
        return note.isEmpty() ? s.toString() : s.append("  ").append(note).toString();
    }
}
