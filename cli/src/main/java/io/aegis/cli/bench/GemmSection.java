package io.aegis.cli.bench;

import io.aegis.cli.workload.Compute;
import io.aegis.cli.workload.Operands;
import io.aegis.cli.workload.WeightType;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.View;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Products with weights as they are stored. Many rows, as a prompt has them, beside what the registers multiply; one and
 * four rows, as in decoding, beside what the memory gives: those walk through more than a gigabyte of weights, so that no
 * cache serves them.
 */
final class GemmSection {
    private static final List<int[]> PROMPTS =
            List.of(new int[] {729, 1152, 4304}, new int[] {512, 2048, 8192}, new int[] {64, 4096, 4096});

    /** A Llama's way down: in, out. */
    private static final int[] DECODE = {14336, 4096};

    private static final int[] FEW = {1, 4};

    /** Rows up to here are held against memory. */
    private static final int MOST_FEW = 8;

    private static final double BYTES = 5L << 28;

    /** Matrices that are so small that more of them would be needed are cached in use as well. */
    private static final int MOST_MATRICES = 512;

    private GemmSection() {}

    static void run(Kernels kernels, Request request, Ceilings ceilings, Consumer<Figure> out) {
        List<WeightType> types = request.types().isEmpty() ? List.of(WeightType.values()) : request.types();
        if (request.shape() != null) {
            int[] s = parse(request.shape());
            for (WeightType type : types) {
                if (s[0] <= MOST_FEW) {
                    few(kernels, request, s[0], s[1], s[2], type, ceilings, out);
                } else {
                    many(kernels, request, s, type, ceilings, out);
                }
            }
            return;
        }
        for (int[] s : PROMPTS) {
            types.forEach(type -> many(kernels, request, s, type, ceilings, out));
        }
        if (request.compute() != Compute.F32) {
            return; // few rows wait for memory, and are float32 whatever is asked for
        }
        for (WeightType type : types) {
            for (int rows : FEW) {
                few(kernels, request, rows, DECODE[0], DECODE[1], type, ceilings, out);
            }
        }
    }

    /**
     * Rows, in and out of a product.
     *
     * @throws IllegalArgumentException when the text is not three positive numbers
     */
    static int[] parse(String shape) {
        String[] parts = shape.split("x");
        try {
            int[] s = {Integer.parseInt(parts[0]), Integer.parseInt(parts[1]), Integer.parseInt(parts[2])};
            if (parts.length == 3 && s[0] > 0 && s[1] > 0 && s[2] > 0) {
                return s;
            }
        } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
            // Said below, for all that is not a shape.
        }
        throw new IllegalArgumentException("--shape " + shape
                + ": a product is three positive numbers, rows x in x out," + " such as 729x1152x4304");
    }

    private static void many(
            Kernels kernels, Request request, int[] s, WeightType type, Ceilings ceilings, Consumer<Figure> out) {
        String work = "gemm " + s[0] + "x" + s[1] + "x" + s[2] + ", " + type
                + request.compute().suffix();
        double bytes = 4.0 * s[0] * (s[1] + (double) s[2]) + type.bytes() * s[1] * s[2];
        if (isLeftOut(request, work, bytes, s, type, out)) {
            return;
        }
        try (Operands make = new Operands(kernels)) {
            View x = make.normal(DType.F32, s[0], s[1]);
            View y = make.empty(DType.F32, s[0], s[2]);
            Weight w = weight(kernels, make, type, s[1], s[2]);
            double operations = 2.0 * s[0] * s[1] * s[2];
            Scaling.measure(
                    kernels,
                    request,
                    () -> w.multiply(kernels, x, y, false),
                    ceilings.arithmetic(request.compute()),
                    m -> Figure.time(work, m, 1, "product", operations, ceilings.most(request.compute()), ""),
                    out);
        }
    }

    private static void few(
            Kernels kernels,
            Request request,
            int rows,
            int in,
            int out,
            WeightType type,
            Ceilings ceilings,
            Consumer<Figure> figures) {
        double one = type.bytes() * in * out;
        int count = (int) Math.min(MOST_MATRICES, Math.ceil(BYTES / one));
        String work = (rows == 1 ? "1 row" : rows + " rows") + " by " + count + " of " + in + "x" + out + ", " + type
                + request.compute().suffix();
        if (isLeftOut(request, work, count * one, new int[] {rows, in, out}, type, figures)) {
            return;
        }
        try (Operands make = new Operands(kernels)) {
            View x = make.normal(DType.F32, rows, in);
            View y = make.empty(DType.F32, rows, out);
            List<Weight> weights = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                weights.add(weight(kernels, make, type, in, out));
            }
            Scaling.measure(
                    kernels,
                    request,
                    () -> weights.forEach(w -> w.multiply(kernels, x, y, true)),
                    ceilings.reading(),
                    m -> Figure.time(work, m, count, "product", count * one, ceilings.read(), "all weights once a run"),
                    figures);
        }
    }

    private static boolean isLeftOut(
            Request request, String work, double bytes, int[] s, WeightType type, Consumer<Figure> out) {
        Optional<String> why;
        if (type.format() != null && s[1] % WeightType.GROUP != 0) {
            why = Optional.of(s[1] + " weights a row are not whole groups of " + WeightType.GROUP);
        } else if (request.compute() != Compute.F32 && s[0] <= MOST_FEW) {
            why = Optional.of("up to " + MOST_FEW + " rows wait for memory, and are computed in f32");
        } else {
            why = Request.tooLarge(bytes);
        }
        why.ifPresent(w -> out.accept(Figure.leftOut(work, w)));
        return why.isPresent();
    }

    /** A matrix [N, K] of either kind. */
    private record Weight(View dense, QuantizedWeight quantized) {
        void multiply(Kernels k, View x, View y, boolean rows) {
            if (quantized != null && rows) {
                k.quantizedMatmul().multiplyRows(x, quantized, y, Epilogue.NONE);
            } else if (quantized != null) {
                k.quantizedMatmul().multiply(x, quantized, y, Epilogue.NONE);
            } else if (rows) {
                k.matmul().multiplyRows(x, dense.transpose(0, 1), y, Epilogue.NONE);
            } else {
                k.matmul().multiply(x, dense.transpose(0, 1), y, Epilogue.NONE);
            }
        }
    }

    private static Weight weight(Kernels kernels, Operands make, WeightType type, int in, int out) {
        return type.format() == null
                ? new Weight(make.normal(type.dtype(), out, in), null)
                : new Weight(null, make.quantized(type.format(), WeightType.GROUP, out, in));
    }
}
