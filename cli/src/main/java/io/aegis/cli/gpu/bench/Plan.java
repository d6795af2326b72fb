package io.aegis.cli.gpu.bench;

import static io.aegis.kernels.cuda.Route.BEST;
import static io.aegis.kernels.cuda.Route.CUDNN;
import static io.aegis.kernels.cuda.Route.HOPPER;
import static io.aegis.kernels.cuda.Route.LIBRARY;
import static io.aegis.kernels.cuda.Route.PORTABLE;

import io.aegis.cli.gpu.bench.ProductWork.Fused;
import io.aegis.cli.gpu.bench.ProductWork.Layout;
import io.aegis.cli.workload.WeightType;
import io.aegis.kernels.DType;
import io.aegis.kernels.cuda.Route;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The sections, and what each of them measures: the project's shapes and its goals for an H200. */
public enum Plan {
    ATTENTION,
    GEMM,
    DECODE,
    MEMORY,
    MODELS;

    /** More than the second-level cache of any of these devices several times over. */
    private static final long UNCACHED = 1L << 29;

    private static final String EAGER = "PyTorch's autocast on an H200, bench/NOTES.md";
    private static final double EAGER_FORWARD_64 = 86;

    /** Nobody has recorded PyTorch's training step in 16 bits. */
    private static final String EAGER_F32 =
            "PyTorch's eager float32 on an H200, bench/NOTES.md; none in 16 bits is recorded";

    private static final double EAGER_STEP_16 = 1162;

    /** As it is typed. */
    public String title() {
        return name().toLowerCase(Locale.ROOT);
    }

