package io.aegis.cli.gpu;

import io.aegis.cli.gpu.bench.AttentionWork;
import io.aegis.cli.gpu.bench.Bench;
import io.aegis.cli.gpu.bench.DadmWork;
import io.aegis.cli.gpu.bench.KernelWork;
import io.aegis.cli.gpu.bench.Plan;
import io.aegis.cli.gpu.bench.PromptWork;
import io.aegis.cli.gpu.bench.Row;
import io.aegis.cli.gpu.bench.TokenWork;
import io.aegis.cli.gpu.bench.Work;
import io.aegis.cli.verify.Verification;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.check.KernelCheck;
import io.aegis.kernels.cuda.CudaBackend;
import io.aegis.kernels.cuda.Precision;
import io.aegis.kernels.cuda.Route;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.EnumSet;
import java.util.List;
import java.util.function.Predicate;

/**
 * What a section does, in this process.
 *
 * @param out told each row before it is computed, and each line of the report
 */
record SectionRun(Kernels kernels, Section section, Section.Extent extent, Section.Listener out) {
    private static final int ROUNDS = 12;
    private static final int REPEATS = 3;
    /** Of large calls, which the plain kernels take seconds for. */
    private static final int LARGE_ROUNDS = 4;

    /** How names of operations begin that two processes compute at once. */
    private static final List<String> FEW = List.of("matmul ", "layer norm ", "cross-entropy ");

    private static final int FEW_ROUNDS = 3;
    private static final int FEW_REPEATS = 20;
    private static final long SEED = 1;
    private static final String CEILINGS = "the ceilings";
    private static final String GOLDEN = "golden";

    void run() {
        switch (section) {
            case KERNELS_F32, KERNELS_BF16, KERNELS_F16 -> compare(REPEATS);
            case HOPPER_BF16, HOPPER_F16 -> {
                compare(REPEATS);
                compareLarge(REPEATS);
            }
            case HOPPER_LARGE -> agree(Bench.Size.FULL);
            case HOPPER_UNORDERED -> {
                compare(0);
                compareLarge(0);
                bench(Plan.ATTENTION, w -> w instanceof AttentionWork a && a.backward(), Route.HOPPER);
            }
            case HOPPER_SPEED -> {
                bench(Plan.GEMM, w -> true, Route.HOPPER);
                bench(Plan.ATTENTION, w -> true, Route.HOPPER);
            }
            case GOLDEN_F32, GOLDEN_BF16 -> verify();
            case PRODUCTS -> bench(Plan.GEMM, w -> true, Route.PORTABLE);
            case LIBRARY -> {
                out.says(LibraryProduct.besideTheProcessor(kernels));
                bench(Plan.GEMM, w -> true, Route.LIBRARY);
            }
            case ATTENTION -> bench(Plan.ATTENTION, w -> true, Route.PORTABLE);
            case CUDNN_BF16, CUDNN_F16 -> compareCudnn();
            case MEMORY -> {
                bench(Plan.DECODE, w -> w instanceof KernelWork, Route.BEST);
                bench(Plan.MEMORY, w -> true, Route.PORTABLE);
            }
            case LLAMA -> {
                bench(Plan.MODELS, w -> w instanceof PromptWork, Route.BEST);
                bench(Plan.DECODE, w -> w instanceof TokenWork, Route.BEST);
            }
            case TWO_PROCESSES -> compareFew();
            case DADM_F32, DADM_BF16 -> bench(Plan.MODELS, w -> w instanceof DadmWork, Route.BEST);
        }
    }

    /** Whether a row is wanted; if so, it begins. */
    private boolean begins(String row) {
        boolean wanted = extent.wants(row);
        if (wanted) {
            out.begins(row);
        }
        return wanted;
    }

    /** Measures some rows of a plan on one way. */
    private void bench(Plan plan, Predicate<Work> which, Route route) {
        Bench bench = new Bench(kernels, Bench.Size.FULL);
        List<Bench.Ceiling> ceilings = begins(CEILINGS) ? bench.ceilings(plan) : List.of();
        ceilings.forEach(c -> out.says(Line.of(c)));
        List<Row> rows = plan.rows().stream()
                .filter(r -> which.test(r.work()) && extent.wants(r.work().name()))
                .toList();
        bench.run(rows, EnumSet.of(route), ceilings, out::begins, result -> out.says(Line.of(result)));
    }

