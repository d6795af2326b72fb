package io.aegis.cli.gpu;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.cli.gpu.bench.Provenance;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/** A check as files: {@code report.md} for people, {@code report.json} for programs. */
final class GpuReport {
    private GpuReport() {}

    static void write(Path directory, Provenance of, String note, List<GpuCheckCommand.Part> parts) throws IOException {
        Files.writeString(directory.resolve("report.md"), markdown(of, note, parts));
        Files.writeString(directory.resolve("report.json"), json(of, note, parts));
    }

    private static String markdown(Provenance of, String note, List<GpuCheckCommand.Part> parts) {
        StringBuilder s = new StringBuilder("# " + of.title() + ", " + of.date() + "\n\n" + of.text() + "\n");
        if (!note.isEmpty()) {
            s.append("\n").append(note).append("\n");
        }
        for (GpuCheckCommand.Part p : parts) {
            s.append(String.format(Locale.ROOT, "%n## %s (%.1f s)%n%n", p.title(), p.seconds()));
            s.append("| what | figure | unit | of its ceiling | note |\n|---|---:|---|---:|---|\n");
            for (Line l : p.lines()) {
                s.append("| ").append(l.name()).append(" | ");
                s.append(Double.isNaN(l.value()) ? "" : String.format(Locale.ROOT, "%.2f", l.value()));
                s.append(" | ").append(l.unit()).append(" | ");
                s.append(Double.isNaN(l.share()) ? "" : String.format(Locale.ROOT, "%.1f %%", 100 * l.share()));
                s.append(" | ")
                        .append(l.failed() ? "**failed** " : "")
                        .append(l.note().replace("|", "/"));
                s.append(" |\n");
            }
        }
        return s.toString();
    }

    private static String json(Provenance of, String note, List<GpuCheckCommand.Part> parts) throws IOException {
        ObjectMapper mapper = new ObjectMapper();
        ObjectNode root = mapper.createObjectNode();
        of.into(root);
        root.put("note", note);
        ArrayNode all = root.putArray("sections");
        for (GpuCheckCommand.Part p : parts) {
            ObjectNode section = all.addObject();
            section.put("title", p.title());
            section.put("seconds", p.seconds());
            ArrayNode lines = section.putArray("lines");
            for (Line l : p.lines()) {
                l.into(lines.addObject());
            }
        }
        return mapper.writerWithDefaultPrettyPrinter().writeValueAsString(root);
    }
}
