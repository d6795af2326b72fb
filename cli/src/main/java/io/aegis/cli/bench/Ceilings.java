package io.aegis.cli.bench;

import io.aegis.cli.workload.Compute;
import io.aegis.cli.workload.Measurement;
import io.aegis.cli.workload.Operands;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Matmul;
import io.aegis.kernels.View;
import io.aegis.kernels.check.MachineCeilings;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * What this machine gives at most, in these minutes.
 *
 * @param arithmetic float32 multiply-adds on registers alone, by one thread and by all
 * @param reading memory that no cache holds, by one thread and by all
 * @param product the fastest large float32 product of our kernels
 * @param bfloat the fastest large product of ours that rounds its operands to bfloat16, with weights that are stored so, by one
 *     thread and by all: registers alone cannot be measured from Java; empty where the processor has none
 */
public record Ceilings(List<Ceiling> arithmetic, List<Ceiling> reading, Ceiling product, List<Ceiling> bfloat) {
    private static final double GIGA = 1e9;
    private static final int[][] PRODUCTS = {{729, 1152, 4304}, {1536, 1536, 1536}, {512, 2048, 8192}};
    private static final int[][] ONE_PRODUCT = {{512, 512, 512}};
    private static final long BYTES = 5L << 28;
    private static final long FEW_BYTES = 1L << 26;

    /**
     * Measures them, in about five seconds.
     *
     * @param quick in half a second, less exactly: memory that a large cache may hold, one product
     */
    public static Ceilings measure(Kernels kernels, boolean quick) {
        int all = threads();
        long bytes = quick ? FEW_BYTES : BYTES;
        int[][] shapes = quick ? ONE_PRODUCT : PRODUCTS;
        return new Ceilings(
                List.of(arithmetic(1), arithmetic(all)),
                List.of(reading(bytes, 1), reading(bytes, all)),
                product(kernels, shapes, DType.F32, all),
                Compute.BF16
                        .of(kernels)
                        .map(k -> List.of(product(k, shapes, DType.BF16, 1), product(k, shapes, DType.BF16, all)))
                        .orElse(List.of()));
    }

    /** As many as the kernels use. */
    public static int threads() {
        return Math.max(
                1, Integer.getInteger("aegis.threads", Runtime.getRuntime().availableProcessors()));
    }

    /** The most arithmetic in float32, by all threads. */
    public Ceiling fma() {
        return arithmetic.getLast();
    }

    /** The most arithmetic of a kind, by one thread and by all. */
    public List<Ceiling> arithmetic(Compute compute) {
        return compute == Compute.F32 ? arithmetic : bfloat;
    }

    /** The most arithmetic of a kind, by all threads. */
    public Ceiling most(Compute compute) {
        return arithmetic(compute).getLast();
    }

    /** The most reading, by all threads. */
    public Ceiling read() {
        return reading.getLast();
    }

    /** All of them, in order. */
    public List<Ceiling> all() {
        return Stream.of(arithmetic, reading, List.of(product), bfloat)
                .flatMap(List::stream)
                .toList();
    }

    private static Ceiling arithmetic(int threads) {
        return new Ceiling(
                "FMA f32, registers only, " + plural(threads), MachineCeilings.multiplyAdds(threads) / GIGA, "GFLOP/s");
    }

    private static Ceiling reading(long bytes, int threads) {
        return new Ceiling(
                "reading " + (bytes >> 20) + " MiB, " + plural(threads),
                MachineCeilings.reading(bytes, threads) / GIGA,
                "GB/s");
    }

    private static String plural(int threads) {
        return threads == 1 ? "1 thread" : threads + " threads";
    }

    private static Ceiling product(Kernels kernels, int[][] shapes, DType weights, int threads) {
        double best = 0;
        String name = "";
        try (Operands make = new Operands(kernels)) {
            for (int[] s : shapes) {
                View x = make.normal(DType.F32, s[0], s[1]);
                View w = make.normal(weights, s[2], s[1]).transpose(0, 1);
                View y = make.empty(DType.F32, s[0], s[2]);
                Runnable product = () -> kernels.matmul().multiply(x, w, y, Matmul.Epilogue.NONE);
                Measurement m = Measurement.of(
                        new Measurement.Plan(2, 3), threads == 1 ? () -> kernels.alone(product) : product);
                double rate = 2.0 * s[0] * s[1] * s[2] / m.least() / GIGA;
                if (rate > best) {
                    best = rate;
                    name = s[0] + "x" + s[1] + "x" + s[2];
                }
                make.free();
            }
        }
        String type = weights.name().toLowerCase(Locale.ROOT);
        return new Ceiling("our product " + type + ", " + name + ", " + plural(threads), best, "GFLOP/s");
    }
}
