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
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.function.Predicate;

/** The parts of a check; each runs in a process of its own, so that one that faults or hangs takes no other with it. */
enum Section {
    KERNELS_F32(Precision.F32),
    KERNELS_BF16(Precision.BF16),
    KERNELS_F16(Precision.F16),
    GOLDEN_F32(Precision.F32),
    GOLDEN_BF16(Precision.BF16),
    PRODUCTS(Precision.BF16),
    LIBRARY(Precision.BF16),
    ATTENTION(Precision.BF16),
    HOPPER_BF16(Precision.BF16),
    HOPPER_F16(Precision.F16),
    HOPPER_LARGE(Precision.BF16),
    HOPPER_SPEED(Precision.BF16),
    HOPPER_UNORDERED(Precision.BF16),
    CUDNN_BF16(Precision.BF16),
    CUDNN_F16(Precision.F16),
    MEMORY(Precision.BF16),
    LLAMA(Precision.BF16),
    DADM_F32(Precision.F32),
    DADM_BF16(Precision.BF16);

    private static final String HOPPER = "-Daegis.cuda.hopper=true";
    private static final String PORTABLE = "-Daegis.cuda.hopper=false";
    private static final int ROUNDS = 12;
    private static final int REPEATS = 3;
    /** Of large calls, which the plain kernels take seconds for. */
    private static final int LARGE_ROUNDS = 4;

    private final Precision precision;

    Section(Precision precision) {
        this.precision = precision;
    }

    Precision precision() {
        return precision;
    }

    /** As the option names it. */
    String title() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** Flags of its process: kernels of compute capability 9.0 are compared, or the portable ones; models take what is best. */
    List<String> flags() {
        return switch (this) {
            case HOPPER_BF16, HOPPER_F16, HOPPER_LARGE, HOPPER_SPEED -> List.of("-Daegis.cublas=none", HOPPER);
            case HOPPER_UNORDERED -> List.of("-Daegis.cublas=none", HOPPER, "-Daegis.cuda.deterministic=false");
            case KERNELS_F32, KERNELS_BF16, KERNELS_F16, PRODUCTS, ATTENTION -> List.of(PORTABLE);
            default -> List.of();
        };
    }

    /** Whether it is about the kernels of compute capability 9.0 alone. */
    private boolean isHopper() {
        return flags().contains(HOPPER);
    }

    boolean readsGolden() {
        return this == GOLDEN_F32 || this == GOLDEN_BF16;
    }

    /**
     * Does the work.
     *
     * @param golden directory of reference values, for the sections that read them
     * @param rounds how many calls of each operation are compared; 0 for the usual number
     */
    void run(Kernels kernels, Path golden, int rounds, Consumer<Line> out) {
        String problem = isHopper() ? CudaBackend.hopperProblem(kernels) : null;
        if (problem != null) {
            out.accept(Line.said(title(), "left out: " + problem));
            return;
        }
        switch (this) {
            case KERNELS_F32, KERNELS_BF16, KERNELS_F16 ->
                compare(kernels, rounds == 0 ? ROUNDS : rounds, REPEATS, out);
            case HOPPER_BF16, HOPPER_F16 -> {
                compare(kernels, rounds == 0 ? ROUNDS : rounds, REPEATS, out);
                compareLarge(kernels, REPEATS, out);
            }
            case HOPPER_LARGE -> agree(kernels, Bench.Size.FULL, out);
            case HOPPER_UNORDERED -> {
                compare(kernels, rounds == 0 ? ROUNDS : rounds, 0, out);
                compareLarge(kernels, 0, out);
                bench(kernels, Plan.ATTENTION, w -> w instanceof AttentionWork a && a.backward(), Route.HOPPER, out);
            }
            case HOPPER_SPEED -> {
                bench(kernels, Plan.GEMM, w -> true, Route.HOPPER, out);
                bench(kernels, Plan.ATTENTION, w -> true, Route.HOPPER, out);
            }
            case GOLDEN_F32, GOLDEN_BF16 -> verify(kernels, golden, out);
            case PRODUCTS -> bench(kernels, Plan.GEMM, w -> true, Route.PORTABLE, out);
            case LIBRARY -> {
                out.accept(KernelFigures.library(kernels));
                bench(kernels, Plan.GEMM, w -> true, Route.LIBRARY, out);
            }
            case ATTENTION -> bench(kernels, Plan.ATTENTION, w -> true, Route.PORTABLE, out);
            case CUDNN_BF16, CUDNN_F16 -> compareCudnn(kernels, rounds == 0 ? ROUNDS : rounds, out);
            case MEMORY -> {
                double copy = bench(kernels, Plan.DECODE, w -> w instanceof KernelWork, Route.BEST, out);
                KernelFigures.memory(kernels, copy, out);
            }
            case LLAMA -> {
                bench(kernels, Plan.MODELS, w -> w instanceof PromptWork, Route.BEST, out);
                bench(kernels, Plan.DECODE, w -> w instanceof TokenWork, Route.BEST, out);
            }
            case DADM_F32, DADM_BF16 -> bench(kernels, Plan.MODELS, w -> w instanceof DadmWork, Route.BEST, out);
        }
    }

