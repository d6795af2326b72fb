package io.aegis.cli.gpu;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.cli.gpu.bench.Opener;
import io.aegis.cli.workload.ChildProcess;
import io.aegis.cli.workload.OwnProcess;
import io.aegis.kernels.Kernels;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Proof and figures of a GPU, in one command. */
@Command(
        name = "gpu-check",
        description =
                "Compares every kernel of a GPU with the plain ones and whole models with reference values, measures"
                        + " speed beside the device's own ceilings, and writes report.md and report.json. Each section runs in a"
                        + " process of its own under a time limit. Exit status 1 when anything is wrong.",
        mixinStandardHelpOptions = true)
public final class GpuCheckCommand implements Callable<Integer> {
    @Option(names = "--out", paramLabel = "DIR", description = "where the report goes")
    Path out;

    @Option(names = "--device", paramLabel = "DEVICE", description = "cuda (default), cuda:N or emulator")
    String device = "cuda";

    @Option(
            names = "--golden",
            paramLabel = "DIR",
            description = "directory of reference values; without it those sections are left out")
    Path golden;

    @Option(names = "--sections", split = ",", paramLabel = "NAME", description = "some of: ${COMPLETION-CANDIDATES}")
    List<Section> sections = List.of(Section.values());

    @Option(names = "--rounds", paramLabel = "N", description = "calls of each operation that are compared (12)")
    int rounds;

    @Option(names = "--limit", paramLabel = "SECONDS", description = "for each section (300)")
    int limit = 300;

    @Option(names = "--note", paramLabel = "TEXT", description = "stands at the top of the report: the commit, say")
    String note = "";

    @Option(
            names = "--sanitizer",
            description = "run the comparison under compute-sanitizer as well, where it is installed")
    boolean sanitizer;

    @Option(names = "--child", hidden = true)
    boolean child;

    @Spec
    CommandSpec spec;

    private final Opener opener;
    private final ObjectMapper json = new ObjectMapper();

    public GpuCheckCommand(Opener opener) {
        this.opener = opener;
    }

    @Override
    public Integer call() throws Exception {
        if (child) {
            return section(sections.getFirst());
        }
        if (out == null) {
            throw new IllegalArgumentException("--out is missing: the directory that the report goes to");
        }
        Files.createDirectories(out);
        PrintWriter console = spec.commandLine().getOut();
        List<Part> parts = new ArrayList<>();
        for (Section s : sections) {
            if (s.readsGolden() && golden == null) {
                parts.add(new Part(s.title(), 0, List.of(Line.said(s.title(), "left out: no --golden"))));
                continue;
            }
            parts.add(child(s, List.of(), s.title()));
        }
        if (sanitizer) {
            parts.add(child(
                    Section.KERNELS_F32,
                    List.of("compute-sanitizer", "--tool", "memcheck", "--error-exitcode", "9"),
                    "sanitizer"));
        }
        boolean failed = false;
        for (Part p : parts) {
            console.printf("%n%s (%.1f s)%n", p.title, p.seconds);
            p.lines.forEach(l -> console.println("  " + l));
            failed |= p.lines.stream().anyMatch(Line::failed);
        }
        console.flush();
        GpuReport.write(out, device, note, parts);
        return failed ? 1 : 0;
    }

    /**
     * What a section said.
     *
     * @param title its name
     * @param seconds it took
     * @param lines in order
     */
    record Part(String title, double seconds, List<Line> lines) {}

    /** Runs one section here, a JSON object a line. */
    private int section(Section s) {
        PrintWriter console = spec.commandLine().getOut();
        Kernels kernels = opener.open(device, s.precision());
        boolean[] failed = new boolean[1];
        s.run(kernels, golden, rounds, line -> {
            failed[0] |= line.failed();
            ObjectNode n = json.createObjectNode();
            line.into(n);
            console.println(n);
            console.flush();
        });
        return failed[0] ? 1 : 0;
    }

    /** Runs one section in a process, and ends it when its time is up. */
    private Part child(Section s, List<String> prefix, String title) throws InterruptedException {
        List<String> command = new ArrayList<>(prefix);
        command.addAll(OwnProcess.command(s.flags()));
        command.addAll(List.of("gpu-check", "--child", "--device", device, "--sections", s.name()));
        command.addAll(List.of("--rounds", Integer.toString(prefix.isEmpty() ? rounds : 1)));
        if (golden != null) {
            command.addAll(List.of("--golden", golden.toString()));
        }
        Path said = out.resolve(title + ".log");
        ChildProcess ran;
        try {
            ran = ChildProcess.run(command, said, limit);
        } catch (IOException e) {
            return new Part(title, 0, List.of(Line.said(title, "left out: " + e.getMessage())));
        }
        List<Line> lines = new ArrayList<>();
        ran.objects().forEach(o -> lines.add(Line.of(o)));
        if (ran.problem() != null) {
            lines.add(Line.failure(title, ran.problem()));
        }
        return new Part(title, ran.seconds(), lines);
    }
}
