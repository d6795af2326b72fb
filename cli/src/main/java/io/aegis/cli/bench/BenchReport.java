package io.aegis.cli.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.cli.workload.HostMemory;
import io.aegis.kernels.Kernels;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/** Figures and what they came from, as JSON. */
public final class BenchReport {
    private static final Path PROCESSOR = Path.of("/proc/cpuinfo");

    private BenchReport() {}

    /** The machine, the virtual machine, and which kernels compute. */
    public static ObjectNode machine(Kernels kernels) {
        ObjectNode o = JsonNodeFactory.instance.objectNode();
        o.put("processor", processor());
        o.put("threads", Ceilings.threads());
        o.put("java", Runtime.version().toString());
        o.put("system", System.getProperty("os.name") + " " + System.getProperty("os.arch"));
        ObjectNode families = o.putObject("kernels");
        kernels.choices().forEach(c -> families.put(c.family(), c.implementation()));
        return o;
    }

    /** The processor's name, as Linux tells it. */
    public static String processor() {
        try {
            return Files.readAllLines(PROCESSOR).stream()
                    .filter(l -> l.startsWith("model name"))
                    .map(l -> l.substring(l.indexOf(':') + 1).strip().replaceAll("\\s+", " "))
                    .findFirst()
                    .orElse("unknown");
        } catch (IOException e) {
            return "unknown";
        }
    }

    /** One section's part, when it is done: its figures are added as they come. */
    static ObjectNode section(String title, Ceilings ceilings) {
        ObjectNode o = JsonNodeFactory.instance.objectNode();
        o.put("section", title);
        ArrayNode all = o.putArray("ceilings");
        for (Ceiling c : ceilings.all()) {
            ObjectNode one = all.addObject();
            one.put("name", c.name()).put("unit", c.unit());
            if (!Double.isNaN(c.value())) {
                one.put("value", c.value());
            }
        }
        o.putArray("figures");
        return o;
    }

    /** Sets down how it ended: seconds it took, and the most memory that was ever resident in this process. */
    static void end(ObjectNode section, double seconds) {
        section.put("seconds", seconds);
        section.put("peak_resident_bytes", HostMemory.peakResident());
    }

    /** What a section's part says, for people. */
    static String text(JsonNode section) {
        StringBuilder s = new StringBuilder();
        s.append(String.format("%n%s%n", section.path("section").asText()));
        for (JsonNode c : section.path("ceilings")) {
            Ceiling ceiling = new Ceiling(
                    c.path("name").asText(),
                    c.path("value").asDouble(Double.NaN),
                    c.path("unit").asText());
            s.append("  ").append(ceiling).append(System.lineSeparator());
        }
        for (JsonNode f : section.path("figures")) {
            s.append("  ").append(Figure.of(f)).append(System.lineSeparator());
        }
        if (section.has("problem")) {
            s.append("  failed: ").append(section.path("problem").asText()).append(System.lineSeparator());
        }
        if (section.path("peak_resident_bytes").asLong() > 0) {
            s.append(String.format(
                    Locale.ROOT,
                    "  %.1f s, at most %.2f GB resident%n",
                    section.path("seconds").asDouble(),
                    section.path("peak_resident_bytes").asDouble() / 1e9));
        }
        return s.toString();
    }
}
