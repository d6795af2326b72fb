package io.aegis.cli.gpu;

import io.aegis.cli.workload.ChildProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Runs sections in processes of their own, and ends one whose time is up. The row that hung is computed once more, alone, in a debug
 * build, whose kernels say which barrier nobody completes.
 *
 * @param program how this program is started, with flags for the virtual machine
 * @param out the folder for what processes print, a file each
 * @param device as the option names it
 * @param golden directory of reference values, or null
 * @param rounds calls of each operation that are compared; 0 for the usual number
 * @param limit seconds
 */
record SectionProcess(
        UnaryOperator<List<String>> program, Path out, String device, Path golden, int rounds, int limit) {
    /** The key of a line that says which row begins. */
    static final String BEGINS = "begins";

    private static final String TIMEOUT = "-Daegis.cuda.timeout=";

    /** What hangs is this process's to end, which then looks for the barrier; that attempt ends by itself, and names the kernel. */
    private static final String WITHOUT_END = TIMEOUT + "none";

    private static final int TOOLS_LIMITS = 4;
    private static final int LONGEST_WAIT = 10;

    /** A section's lines, and those of a row that hung. */
    GpuCheckCommand.Part run(Section s) throws InterruptedException {
        try {
            if (s.processes() > 1) {
                return together(s);
            }
            ChildProcess ran = ChildProcess.run(command(s, List.of(WITHOUT_END), List.of()), log(s.title()), limit);
            List<Line> lines = lines(ran);
            String row = row(ran);
            if (ran.late()) {
                lines.add(
                        row == null
                                ? Line.failure(s.title(), "before its first row: " + ran.problem())
                                : Line.failure(row, ran.problem() + "; in a debug build " + again(s, row)));
            } else if (ran.problem() != null) {
                lines.add(Line.failure(s.title(), ran.problem()));
            }
            return new GpuCheckCommand.Part(s.title(), ran.seconds(), lines);
        } catch (IOException e) {
            return new GpuCheckCommand.Part(s.title(), 0, List.of(Line.failure(s.title(), e.getMessage())));
        }
    }

    /** Several processes at once, which fill one folder with compiled kernels: what each of them says, and how it ended. */
    private GpuCheckCommand.Part together(Section s) throws IOException, InterruptedException {
        Path cache = Files.createTempDirectory(out, s.title());
        List<String> flags = List.of(WITHOUT_END, "-Daegis.cache=" + cache, "-Daegis.emulator.cache=" + cache);
        try (ExecutorService starters = Executors.newFixedThreadPool(s.processes())) {
            List<Callable<ChildProcess>> all = new ArrayList<>();
            for (int i = 1; i <= s.processes(); i++) {
                Path log = log(s.title() + "-" + i);
                all.add(() -> ChildProcess.run(command(s, flags, List.of()), log, limit));
            }
            List<Line> lines = new ArrayList<>();
            double seconds = 0;
            int number = 0;
            for (Future<ChildProcess> each : starters.invokeAll(all)) {
                ChildProcess ran = each.get();
                String name = "process " + ++number;
                lines(ran).forEach(l -> lines.add(l.of(name)));
                if (ran.problem() != null) {
                    String row = row(ran);
                    lines.add(Line.failure(name, (row == null ? "" : "at " + row + ": ") + ran.problem()));
                }
                seconds = Math.max(seconds, ran.seconds());
            }
            return new GpuCheckCommand.Part(s.title(), seconds, lines);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof IOException unstartable) {
                throw unstartable;
            }
            throw new IllegalStateException(e.getCause());
        } finally {
            delete(cache);
        }
    }

    private static void delete(Path folder) throws IOException {
        try (Stream<Path> all = Files.walk(folder)) {
            for (Path p : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(p);
            }
        }
    }

    /** A section's comparison under a tool that looks at every access, which is slow: few calls, and more time. */
    GpuCheckCommand.Part run(Section s, Sanitizer tool, String file) throws IOException, InterruptedException {
        String title = tool.title() + "-" + s.title();
        List<String> command = new ArrayList<>(tool.command(file));
        command.addAll(command(s, List.of(WITHOUT_END), List.of("--brief")));
        ChildProcess ran = ChildProcess.run(command, log(title), TOOLS_LIMITS * limit);
        List<Line> lines = lines(ran);
        lines.add(tool.judge(title, ran, row(ran), log(title)));
        return new GpuCheckCommand.Part(title, ran.seconds(), lines);
    }

    /** What the debug build says of a row that hung. */
    private String again(Section s, String row) throws IOException, InterruptedException {
        int wait = Math.clamp(limit / 4, 1, LONGEST_WAIT);
        List<String> flags = List.of(
                "-Daegis.cuda.debug=true",
                "-Daegis.cuda.debug.seconds=" + wait,
                TIMEOUT + Math.max(wait + 1, limit / 2));
        String title = s.title() + "-debug";
        ChildProcess ran = ChildProcess.run(command(s, flags, List.of("--row", row)), log(title), limit);
        String said = lines(ran).stream().filter(Line::failed).map(Line::note).collect(Collectors.joining("; "));
        if (said.isEmpty() && ran.problem() != null && !ran.late()) {
            said = ran.problem();
        }
        if (!said.isEmpty()) {
            return "of that row alone: " + said;
        }
        return ran.late()
                ? "no barrier in shared memory was waited for longer than " + wait + " s, and that row did not end"
                        + " either: a loop without end, or a barrier that debug builds do not watch (--sanitizer)"
                : "that row alone ends: it was slow rather than hung, or hangs now and then";
    }

    private List<String> command(Section s, List<String> flags, List<String> more) {
        List<String> all = new ArrayList<>(s.flags());
        all.addAll(flags);
        List<String> command = new ArrayList<>(program.apply(all));
        command.addAll(List.of("gpu-check", "--child", "--device", device, "--sections", s.name()));
        command.addAll(List.of("--rounds", Integer.toString(more.contains("--brief") ? 1 : rounds)));
        if (golden != null) {
            command.addAll(List.of("--golden", golden.toString()));
        }
        command.addAll(more);
        return command;
    }

    private Path log(String title) {
        return out.resolve(title + ".log");
    }

    private static List<Line> lines(ChildProcess ran) {
        return ran.objects().stream()
                .filter(o -> !o.has(BEGINS))
                .map(Line::of)
                .collect(Collectors.toCollection(ArrayList::new));
    }

    /** The last that began; null where none did. */
    private static String row(ChildProcess ran) {
        return ran.objects().stream()
                .map(o -> o.path(BEGINS).asText(null))
                .filter(Objects::nonNull)
                .reduce((a, b) -> b)
                .orElse(null);
    }
}
