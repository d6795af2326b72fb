package io.aegis.cli.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.cli.workload.ChildProcess;
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
                + " start-up. Each figure stands beside the ceiling that was measured in the same process. Figures are"
                + " medians, with the smallest and the largest run; weights are random unless --model gives real ones."
                + " Several sections run in a process each. What does not fit into memory is named and left out.",
        mixinStandardHelpOptions = true)
public final class BenchCommand implements Callable<Integer> {
    private static final int LIMIT = 1800;

    @Parameters(
            arity = "0..*",
            paramLabel = "SECTION",
            description = "some of vision, prefill, decode, dadm, gemm, startup (default: all)")
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
            description =
                    "how matrices are stored: ${COMPLETION-CANDIDATES}; products add up in float32 whatever it is")
    List<WeightType> types = List.of();

    @Option(names = "--runs", paramLabel = "N", description = "runs that count (5)", defaultValue = "5")
    int runs;

    @Option(names = "--warmups", paramLabel = "N", description = "runs before them (2)", defaultValue = "2")
    int warmups;

    @Option(names = "--prompt", paramLabel = "N", description = "tokens of a prompt (512)", defaultValue = "512")
    int prompt;

    @Option(names = "--tokens", paramLabel = "N", description = "tokens said (32)", defaultValue = "32")
    int tokens;

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
            positive("--runs", runs);
            positive("--prompt", prompt);
            positive("--tokens", tokens);
            batches.forEach(b -> positive("--batch", b));
            if (warmups < 0) {
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
                all = all.stream().filter(s -> s.takes(types)).toList();
            }
            all.forEach(s -> s.check(types));
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
        Request request =
                new Request(shape, model, types, new Measurement.Plan(warmups, runs), prompt, tokens, batches);
        s.run(kernels, request, ceilings, f -> f.into(part.withArray("figures").addObject()));
        BenchReport.end(part, (System.nanoTime() - start) / 1e9);
        return part;
    }

    /** A process of its own has compiled for nothing else, and its peak of memory is the section's. */
    private ObjectNode inChild(BenchSection s) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(OwnProcess.command(List.of()));
        command.addAll(List.of("bench", s.title(), "--child"));
        command.addAll(List.of("--runs", "" + runs, "--warmups", "" + warmups));
        command.addAll(List.of("--prompt", "" + prompt, "--tokens", "" + tokens));
        if (shape != null) {
            command.addAll(List.of("--shape", shape));
        }
        if (model != null) {
            command.addAll(List.of("--model", model.toString()));
        }
        types.forEach(t -> command.addAll(List.of("--dtype", t.name())));
        batches.forEach(b -> command.addAll(List.of("--batch", "" + b)));
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
}
