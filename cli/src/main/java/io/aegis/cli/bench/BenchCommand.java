package io.aegis.cli.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.cli.workload.ChildProcess;
import io.aegis.cli.workload.Compute;
import io.aegis.cli.workload.Measurement;
import io.aegis.cli.workload.OwnProcess;
import io.aegis.cli.workload.WeightType;
import io.aegis.kernels.Backends;
import io.aegis.kernels.Kernels;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import java.util.function.Supplier;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Figures of this machine's processor. */
@Command(
        name = "bench",
        description = "Measures the processor: vision towers, a language model's prompts and answers, DADM, products,"
                + " a whole FaceShield, start-up. Each figure stands beside the ceiling that was measured in the same process. Figures are"
                + " medians, with the smallest and the largest run; weights are random unless --model gives real ones."
                + " Several sections run in a process each. What does not fit into memory is named and left out.",
        mixinStandardHelpOptions = true)
public final class BenchCommand implements Callable<Integer> {
    private static final int LIMIT = 5400;

    @Parameters(
            arity = "0..*",
            paramLabel = "SECTION",
            description = "some of vision, prefill, decode, dadm, gemm, faceshield, startup (default: all)")
    List<String> sections = List.of();

    @Option(names = "--shape", paramLabel = "NAME", description = "one model by its name, or one product as MxKxN")
    String shape;

    @Option(
            names = "--model",
            paramLabel = "DIR",
            description = "a model folder, of which the sections take their part")
    Path model;

    @Option(
            names = "--dtype",
            split = ",",
            paramLabel = "TYPE",
            description = "how matrices are stored: ${COMPLETION-CANDIDATES}; how they are multiplied says --compute")
    List<WeightType> types = List.of();

    @Option(
            names = "--compute",
            split = ",",
            paramLabel = "TYPE",
            description =
                    "what large products round their operands to, f32 or bf16, as analyze's --dtype (default: f32, and"
                            + " bf16 where the processor has it)")
    List<Compute> computes = List.of();

    @Option(
            names = "--scaling",
            description =
                    "times vision, prefill and gemm on one thread as well, in turn, and says how many times faster"
                            + " all threads are, beside what the ceilings gain")
    boolean scaling;

    @Option(names = "--runs", paramLabel = "N", description = "runs that count (5; faceshield 1)")
    Integer runs;

    @Option(names = "--warmups", paramLabel = "N", description = "runs before them (2; faceshield 0)")
    Integer warmups;

    @Option(names = "--prompt", paramLabel = "N", description = "tokens of a prompt (512)", defaultValue = "512")
    int prompt;

    @Option(names = "--tokens", paramLabel = "N", description = "tokens said (32; faceshield 30)")
    Integer tokens;

    @Option(names = "--batch", split = ",", paramLabel = "N", description = "pictures or samples at once")
    List<Integer> batches = List.of();

    @Option(names = "--quick", description = "ceilings in half a second, and less exact")
    boolean quick;

    @Option(names = "--json", description = "print one JSON object instead of text")
    boolean json;

    @Option(names = "--child", hidden = true)
    boolean child;

    @Spec
    CommandSpec spec;

    private final ObjectMapper mapper = new ObjectMapper();
    private final Supplier<List<String>> self;

    /** Sections run in processes of this program. */
    public BenchCommand() {
        this(() -> OwnProcess.command(List.of()));
    }

    /** @param self how a process of its own is started, without its arguments */
    BenchCommand(Supplier<List<String>> self) {
        this.self = self;
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        List<BenchSection> wanted = wanted();
        PrintWriter out = spec.commandLine().getOut();
        Kernels kernels = Backends.best();
        if (child) {
            out.println(measure(kernels, wanted.getFirst()));
            out.flush();
            return 0;
        }
        ObjectNode report = BenchReport.machine(kernels);
        ArrayNode parts = report.putArray("sections");
        if (!json) {
            out.printf(
                    "%s, %d threads, Java %s; medians [least .. most]%n",
                    BenchReport.processor(), Ceilings.threads(), Runtime.version());
        }
        boolean failed = false;
        for (BenchSection s : wanted) {
            if (wanted.size() > 1) { // a section says nothing before it ends, which may take minutes
                PrintWriter err = spec.commandLine().getErr();
                err.println("measuring " + s.title() + " ...");
                err.flush();
            }
            ObjectNode part = wanted.size() == 1 ? measure(kernels, s) : inChild(s);
            failed |= part.has("problem");
            parts.add(part);
            if (!json) {
                out.print(BenchReport.text(part));
                out.flush();
            }
        }
        if (json) {
            out.println(mapper.writerWithDefaultPrettyPrinter().writeValueAsString(report));
        }
        out.flush();
        return failed ? 1 : 0;
    }

