package io.aegis.cli.gpu.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.cli.workload.ChildProcess;
import io.aegis.cli.workload.OwnProcess;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.cuda.Precision;
import io.aegis.kernels.cuda.Route;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Figures of a GPU. */
@Command(
        name = "gpu-bench",
        description = "Measures a GPU's kernels and whole models: portable kernels, those of compute capability 9.0,"
                + " cuBLASLt and cuDNN where they are installed, in turn, beside ceilings of the same process and what is asked of them"
                + " on an H200. Medians. Each section runs in a process of its own under a time limit.",
        mixinStandardHelpOptions = true)
public final class GpuBenchCommand implements Callable<Integer> {
    @Parameters(
            arity = "0..*",
            paramLabel = "SECTION",
            description = "some of attention, gemm, decode, memory, models (default: all)")
    List<String> sections = List.of();

    @Option(
            names = "--device",
            paramLabel = "DEVICE",
            description = "cuda (default), cuda:N, or, with --tiny, emulator")
    String device = "cuda";

    @Option(names = "--out", paramLabel = "DIR", description = "writes gpu-bench.md and gpu-bench.json there")
    Path out;

    @Option(names = "--json", description = "print one JSON object instead of text")
    boolean json;

    @Option(names = "--tiny", description = "small shapes, to see that everything runs; their figures mean nothing")
    boolean tiny;

    @Option(names = "--limit", paramLabel = "SECONDS", description = "for each section (600)")
    int limit = 600;

    @Option(names = "--note", paramLabel = "TEXT", description = "stands at the top of the report")
    String note = "";

    @Option(
            names = "--commit",
            paramLabel = "TEXT",
            description = "the code that is measured, for the report (default: what git says of the folder of ./aegis)")
    String commit = "";

    @Option(
            names = "--ncu",
            paramLabel = "FILE",
            description =
                    "Nsight Compute's ncu, which looks at each kernel of attention and gemm behind the figures, where it is"
                            + " installed and may (default: that on the PATH; none leaves it out)")
    String ncu;

    @Option(
            names = "--choose",
            description =
                    "behind gemm, measure from which size on cuBLASLt takes less than our own kernels here, and keep that"
                            + " for this card and user: programs go by it from then on, and their last bits with it")
    boolean choose;

    @Option(names = "--child", hidden = true)
    boolean child;

    @Option(names = "--once", hidden = true)
    boolean once;

    @Spec
    CommandSpec spec;

    private final Opener opener;
    private final Runnable release;

    /** @param release gives back what was opened */
    public GpuBenchCommand(Opener opener, Runnable release) {
        this.opener = opener;
        this.release = release;
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        List<Plan> wanted = wanted();
        Kernels kernels = opener.open(device, Precision.BF16); // which says what is missing, once for all sections
        if (child) {
            if (once) {
                new Bench(kernels, size()).once(size().rows(wanted.getFirst()));
            } else {
                measure(kernels, wanted.getFirst());
            }
            return 0;
        }
        release.run();
        ObjectNode report = GpuBenchReport.begin(Provenance.here(device, commit), note, tiny);
        PrintWriter print = spec.commandLine().getOut();
        boolean failed = false;
        for (Plan plan : wanted) {
            PrintWriter err = spec.commandLine().getErr();
            err.println("measuring " + plan.title() + " ...");
            err.flush();
            ObjectNode part = inChild(plan);
            if (plan.namesKernels()) {
                GpuBenchReport.profile(part, profile(plan));
            }
            failed |= part.has("problem");
            report.withArray("sections").add(part);
            if (!json) {
                print.print(GpuBenchReport.text(part));
                print.flush();
            }
        }
        if (json) {
            print.println(new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(report));
            print.flush();
        }
        if (out != null) {
            GpuBenchReport.write(out, report);
        }
        return failed ? 1 : 0;
    }

    /** What was asked for, checked before a device is opened. */
    private List<Plan> wanted() {
        try {
            if (device.equals("emulator") && !tiny) {
                throw new IllegalArgumentException(
                        "--device emulator takes days for these shapes: add --tiny, to see that everything runs");
            }
            if (!device.equals("emulator") && !device.startsWith("cuda")) {
                throw new IllegalArgumentException("--device " + device
                        + ": expected cuda, cuda:N or, with --tiny, emulator; bench is for processors");
            }
            if (limit < 1) {
                throw new IllegalArgumentException("--limit " + limit + ": expected 1 or more");
            }
            return sections.isEmpty()
                    ? List.of(Plan.values())
                    : sections.stream().map(Plan::named).distinct().toList();
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), e.getMessage(), e);
        }
    }

    /** Measures a section here, a JSON object a line. */
    private void measure(Kernels kernels, Plan plan) {
        Bench bench = new Bench(kernels, size());
        say("measuring", JsonNodeFactory.instance.textNode("the ceilings"));
        List<Bench.Ceiling> ceilings = bench.ceilings(plan);
        ceilings.forEach(c -> say("ceiling", GpuBenchReport.ceiling(c)));
        bench.run(
                size().rows(plan),
                EnumSet.allOf(Route.class),
                ceilings,
                name -> say("measuring", JsonNodeFactory.instance.textNode(name)),
                result -> {
                    ObjectNode o = JsonNodeFactory.instance.objectNode();
                    result.into(o);
                    say("result", o);
                });
        if (choose && plan == Plan.GEMM) {
            say("measuring", JsonNodeFactory.instance.textNode("what is cuBLASLt's"));
            say("chosen", JsonNodeFactory.instance.textNode(bench.choose(note)));
        }
    }

    private Bench.Size size() {
        return tiny ? Bench.Size.TINY : Bench.Size.FULL;
    }

    private void say(String what, JsonNode value) {
        PrintWriter print = spec.commandLine().getOut();
        print.println(JsonNodeFactory.instance.objectNode().set(what, value).toString());
        print.flush();
    }

    /** A section in a process of its own: one that faults or hangs takes no other with it, and is ended when its time is up. */
    private ObjectNode inChild(Plan plan) throws IOException, InterruptedException {
        Path log = log(plan.title());
        try {
            return GpuBenchReport.section(plan, ChildProcess.run(command(plan), log, limit));
        } finally {
            drop(log);
        }
    }

    private List<String> command(Plan plan) {
        List<String> command = new ArrayList<>(OwnProcess.command(List.of()));
        command.addAll(List.of("gpu-bench", plan.title(), "--child", "--device", device));
        if (tiny) {
            command.add("--tiny");
        }
        if (choose) {
            command.addAll(List.of("--choose", "--note", note));
        }
        return command;
    }

    /** What Nsight Compute says of a section's kernels, in a process that calls each of them once; or why it says nothing. */
    private NsightCompute.Profile profile(Plan plan) throws IOException, InterruptedException {
        if ("none".equals(ncu)) {
            return NsightCompute.Profile.none("left out");
        }
        Optional<Path> program = ncu == null ? NsightCompute.find(System.getenv("PATH")) : Optional.of(Path.of(ncu));
        if (program.isEmpty()) {
            return NsightCompute.Profile.none("ncu is not on the PATH");
        }
        List<String> own = command(plan);
        own.add("--once");
        Path log = log(plan.title() + "-ncu");
        try {
            return NsightCompute.run(program.get(), own, log, limit);
        } finally {
            drop(log);
        }
    }

    private Path log(String title) throws IOException {
        return out == null
                ? Files.createTempFile("aegis-gpu-bench", ".log")
                : Files.createDirectories(out).resolve("gpu-bench-" + title + ".log");
    }

    private void drop(Path log) throws IOException {
        if (out == null) {
            Files.delete(log);
        }
    }
}