    /**
     * The section that is typed so.
     *
     * @throws IllegalArgumentException when there is none; it lists them
     */
    public static Plan named(String title) {
        return Arrays.stream(values())
                .filter(p -> p.title().equals(title))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("there is no section " + title + ", expected one of "
                        + Arrays.stream(values()).map(Plan::title).collect(Collectors.joining(", "))));
    }

    /** Whether its rows are single kernels' calls, which a profiler can be asked about. */
    boolean namesKernels() {
        return this == ATTENTION || this == GEMM;
    }

    /** What is measured. */
    public List<Row> rows() {
        return switch (this) {
            case ATTENTION -> attention();
            case GEMM -> gemm();
            case DECODE -> decode();
            case MEMORY -> memory();
            case MODELS -> models();
        };
    }

    /** The same kinds of work, so small that the emulator does them; nothing is asked of their figures. */
    public List<Row> tiny() {
        return switch (this) {
            case ATTENTION ->
                List.of(
                        row(new AttentionWork(1, 2, 70, 64, true, false), PORTABLE, HOPPER, CUDNN),
                        row(new AttentionWork(1, 1, 33, 72, false, true), PORTABLE, HOPPER, CUDNN));
            case GEMM ->
                List.of(
                        row(ProductWork.square(136, Layout.X_WT), PORTABLE, HOPPER, LIBRARY),
                        row(
                                new ProductWork(130, 260, 72, Layout.X_WT, DType.F32, DType.F32, Fused.BIAS_GELU),
                                PORTABLE,
                                HOPPER,
                                LIBRARY,
                                BEST),
                        row(
                                new ProductWork(130, 136, 72, Layout.X_WT, DType.F32, DType.F32, Fused.GATE),
                                PORTABLE,
                                HOPPER,
                                LIBRARY),
                        row(
                                new ProductWork(130, 136, 72, Layout.X_WT, DType.F32, DType.F32, Fused.LOW_RANK),
                                PORTABLE,
                                HOPPER,
                                LIBRARY),
                        row(new ConvolutionWork(2, 9, 40, 72, ConvolutionWork.Pass.MASK), PORTABLE, HOPPER),
                        row(new ConvolutionWork(2, 9, 72, 40, ConvolutionWork.Pass.BACKWARD), PORTABLE, HOPPER));
            case DECODE ->
                List.of(
                        row(new CacheWork(2, 4, 2, 65, 64, 1 << 17), BEST),
                        row(new RowsWork(WeightType.BF16, 1, 72, 128, 1 << 16), BEST),
                        row(new RowsWork(WeightType.INT8, 1, 72, 128, 1 << 16), BEST),
                        row(new TokenWork("llama-tiny", WeightType.INT4, 5, false), BEST),
                        row(new TokenWork("llama-tiny", WeightType.INT4, 5, true), PORTABLE, BEST));
            case MEMORY ->
                Stream.concat(
                                Arrays.stream(StreamWork.Kind.values()).map(k -> new StreamWork(k, 8, 128)),
                                Stream.of(new VisionMaskingWork(18, 40)))
                        .map(w -> row(w, PORTABLE))
                        .toList();
            case MODELS ->
                List.of(
                        row(new FirstTokenWork("bunny-tiny", WeightType.BF16, 20), BEST, HOPPER),
                        row(new DadmWork("dadm-tiny", 2, false, false), PORTABLE, BEST),
                        row(new AdapterWork("bunny-tiny", WeightType.BF16, 40, 1_000_000_000L), BEST),
                        row(new QuestionsWork("llama-tiny", WeightType.INT8, 66, 2, 3, 2, true), BEST),
                        row(new QuestionsWork("llama-tiny", WeightType.INT8, 66, 2, 3, 2, false), BEST));
        };
    }

    private static Row row(Work work, Route... routes) {
        return row(work, Goal.NONE, routes);
    }

    private static Row row(Work work, Goal goal, Route... routes) {
        return row(work, goal, Goal.NONE, routes);
    }

    private static Row row(Work work, Goal goal, Goal portable, Route... routes) {
        return new Row(work, goal, portable, List.of(routes));
    }

    private static Row attention(AttentionWork work, Goal goal, Goal portable) {
        return row(work, goal, portable, PORTABLE, HOPPER, CUDNN);
    }

    private static Row attention(long b, long h, long n, long d, boolean causal, boolean backward, Goal goal) {
        return attention(new AttentionWork(b, h, n, d, causal, backward), goal, Goal.NONE);
    }

    private static Row full(long h, long d, boolean backward, Goal goal, double portable) {
        return attention(new AttentionWork(4, h, 4096, d, false, backward), goal, Goal.atLeast(portable));
    }

    private static List<Row> attention() {
        return List.of(
                full(16, 128, false, Goal.of(560, 660), 300),
                attention(4, 16, 4096, 128, true, false, Goal.of(460, 560)),
                full(32, 64, false, Goal.of(400, 480), 270),
                full(16, 72, false, Goal.of(340, 440), 240),
                attention(32, 16, 729, 72, false, false, Goal.NONE),
                attention(64, 12, 197, 64, false, false, Goal.NONE),
                full(16, 128, true, Goal.of(400, 530), 200),
                attention(4, 16, 4096, 128, true, true, Goal.of(320, 440)),
                attention(4, 32, 4096, 64, false, true, Goal.NONE),
                attention(4, 16, 4096, 72, false, true, Goal.NONE),
                attention(32, 16, 729, 72, false, true, Goal.NONE),
                attention(64, 12, 197, 64, false, true, Goal.NONE));
    }

    private static Row product(Work work, Goal goal) {
        return product(work, goal, Goal.NONE);
    }

    private static Row product(Work work, Goal goal, Goal portable) {
        return row(work, goal, portable, PORTABLE, HOPPER, LIBRARY, BEST);
    }

    private static Row large(Layout layout) {
        return product(ProductWork.square(8192, layout), Goal.of(650, 800), Goal.atLeast(400));
    }

    /** A product of a model: float32 activations and results, weights of bfloat16 as checkpoints store them. */
    private static Row product(long m, long n, long k, Fused fused) {
        return product(new ProductWork(m, n, k, Layout.X_WT, DType.F32, DType.F32, fused), Goal.NONE);
    }

    private static List<Row> gemm() {
        return List.of(
                product(ProductWork.square(4096, Layout.X_WT), Goal.of(600, 760)),
                large(Layout.X_WT),
                large(Layout.X_W),
                large(Layout.XT_W),
                product(
                        new ProductWork(8192, 8192, 8192, Layout.X_WT, DType.BF16, DType.BF16, Fused.BIAS_GELU),
                        Goal.NONE),
                product(new ProductWork(8192, 8192, 8192, Layout.X_WT, DType.BF16, DType.F32, Fused.ADDED), Goal.NONE),
                product(1522, 14336, 4096, Fused.NOTHING), // Llama-3-8B's way up, of a FaceShield's prompt
                product(1522, 14336, 4096, Fused.GATE),
                product(1522, 4096, 14336, Fused.RESIDUAL), // and down
                product(1522, 4096, 4096, Fused.LOW_RANK), // what a query is made by, in training
                product(1458, 4304, 1152, Fused.BIAS_GELU), // SigLIP's, of both pictures
                product(64 * 197, 3072, 768, Fused.BIAS_GELU), // DADM's, of 64 samples
                convolution(64, 256, 256, ConvolutionWork.Pass.NORMED), // its masks' convolutions, scoring
                convolution(64, 128, 1536, ConvolutionWork.Pass.MASK),
                convolution(16, 128, 128, ConvolutionWork.Pass.FORWARD), // and in a training step
                convolution(16, 128, 1536, ConvolutionWork.Pass.FORWARD),
                convolution(16, 128, 1536, ConvolutionWork.Pass.BACKWARD));
    }

    private static Row convolution(long pictures, long in, long out, ConvolutionWork.Pass pass) {
        return row(new ConvolutionWork(pictures, 14, in, out, pass), PORTABLE, HOPPER);
    }

    private static List<Row> decode() {
        List<Row> rows = new ArrayList<>();
        rows.add(row(new CacheWork(1, 32, 8, 8192, 128, UNCACHED), BEST)); // half of the 64 MB that a goal is for
        for (long batch : new long[] {2, 8}) {
            Work cache = new CacheWork(batch, 32, 8, 8192, 128, UNCACHED);
            rows.add(row(cache, Goal.ofCeiling(0.85, 0.92), Goal.shareAtLeast(0.75), PORTABLE, BEST));
        }
        rows.add(row(rows(WeightType.BF16, 1), Goal.ofCeiling(0.88, 0.92), Goal.shareAtLeast(0.75), PORTABLE, BEST));
        rows.add(row(rows(WeightType.INT8, 1), Goal.ofCeiling(0.80, 0.88), BEST));
        rows.add(row(rows(WeightType.INT4, 1), Goal.ofCeiling(0.70, 0.82), BEST));
        rows.add(row(rows(WeightType.BF16, 4), BEST));
        for (boolean graph : new boolean[] {true, false}) {
            rows.add(
                    graph
                            ? row(token(WeightType.BF16, true), Goal.of(230, 263), Goal.atLeast(200), PORTABLE, BEST)
                            : row(token(WeightType.BF16, false), BEST));
            rows.add(row(token(WeightType.INT8, graph), graph ? Goal.of(400, 490) : Goal.NONE, BEST));
            rows.add(row(token(WeightType.INT4, graph), graph ? Goal.of(600, 820) : Goal.NONE, BEST));
        }
        return rows;
    }

    /** 268 MB a matrix; what a goal is for comes first. */
    private static List<Row> memory() {
        List<Row> rows = new ArrayList<>();
        for (StreamWork.Kind kind : StreamWork.Kind.values()) {
            Goal goal =
                    switch (kind) {
                        case LAYER_NORM,
                                LAYER_NORM_BACKWARD,
                                RMS_NORM,
                                RMS_NORM_BACKWARD,
                                ROTARY,
                                SILU_GATE,
                                SILU_GATE_BACKWARD,
                                ADAM -> Goal.shareAtLeast(0.80);
                        case GELU, ADD, SOFTMAX, SUM -> Goal.NONE;
                    };
            rows.add(row(new StreamWork(kind, 16384, 4096), Goal.NONE, goal, PORTABLE));
        }
        rows.add(row(new VisionMaskingWork(1458, 4096), Goal.NONE, Goal.atLeast(12), PORTABLE));
        return rows;
    }

    private static Work rows(WeightType type, long rows) {
        return new RowsWork(type, rows, 14336, 4096, UNCACHED);
    }

    private static Work token(WeightType type, boolean graph) {
        return new TokenWork("llama-3-8b", type, 1522, graph);
    }

    private static List<Row> models() {
        return List.of(
                row(new PromptWork("llama-3-8b", WeightType.BF16, 1522), BEST, HOPPER),
                row(new FirstTokenWork("bunny-llama3-8b", WeightType.BF16, 64), Goal.of(90, 45), BEST, HOPPER),
                row(new DadmWork("dadm-b16", 1, false, false), BEST),
                row(
                        new DadmWork("dadm-b16", 64, false, false),
                        Goal.faster(EAGER_FORWARD_64, 2, 4, EAGER),
                        BEST,
                        HOPPER),
                row(
                        new DadmWork("dadm-b16", 16, true, true),
                        Goal.faster(EAGER_STEP_16, 2, 3, EAGER_F32),
                        Goal.fasterThan(EAGER_STEP_16, EAGER_F32),
                        PORTABLE,
                        BEST,
                        HOPPER),
                row(new DadmWork("dadm-b16", 16, true, false), BEST, HOPPER),
                row(new AdapterWork("bunny-llama3-8b", WeightType.BF16, 1640, 26_000_000_000L), BEST, HOPPER),
                row(new AdapterWork("bunny-llama3-8b", WeightType.INT4, 1640, 15_000_000_000L), BEST, HOPPER),
                row(questions(true), BEST),
                row(questions(false), BEST));
    }

    private static Work questions(boolean together) {
        return new QuestionsWork("llama-3-8b", WeightType.BF16, 1462, 4, 24, 64, together);
    }
}
