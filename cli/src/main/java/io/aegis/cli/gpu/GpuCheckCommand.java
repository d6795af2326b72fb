package io.aegis.cli.gpu;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.cli.gpu.bench.Opener;
import io.aegis.cli.gpu.bench.Provenance;
import io.aegis.cli.workload.OwnProcess;
import io.aegis.kernels.Kernels;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.UnaryOperator;
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

    @Option(names = "--note", paramLabel = "TEXT", description = "stands at the top of the report")
    String note = "";

    @Option(
            names = "--commit",
            paramLabel = "TEXT",
            description = "the code that is checked, for the report (default: what git says of the folder of ./aegis)")
    String commit = "";

    @Option(
            names = "--sanitizer",
            arity = "0..1",
            fallbackValue = Sanitizer.COMMAND,
            paramLabel = "FILE",
            description =
                    "compare under compute-sanitizer's memcheck, racecheck, synccheck and initcheck as well, each for up"
                            + " to four times the limit; FILE where it is not on the PATH")
    String sanitizer;

    @Option(names = "--child", hidden = true)
    boolean child;

    @Option(names = "--brief", hidden = true)
    boolean brief;

    @Option(names = "--row", hidden = true)
    String row;

    @Spec
    CommandSpec spec;

    private final Opener opener;
    private final Runnable release;
    private final UnaryOperator<List<String>> program;
    private final ObjectMapper json = new ObjectMapper();

    /** @param release gives back what was opened */
    public GpuCheckCommand(Opener opener, Runnable release) {
        this(opener, release, OwnProcess::command);
    }

    /** @param program how this program is started, with flags for the virtual machine */
    GpuCheckCommand(Opener opener, Runnable release, UnaryOperator<List<String>> program) {
        this.opener = opener;
        this.release = release;
        this.program = program;
    }

    @Override
    public Integer call() throws Exception {
        if (child) {
            return section(sections.getFirst());
        }
        if (out == null) {
            throw new IllegalArgumentException("--out is missing: the directory that the report goes to");
        }
        opener.open(device, sections.getFirst().precision()); // which says what is missing, once for all sections
        release.run();
        Files.createDirectories(out);
        PrintWriter console = spec.commandLine().getOut();
        SectionProcess process = new SectionProcess(program, out, device, golden, rounds, limit);
        List<Part> parts = new ArrayList<>();
        for (Section s : sections) {
            if (s.readsGolden() && golden == null) {
                parts.add(new Part(s.title(), 0, List.of(Line.said(s.title(), "left out: no --golden"))));
                continue;
            }
            parts.add(process.run(s));
        }
        if (sanitizer != null) {
            sanitize(process, parts);
        }
        boolean failed = false;
        for (Part p : parts) {
            console.printf("%n%s (%.1f s)%n", p.title, p.seconds);
            p.lines.forEach(l -> console.println("  " + l));
            failed |= p.lines.stream().anyMatch(Line::failed);
        }
        console.flush();
        GpuReport.write(out, Provenance.here(device, commit), note, parts);
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

    /** Every tool over its sections; where there is no such tool, that is said once. */
    private void sanitize(SectionProcess process, List<Part> parts) throws InterruptedException {
        try {
            for (Sanitizer tool : Sanitizer.values()) {
                for (Section s : Sanitizer.SECTIONS) {
                    parts.add(process.run(s, tool, sanitizer));
                }
            }
        } catch (IOException e) {
            String why =
                    "left out: " + e.getMessage() + "; it comes with NVIDIA's toolkit, and --sanitizer=FILE says where";
            parts.add(new Part(Sanitizer.COMMAND, 0, List.of(Line.said(Sanitizer.COMMAND, why))));
        }
    }

    /** Runs one section here, a JSON object a line. */
    private int section(Section s) {
        PrintWriter console = spec.commandLine().getOut();
        Kernels kernels = opener.open(device, s.precision());
        boolean[] failed = new boolean[1];
        s.run(kernels, new Section.Extent(golden, rounds, brief, row), new Section.Listener() {
            @Override
            public void begins(String name) {
                say(json.createObjectNode().put(SectionProcess.BEGINS, name));
            }

            @Override
            public void says(Line line) {
                failed[0] |= line.failed();
                ObjectNode n = json.createObjectNode();
                line.into(n);
                say(n);
            }

            private void say(ObjectNode object) {
                console.println(object);
                console.flush();
            }
        });
        return failed[0] ? 1 : 0;
    }
}