    /** What was asked for, checked before anything is measured. */
    private List<BenchSection> wanted() {
        try {
            if (shape != null && model != null) {
                throw new IllegalArgumentException("give either --shape or --model");
            }
            positive("--runs", runs == null ? 1 : runs);
            positive("--prompt", prompt);
            positive("--tokens", tokens == null ? 1 : tokens);
            batches.forEach(b -> positive("--batch", b));
            if (warmups != null && warmups < 0) {
                throw new IllegalArgumentException("--warmups " + warmups + ": expected 0 or more");
            }
            List<BenchSection> all = sections.isEmpty()
                    ? List.of(BenchSection.values())
                    : sections.stream().map(BenchSection::named).distinct().toList();
            if (shape != null) {
                all = BenchSection.knowing(all, shape);
            }
            if (sections.isEmpty()) {
                all = model == null ? all : ModelFolder.sections(model);
                all = all.stream()
                        .filter(s -> s.takes(types))
                        .filter(s -> computes.isEmpty() || !s.computes(computes).isEmpty())
                        .toList();
            }
            all.forEach(s -> s.check(types));
            all.forEach(s -> s.checkComputes(computes));
            return all;
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), e.getMessage(), e);
        }
    }

    private static void positive(String option, int value) {
        if (value < 1) {
            throw new IllegalArgumentException(option + " " + value + ": expected 1 or more");
        }
    }

    private ObjectNode measure(Kernels kernels, BenchSection s) {
        long start = System.nanoTime();
        Ceilings ceilings = Ceilings.measure(kernels, quick);
        ObjectNode part = BenchReport.section(s.title(), ceilings);
        Consumer<Figure> out = f -> f.into(part.withArray("figures").addObject());
        List<Compute> each = s.computes(computes.isEmpty() ? Computes.there(kernels) : computes);
        Computes.each(kernels, each, s.title(), (k, c) -> s.run(k, request(s, c), ceilings, out), out);
        BenchReport.end(part, (System.nanoTime() - start) / 1e9);
        return part;
    }

    private Request request(BenchSection s, Compute compute) {
        Measurement.Plan usual = s.plan();
        return new Request(
                shape,
                model,
                types,
                compute,
                new Measurement.Plan(warmups == null ? usual.warmups() : warmups, runs == null ? usual.runs() : runs),
                prompt,
                tokens == null ? s.tokens() : tokens,
                batches,
                scaling);
    }

    /** A process of its own has compiled for nothing else, and its peak of memory is the section's. */
    private ObjectNode inChild(BenchSection s) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(self.get());
        command.addAll(List.of("bench", s.title(), "--child"));
        command.addAll(List.of("--prompt", "" + prompt));
        option(command, "--runs", runs);
        option(command, "--warmups", warmups);
        option(command, "--tokens", tokens);
        option(command, "--shape", shape);
        option(command, "--model", model);
        computes.forEach(c -> option(command, "--compute", c));
        types.forEach(t -> command.addAll(List.of("--dtype", t.name())));
        batches.forEach(b -> command.addAll(List.of("--batch", "" + b)));
        if (scaling) {
            command.add("--scaling");
        }
        if (quick) {
            command.add("--quick");
        }
        Path log = Files.createTempFile("aegis-bench", ".log");
        try {
            ChildProcess ran = ChildProcess.run(command, log, LIMIT);
            ObjectNode part = ran.objects().isEmpty()
                    ? mapper.createObjectNode().put("section", s.title())
                    : (ObjectNode) ran.objects().getFirst();
            if (ran.problem() != null) {
                part.put("problem", ran.problem());
            }
            return part;
        } finally {
            Files.delete(log);
        }
    }

    private static void option(List<String> command, String name, Object value) {
        if (value != null) {
            command.addAll(List.of(name, value.toString()));
        }
    }
}
