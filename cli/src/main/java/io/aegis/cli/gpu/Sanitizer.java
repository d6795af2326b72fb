package io.aegis.cli.gpu;

import io.aegis.cli.workload.ChildProcess;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** The tools of NVIDIA's compute-sanitizer, each over the comparisons of {@link #SECTIONS}. */
enum Sanitizer {
    /** Accesses outside of memory, or not aligned. */
    MEMCHECK,
    /** Races in shared memory. */
    RACECHECK,
    /** Barriers that not all threads come to. */
    SYNCCHECK,
    /** Global memory that is read before it was written. */
    INITCHECK;

    /** Portable kernels of both kinds of products, and those of compute capability 9.0. */
    static final List<Section> SECTIONS = List.of(Section.KERNELS_F32, Section.KERNELS_BF16, Section.HOPPER_BF16);

    /** Where the option names no file. */
    static final String COMMAND = "compute-sanitizer";

    private static final String FOUND = "9";
    private static final int SHOWN = 3;
    /** A finding's own line; what belongs to it is indented. */
    private static final Pattern FINDING = Pattern.compile("^========= ([^ =].*)$");

    private static final Pattern SUMMARY = Pattern.compile("^========= (ERROR|RACECHECK) SUMMARY: (.*)$");
    private static final Pattern NO_FINDING = Pattern.compile("COMPUTE-SANITIZER.*|(ERROR|RACECHECK) SUMMARY: .*");

    String title() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** What goes before a program's own command. */
    List<String> command(String file) {
        return List.of(file, "--tool", title(), "--error-exitcode", FOUND);
    }

    /**
     * What a run came to, in one line.
     *
     * @param row the last one that began, or null
     * @param log what was printed
     */
    Line judge(String title, ChildProcess ran, String row, Path log) {
        Map<String, Integer> findings = new LinkedHashMap<>();
        String summary = null;
        for (String text : words(log)) {
            Matcher finding = FINDING.matcher(text);
            if (finding.matches() && !NO_FINDING.matcher(finding.group(1)).matches()) {
                findings.merge(finding.group(1), 1, Integer::sum);
            }
            Matcher s = SUMMARY.matcher(text);
            summary = s.matches() ? s.group(2) : summary;
        }
        if (ran.late()) {
            return Line.failure(title, (row == null ? "" : "at " + row + ": ") + ran.problem());
        }
        if (!findings.isEmpty()) {
            String most = findings.entrySet().stream()
                    .limit(SHOWN)
                    .map(f -> f.getKey() + (f.getValue() == 1 ? "" : " (" + f.getValue() + " times)"))
                    .collect(Collectors.joining("; "));
            String more = findings.size() > SHOWN ? "; " + (findings.size() - SHOWN) + " others" : "";
            return Line.failure(title, most + more + ": see " + log.getFileName());
        }
        if (ran.problem() != null) {
            return Line.failure(title, ran.problem());
        }
        return summary == null
                ? Line.failure(title, "the tool ended without a summary: see " + log.getFileName())
                : Line.said(title, summary);
    }

    private static List<String> words(Path log) {
        try {
            return Files.readAllLines(log);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