    /** Measures some rows of a plan on one way; the last ceiling of it, NaN where there is none. */
    private static double bench(Kernels kernels, Plan plan, Predicate<Work> which, Route route, Consumer<Line> out) {
        Bench bench = new Bench(kernels, Bench.Size.FULL);
        List<Bench.Ceiling> ceilings = bench.ceilings(plan);
        ceilings.forEach(c -> out.accept(Line.of(c)));
        List<Row> rows = plan.rows().stream().filter(r -> which.test(r.work())).toList();
        bench.run(rows, EnumSet.of(route), ceilings, name -> {}, result -> out.accept(Line.of(result)));
        return ceilings.isEmpty() ? Double.NaN : ceilings.getLast().value();
    }

    /** Kernels of 9.0 beside the portable ones, at the shapes of {@code gpu-bench}. */
    static void agree(Kernels kernels, Bench.Size size, Consumer<Line> out) {
        for (Plan plan : List.of(Plan.GEMM, Plan.ATTENTION)) {
            for (Row row : size.rows(plan)) {
                if (row.work() instanceof KernelWork work && row.routes().contains(Route.HOPPER)) {
                    out.accept(Agreement.of(kernels, work));
                }
            }
        }
    }

    private void compare(Kernels kernels, int rounds, int repeats, Consumer<Line> out) {
        boolean rounded = precision != Precision.F32;
        report("operations", repeats, KernelCheck.run(kernels, rounded, rounds, repeats, 1), out);
    }

    private static void compareLarge(Kernels kernels, int repeats, Consumer<Line> out) {
        report("large operations", repeats, KernelCheck.runLarge(kernels, true, LARGE_ROUNDS, repeats, 1), out);
    }

    /** Attention by cuDNN beside the plain kernels; nothing where it is not installed. */
    private void compareCudnn(Kernels kernels, int rounds, Consumer<Line> out) {
        String problem = CudaBackend.problem(kernels, Route.CUDNN);
        if (problem != null) {
            out.accept(Line.said(title(), "left out: " + problem));
            return;
        }
        Kernels by = CudaBackend.through(kernels, Route.CUDNN);
        int passes = CudaBackend.launches(
                        by, () -> report("attention", REPEATS, KernelCheck.runAttention(by, rounds, REPEATS, 1), out))
                .getOrDefault("cudnn", 0);
        out.accept(
                passes == 0
                        ? Line.failure(title(), "cuDNN took none of these calls, the log says why")
                        : Line.said(title(), passes + " passes were computed by cuDNN"));
        if (precision == Precision.BF16) {
            bench(kernels, Plan.ATTENTION, w -> true, Route.CUDNN, out);
        }
    }

    private static void report(String what, int repeats, List<KernelCheck.Outcome> outcomes, Consumer<Line> out) {
        outcomes.stream()
                .filter(o -> o.problem() != null)
                .forEach(o -> out.accept(Line.failure(o.name(), o.problem())));
        long right = outcomes.stream().filter(o -> o.problem() == null).count();
        String bits = repeats == 0 ? "" : ", each made " + (repeats + 1) + " times with the same bits";
        out.accept(Line.said(
                what + " compared with the plain kernels", right + " of " + outcomes.size() + " calls right" + bits));
    }

    private void verify(Kernels kernels, Path golden, Consumer<Line> out) {
        Verification.Computing computing = precision == Precision.F32
                ? new Verification.Computing(kernels, DType.F32)
                : Verification.Computing.rounded(kernels, precision.dtype());
        StringWriter text = new StringWriter();
        try {
            int exit = Verification.run(golden, computing, new PrintWriter(text), false);
            text.toString()
                    .lines()
                    .filter(l -> !l.isBlank() && !l.startsWith("tensor "))
                    .forEach(l -> out.accept(
                            l.contains("  failed")
                                    ? Line.failure("golden", l.strip())
                                    : Line.said("golden", l.strip())));
            out.accept(exit == 0 ? Line.said("golden", "all right") : Line.failure("golden", "exit status " + exit));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
