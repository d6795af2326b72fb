package io.aegis.cli.gpu.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.cli.workload.ChildProcess;
import io.aegis.kernels.cuda.CudaBackend;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Figures of a GPU as JSON, and from that for people. */
final class GpuBenchReport {
    /** What goals were taken from. */
    private static final String CUDNN =
            "On an H200 cuDNN was seen at 671 and 591 TFLOP/s, attention forward of head 128 at 4096"
                    + " tokens, full and causal, and at 560 and 474 backward.";

    private static final String GOALS =
            "What is asked (at least, aim) is for an H200, and of the portable way another thing than of the others.";

    private GpuBenchReport() {}

    static ObjectNode begin(Provenance of, String note, boolean tiny) {
        ObjectNode o = JsonNodeFactory.instance.objectNode();
        of.into(o);
        o.put("note", tiny ? "tiny shapes: the figures mean nothing. " + note : note);
        o.put("goals", GOALS);
        o.put("cudnn", "cuDNN: " + CudaBackend.cudnn() + ". " + CUDNN);
        o.putArray("sections");
        return o;
    }

    static ObjectNode ceiling(Bench.Ceiling c) {
        ObjectNode o = JsonNodeFactory.instance.objectNode();
        o.put("name", c.name()).put("unit", c.unit().toString());
        if (!Double.isNaN(c.value())) {
            o.put("value", c.value());
        }
        return o;
    }

    /** A section from what its process said. */
    static ObjectNode section(Plan plan, ChildProcess ran) {
        ObjectNode o = JsonNodeFactory.instance.objectNode();
        o.put("section", plan.title()).put("seconds", ran.seconds());
        o.putArray("ceilings");
        o.putArray("results");
        String last = "the beginning";
        for (JsonNode said : ran.objects()) {
            last = said.path("measuring").asText(last);
            if (said.has("ceiling")) {
                o.withArray("ceilings").add(said.path("ceiling"));
            } else if (said.has("result")) {
                o.withArray("results").add(said.path("result"));
            } else if (said.has("chosen")) {
                o.set("chosen", said.path("chosen"));
            }
        }
        if (ran.problem() != null) {
            o.put("problem", "at " + last + ": " + ran.problem());
        }
        return o;
    }

    /** Adds what a profiler said. */
    static void profile(ObjectNode section, NsightCompute.Profile profile) {
        ArrayNode kernels = section.putArray("profile");
        profile.kernels().forEach(k -> k.into(kernels.addObject()));
        section.put("profile_note", profile.note());
    }

    /** Lines of what a profiler said; none where it was not asked. */
    private static List<String> profile(JsonNode section) {
        List<String> lines = new ArrayList<>();
        section.path("profile").forEach(k -> lines.add(KernelProfile.of(k).toString()));
        String note = section.path("profile_note").asText();
        if (!note.isEmpty()) {
            lines.add(note);
        }
        return lines;
    }

    private static String ceilingText(JsonNode c) {
        return c.path("name").asText()
                + (c.has("value")
                        ? ": " + Result.digits(c.path("value").asDouble()) + " "
                                + c.path("unit").asText()
                        : "");
    }

    /** A section for a terminal. */
    static String text(JsonNode section) {
        StringBuilder s = new StringBuilder(String.format(
                Locale.ROOT,
                "%n%s (%.1f s)%n",
                section.path("section").asText(),
                section.path("seconds").asDouble()));
        section.path("ceilings").forEach(c -> s.append(String.format("  %s%n", ceilingText(c))));
        section.path("results").forEach(r -> s.append(String.format("  %s%n", Result.of(r))));
        profile(section).forEach(l -> s.append(String.format("  %s%n", l)));
        if (section.has("chosen")) {
            s.append(String.format("  %s%n", section.path("chosen").asText()));
        }
        if (section.has("problem")) {
            s.append(String.format("  failed %s%n", section.path("problem").asText()));
        }
        return s.toString();
    }

    static String markdown(JsonNode report) {
        Provenance of = Provenance.of(report);
        StringBuilder s = new StringBuilder("# " + of.title() + ", " + of.date() + "\n\n");
        s.append(of.text())
                .append(" Medians, the ways of a row in turn. ")
                .append(GOALS)
                .append(' ')
                .append(report.path("cudnn").asText())
                .append('\n');
        if (!report.path("note").asText().isEmpty()) {
            s.append('\n').append(report.path("note").asText()).append('\n');
        }
        for (JsonNode section : report.path("sections")) {
            s.append(String.format(
                    Locale.ROOT,
                    "%n## %s (%.1f s)%n%n",
                    section.path("section").asText(),
                    section.path("seconds").asDouble()));
            section.path("ceilings").forEach(c -> s.append(ceilingText(c)).append("\n\n"));
            s.append(Result.HEAD);
            section.path("results").forEach(r -> s.append(Result.of(r).markdown()));
            if (section.has("chosen")) {
                s.append('\n').append(section.path("chosen").asText()).append('\n');
            }
            List<String> counted = profile(section);
            if (!counted.isEmpty()) {
                s.append(
                        "\nBy Nsight Compute, which holds the clocks: what counters say is not what was timed above.\n\n");
                counted.forEach(l -> s.append("- ").append(l).append('\n'));
            }
            if (section.has("problem")) {
                s.append("\n**failed** ")
                        .append(section.path("problem").asText())
                        .append('\n');
            }
        }
        return s.toString();
    }

    /** Writes {@code gpu-bench.md} and {@code gpu-bench.json}. */
    static void write(Path folder, JsonNode report) throws IOException {
        Files.createDirectories(folder);
        Files.writeString(folder.resolve("gpu-bench.md"), markdown(report));
        Files.writeString(
                folder.resolve("gpu-bench.json"),
                new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(report) + "\n");
    }
}
