package io.aegis.cli.gpu.bench;

import io.aegis.cli.gpu.bench.ProductWork.Fused;
import io.aegis.cli.gpu.bench.ProductWork.Layout;
import io.aegis.cli.workload.Operands;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.cuda.CudaBackend;
import io.aegis.kernels.cuda.Route;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;

/** From which size on cuBLASLt takes less for a product than our own kernels do, by what is behind it. */
final class Crossover {
    /** Rows, columns and depth. */
    private static final long[] SIZES = {512, 1024, 2048, 4096, 8192};

    private static final long[] TINY = {128};

    /** What a kind of product is measured by, under the name that {@link CudaBackend#keepProducts} knows. */
    private static final Map<String, Fused> KINDS =
            Map.of("NOTHING", Fused.NOTHING, "SUM", Fused.ADDED, "PASS", Fused.BIAS_GELU, "GATE", Fused.GATE);

    private Crossover() {}

    /** Measures all kinds, and keeps what came out for this card; one line of it. */
    static String choose(Kernels kernels, Race race, boolean tiny, String source) {
        String problem = CudaBackend.problem(kernels, Route.LIBRARY);
        if (problem != null) {
            return "nothing is chosen: " + problem;
        }
        Route ours = CudaBackend.problem(kernels, Route.HOPPER) == null ? Route.HOPPER : Route.PORTABLE;
        Map<String, Long> least = new LinkedHashMap<>();
        new TreeMap<>(KINDS)
                .forEach((kind, fused) -> least.put(kind, least(kernels, race, ours, fused, tiny ? TINY : SIZES)));
        Path file = CudaBackend.keepProducts(kernels, least, source);
        return "multiplications from which on a product is cuBLASLt's: " + least + ", kept in " + file;
    }

    private static long least(Kernels kernels, Race race, Route ours, Fused fused, long[] sizes) {
        boolean[] faster = new boolean[sizes.length];
        for (int i = 0; i < sizes.length; i++) {
            long n = sizes[i];
            ProductWork work = new ProductWork(n, n, n, Layout.X_WT, DType.BF16, DType.F32, fused);
            try (Operands make = new Operands(kernels)) {
                Consumer<Kernels> call = work.prepare(make);
                List<Race.Times> times = race.times(List.of(
                        () -> call.accept(CudaBackend.through(kernels, ours)),
                        () -> call.accept(CudaBackend.through(kernels, Route.LIBRARY))));
                faster[i] = times.get(1).median() < times.get(0).median();
            }
        }
        return least(sizes, faster);
    }

    /** The smallest size from which on the library was faster at every larger one, cubed; the largest long where it was not at the largest. */
    static long least(long[] sizes, boolean[] faster) {
        long least = Long.MAX_VALUE;
        for (int i = sizes.length - 1; i >= 0 && faster[i]; i--) {
            least = sizes[i] * sizes[i] * sizes[i];
        }
        return least;
    }
}
