package io.aegis.kernels.cuda;

import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.QuantizedWeight.Format;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/** Launches of rows_quantised.cu: a few rows of float32 times weights of 8 or 4 bits, in every precision. */
final class QuantizedRows {
    /** Weights that one launch serves. */
    static final int SEGMENTS = 3;

    private static final int WARP = 32;
    private static final int MOST_UNIT = 128;
    /** Groups of eight rows a launch. */
    private static final int MOST_GROUPS = 8;
    /** The first tile of a segment that is not there. */
    private static final int NEVER = Integer.MAX_VALUE;
    /** What {@code Output} of product.cuh takes. */
    private static final int OUTPUT_LONGS = 8;

    private final Cuda cuda;
    private final int sharedBytes;
    /** By format, by the logarithms of the unit and of the rows together. */
    private final Entry[][][] kernels = new Entry[Format.values().length][][];

    QuantizedRows(Cuda cuda, int sharedBytes) {
        this.cuda = cuda;
        this.sharedBytes = sharedBytes;
        for (Format format : Format.values()) {
            kernels[format.ordinal()] = units().mapToObj(unit -> IntStream.of(1, 2, 4, 8)
                            .mapToObj(rows -> new Entry(cuda, variant(format, unit), "rows_quantised_" + rows))
                            .toArray(Entry[]::new))
                    .toArray(Entry[][]::new);
        }
    }

    private static IntStream units() {
        return IntStream.of(QuantizedWeight.LEAST_GROUP, 64, MOST_UNIT);
    }

    private static Variant variant(Format format, int unit) {
        return Variant.of("rows_quantised.cu").with("WEIGHT", format).with("UNIT", unit);
    }

    static List<Variant> variants() {
        return Arrays.stream(Format.values())
                .flatMap(format -> units().mapToObj(unit -> variant(format, unit)))
                .toList();
    }

    /** By {@link RowsPlan}: the device and the sizes decide. */
    static void shared(DynamicShared out) {
        for (Variant variant : variants()) {
            IntStream.of(1, 2, 4, 8)
                    .forEach(rows -> out.of(variant, "rows_quantised_" + rows, DynamicShared.BY_LAUNCH));
        }
    }

    /** Whether one launch may have both. */
    static boolean isAlike(QuantizedWeight a, QuantizedWeight b) {
        return a.format() == b.format() && a.group() == b.group() && a.columns() == b.columns();
    }

    /**
     * A weight beside its product.
     *
     * @param product without b
     * @param codes address of the weight's rows
     * @param scales address of its scales
     */
    record Segment(Product product, QuantizedWeight weight, long codes, long scales) {}

    /**
     * @param x float32 along K, readable
     * @param segments up to three weights, alike; of two that are gated the first one's product says where the result goes
     */
    void multiply(Operand x, List<Segment> segments, boolean gated) {
        Product first = segments.getFirst().product();
        QuantizedWeight w = segments.getFirst().weight();
        int unit = Math.min(w.group(), MOST_UNIT);
        int[] outputs = segments.stream().mapToInt(s -> s.product().n()).toArray();
        int packed = 8 / w.format().bits();
        int multiprocessors = cuda.properties().multiprocessors();
        for (int row = 0; row < first.m(); row += MOST_GROUPS * 8) {
            int rows = Math.min(first.m() - row, MOST_GROUPS * 8);
            RowsPlan plan = RowsPlan.of(sharedBytes, multiprocessors, packed, unit, rows, first.k(), outputs, gated);
            int groups = Math.ceilDiv(rows, plan.rows());
            try (Cuda.Scratch scratch = cuda.scratch()) {
                long sums = plan.sums(groups);
                Arguments a = Arguments.begin()
                        .pointer(x.address() + row * x.acrossStride() * Float.BYTES)
                        .pointer(sums == 0 ? 0 : scratch.take(sums * Float.BYTES))
                        .i64(x.acrossStride());
                int tile = 0;
                for (int i = 0; i < SEGMENTS; i++) {
                    boolean there = i < segments.size();
                    Segment s = there ? segments.get(i) : null;
                    a.pointer(there ? s.codes() : 0)
                            .pointer(there ? s.scales() : 0)
                            .i64(there ? s.weight().codes().stride(0) : 0);
                    if (there && !(gated && i > 0)) {
                        s.product().fromRow(row).output(a, 0, 0);
                    } else {
                        IntStream.range(0, OUTPUT_LONGS).forEach(l -> a.i64(0));
                    }
                    a.i32(there ? outputs[i] : 0).i32(there && !(gated && i > 0) ? tile : NEVER);
                    tile += there ? Math.ceilDiv(outputs[i], plan.span()) : 0;
                }
                a.i32(rows)
                        .i32(first.k())
                        .i32(plan.tiles())
                        .i32(plan.span())
                        .i32(gated ? 1 : 0)
                        .i32(Integer.numberOfTrailingZeros(w.group() / unit))
                        .i32(plan.piece())
                        .i32(plan.stages());
                int threads = plan.teams() * RowsPlan.TEAM * WARP;
                long blocks = Math.min(plan.tiles(), multiprocessors);
                kernel(w.format(), unit, plan.rows())
                        .launch(new Engine.Grid(blocks, groups, 1, threads, plan.shared()), a);
            }
        }
    }

    private Entry kernel(Format format, int unit, int rows) {
        int byUnit = Integer.numberOfTrailingZeros(unit / QuantizedWeight.LEAST_GROUP);
        return kernels[format.ordinal()][byUnit][Integer.numberOfTrailingZeros(rows)];
    }
}