    private void compare(int usual) {
        boolean rounded = section.precision() != Precision.F32;
        int repeats = extent.brief() ? 0 : usual;
        report(
                "operations",
                repeats,
                KernelCheck.run(kernels, rounded, extent.roundsOr(ROUNDS), repeats, SEED, this::begins));
    }

    /** A few operations often, so that processes that are started together are at work together. */
    private void compareFew() {
        report(
                "operations beside another process",
                FEW_REPEATS,
                KernelCheck.run(
                        kernels,
                        true,
                        extent.roundsOr(FEW_ROUNDS),
                        FEW_REPEATS,
                        SEED,
                        name -> FEW.stream().anyMatch(name::startsWith) && begins(name)));
    }

    private void compareLarge(int repeats) {
        if (!extent.brief()) {
            report(
                    "large operations",
                    repeats,
                    KernelCheck.runLarge(kernels, true, LARGE_ROUNDS, repeats, SEED, this::begins));
        }
    }

    /** Kernels of 9.0 beside the portable ones, at the shapes of {@code gpu-bench}. */
    void agree(Bench.Size size) {
        for (Plan plan : List.of(Plan.GEMM, Plan.ATTENTION)) {
            for (Row row : size.rows(plan)) {
                boolean both = row.work() instanceof KernelWork && row.routes().contains(Route.HOPPER);
                if (both && begins(row.work().name())) {
                    out.says(Agreement.of(kernels, (KernelWork) row.work()));
                }
            }
        }
    }

    /** Attention by cuDNN beside the plain kernels; nothing where it is not installed. */
    private void compareCudnn() {
        String problem = CudaBackend.problem(kernels, Route.CUDNN);
        if (problem != null) {
            out.says(Line.said(section.title(), "left out: " + problem));
            return;
        }
        Kernels by = CudaBackend.through(kernels, Route.CUDNN);
        int rounds = extent.roundsOr(ROUNDS);
        int passes = CudaBackend.launches(
                        by,
                        () -> report(
                                "attention",
                                REPEATS,
                                KernelCheck.runAttention(by, rounds, REPEATS, SEED, this::begins)))
                .getOrDefault("cudnn", 0);
        out.says(
                passes == 0
                        ? Line.failure(section.title(), "cuDNN took none of these calls, the log says why")
                        : Line.said(section.title(), passes + " passes were computed by cuDNN"));
        if (section.precision() == Precision.BF16) {
            bench(Plan.ATTENTION, w -> true, Route.CUDNN);
        }
    }

    private void report(String what, int repeats, List<KernelCheck.Outcome> outcomes) {
        outcomes.stream().filter(o -> o.problem() != null).forEach(o -> out.says(Line.failure(o.name(), o.problem())));
        long right = outcomes.stream().filter(o -> o.problem() == null).count();
        String bits = repeats == 0 ? "" : ", each made " + (repeats + 1) + " times with the same bits";
        out.says(Line.said(
                what + " compared with the plain kernels", right + " of " + outcomes.size() + " calls right" + bits));
    }

    private void verify() {
        if (!begins(GOLDEN)) {
            return;
        }
        Verification.Computing computing = section.precision() == Precision.F32
                ? new Verification.Computing(kernels, DType.F32)
                : Verification.Computing.rounded(kernels, section.precision().dtype());
        StringWriter text = new StringWriter();
        try {
            int exit = Verification.run(extent.golden(), computing, new PrintWriter(text), false);
            text.toString()
                    .lines()
                    .filter(l -> !l.isBlank() && !l.startsWith("tensor "))
                    .forEach(l -> out.says(
                            l.contains("  failed") ? Line.failure(GOLDEN, l.strip()) : Line.said(GOLDEN, l.strip())));
            out.says(exit == 0 ? Line.said(GOLDEN, "all right") : Line.failure(GOLDEN, "exit status " + exit));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
