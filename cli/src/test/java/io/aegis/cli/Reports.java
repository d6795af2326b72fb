package io.aegis.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What reports of {@code gpu-check} (JSON) and {@code gpu-bench} (Markdown) say of kernels. */
final class Reports {
    private static final Pattern SECTION = Pattern.compile("## (\\S+) \\(.*");
    private static final Pattern CEILING = Pattern.compile("[^|#].*: [\\d.]+ \\S+");
    private static final Pattern CARD = Pattern.compile("# (?:gpu-bench, )?cuda(?::\\d+)?: (.*), \\d{4}-\\d\\d-\\d\\d");

    private Reports() {}

    /**
     * A line of a report.
     *
     * @param kernels that it names
     * @param share of the ceiling as text, {@code 85 %}; empty where there is none
     */
    record Line(
            String section,
            String what,
            String figure,
            String unit,
            String share,
            String ceiling,
            List<String> kernels) {}

    /** A report's card and lines; {@code report} as {@code measured.tsv} names it. */
    static Map.Entry<String, List<Line>> read(String report) throws IOException {
        Path file = Path.of("..", report);
        Path json = Path.of(file.toString().replace(".md", ".json"));
        JsonNode check = Files.exists(json) ? new ObjectMapper().readTree(json.toFile()) : MissingNode.getInstance();
        boolean isCheck = check.path("sections").path(0).has("lines");
        return isCheck ? ofCheck(check) : ofBench(Files.readString(file));
    }

    private static Map.Entry<String, List<Line>> ofCheck(JsonNode report) {
        List<Line> lines = new ArrayList<>();
        for (JsonNode section : report.path("sections")) {
            for (JsonNode line : section.path("lines")) {
                String figure =
                        String.format(Locale.ROOT, "%.2f", line.path("value").asDouble());
                lines.add(new Line(
                        section.path("title").asText(),
                        line.path("name").asText(),
                        figure,
                        line.path("unit").asText(),
                        "",
                        "",
                        List.of()));
            }
        }
        String device = report.path("device").asText();
        return Map.entry(device.substring(device.indexOf(": ") + 2), lines);
    }

    static Map.Entry<String, List<Line>> ofBench(String markdown) {
        Matcher card = CARD.matcher(markdown.lines().findFirst().orElse(""));
        if (!card.matches()) {
            throw new IllegalArgumentException("the report begins with no card: "
                    + markdown.lines().findFirst().orElse("nothing"));
        }
        List<Line> lines = new ArrayList<>();
        String section = "";
        Map<String, String> ceilings = new TreeMap<>();
        for (String l : markdown.lines().toList()) {
            Matcher begins = SECTION.matcher(l);
            if (begins.matches()) {
                section = begins.group(1);
                ceilings.clear();
            } else if (!section.isEmpty() && CEILING.matcher(l).matches()) {
                ceilings.put(l.substring(l.lastIndexOf(' ') + 1), l);
            } else if (l.startsWith("| ") && !l.startsWith("| work")) {
                String[] f = Arrays.stream(l.split("\\|")).map(String::strip).toArray(String[]::new);
                String kernels = f.length > 11 ? f[11].split("; ")[0] : "";
                if (List.of("library", "cudnn").contains(f[2])) {
                    continue; // whatever else it launched, the figure is not of that
                }
                lines.add(new Line(
                        section,
                        f[1],
                        f[3],
                        f[5],
                        f[6],
                        ceilings.getOrDefault(f[5], ""),
                        List.of(kernels.split(", "))));
            }
        }
        return Map.entry(card.group(1), lines);
    }
}
