package io.aegis.kernels.cpu;

import io.aegis.kernels.cpu.x86.AdamRow;
import io.aegis.kernels.cpu.x86.Assembler;
import io.aegis.kernels.cpu.x86.Code;
import io.aegis.kernels.cpu.x86.CopyPanel;
import io.aegis.kernels.cpu.x86.Processor;
import io.aegis.kernels.cpu.x86.RowProduct;
import io.aegis.kernels.cpu.x86.RowProduct.Weights;
import io.aegis.kernels.cpu.x86.TileProduct;
import io.aegis.kernels.cpu.x86.TileProduct.Width;
import io.aegis.kernels.cpu.x86.Transpose;
import io.aegis.kernels.cpu.x86.WidenRow;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.IntStream;

/**
 * Loops that the engine writes as instructions of this processor, each when it is first asked for, and why there are none
 * where there are none. {@code -Daegis.machine=none} does without them, {@code -Daegis.machine=avx2} without vectors of 512 bits.
 */
final class MachineCode {
    private static final String REASON = probe();
    private static final Map<Object, Code> LOOPS = new ConcurrentHashMap<>();

    private record Rows(Weights weights, int rows, int group, Assembler.Width width) {}

    private MachineCode() {}

    static boolean available() {
        return REASON == null;
    }

    /** What is missing, for people; null where nothing is. */
    static String reason() {
        return REASON;
    }

    /** The widest vectors of {@link RowProduct}. */
    static Assembler.Width widest() {
        return Widest.WIDTH;
    }

    /** What few rows are multiplied with, for people. */
    static String ofRows() {
        return "machine code, " + (widest() == Assembler.Width.BITS_512 ? "AVX-512" : "AVX2 and FMA");
    }

    /** Rows times weights as {@link RowProduct} has it. */
    static Code rows(Weights weights, int rows, int group, Assembler.Width width) {
        return LOOPS.computeIfAbsent(
                new Rows(weights, rows, group, width), _ -> new Code(RowProduct.code(weights, rows, group, width)));
    }

    /** Tiles of so many rows, as {@link TileProduct} has them. */
    static Code tile(int rows, boolean add, Width width) {
        return (add ? Tiles.ADDED : Tiles.PUT)[width.ordinal()][rows - 1];
    }

    /** A step of Adam, as {@link AdamRow} has it. */
    static Code adam() {
        return OfAdam.STEP;
    }

    /** Weights of 8 or 4 bits to floats, as {@link WidenRow} has it. */
    static Code widen(int bits) {
        return bits == Byte.SIZE ? Widening.BYTES : Widening.HALF_BYTES;
    }

    static MemorySegment widenConstants() {
        return Widening.CONSTANTS;
    }

    /** Up to eight rows become columns, as {@link Transpose} has it. */
    static Code transpose(int rows) {
        return Tiles.TRANSPOSE[rows];
    }

    /** Panels of rows of a tile, or of columns; with an edge, by a {@link #mask}. */
    static Code copyPanel(int tall, boolean edge) {
        if (edge) {
            return tall == TileProduct.ROWS ? Tiles.COPY_ROWS_EDGE : Tiles.COPY_COLUMNS_EDGE;
        }
        return tall == TileProduct.ROWS ? Tiles.COPY_ROWS : Tiles.COPY_COLUMNS;
    }

    /** Sixteen words, of which so many are negative and the others 0. */
    static MemorySegment mask(int lanes) {
        return Masks.ALL.asSlice((long) (Masks.MOST - lanes) << 2, Masks.MOST << 2);
    }

    /** Like the Vector API's own: a virtual machine that is told to use narrower ones has its reason. */
    private static final class Widest {
        static final Assembler.Width WIDTH = available()
                        && Lanes.F.vectorBitSize() == 512
                        && Processor.ask().avx512f()
                        && !"avx2".equals(System.getProperty("aegis.machine"))
                ? Assembler.Width.BITS_512
                : Assembler.Width.BITS_256;
    }

    private static final class Masks {
        static final int MOST = TileProduct.COLUMNS;
        static final MemorySegment ALL = Arena.global()
                .allocateFrom(
                        ValueLayout.JAVA_INT,
                        IntStream.range(0, 2 * MOST).map(i -> i < MOST ? -1 : 0).toArray());
    }

    private static final class Widening {
        static final Code BYTES = new Code(WidenRow.code(Byte.SIZE));
        static final Code HALF_BYTES = new Code(WidenRow.code(4));
        static final MemorySegment CONSTANTS = Arena.global().allocateFrom(ValueLayout.JAVA_INT, WidenRow.CONSTANTS);
    }

    private static final class OfAdam {
        static final Code STEP = new Code(AdamRow.code());
    }

    /** What a product consists of. */
    private static final class Tiles {
        static final Code[][] PUT = tiles(false);
        static final Code[][] ADDED = tiles(true);
        static final Code[] TRANSPOSE = IntStream.rangeClosed(0, Transpose.EIGHT)
                .mapToObj(rows -> new Code(Transpose.code(rows)))
                .toArray(Code[]::new);
        static final Code COPY_ROWS = new Code(CopyPanel.code(TileProduct.ROWS, false));
        static final Code COPY_ROWS_EDGE = new Code(CopyPanel.code(TileProduct.ROWS, true));
        static final Code COPY_COLUMNS = new Code(CopyPanel.code(TileProduct.COLUMNS, false));
        static final Code COPY_COLUMNS_EDGE = new Code(CopyPanel.code(TileProduct.COLUMNS, true));

        private static Code[][] tiles(boolean add) {
            return Arrays.stream(Width.values())
                    .map(width -> IntStream.rangeClosed(1, TileProduct.ROWS)
                            .mapToObj(rows -> new Code(TileProduct.code(rows, add, width)))
                            .toArray(Code[]::new))
                    .toArray(Code[][]::new);
        }
    }

    private static String probe() {
        if ("none".equals(System.getProperty("aegis.machine"))) {
            return "switched off by aegis.machine=none";
        }
        // Also where the virtual machine is told to leave them alone, with -XX:UseAVX.
        if (Lanes.F.vectorBitSize() < 256) {
            return "this Java uses no vectors of 256 bits";
        }
        try {
            Processor p = Processor.ask();
            return p.avx2() && p.fma() && p.f16c() ? null : "the processor lacks AVX2, FMA or F16C";
        } catch (IllegalCallerException e) {
            return "native access is denied";
        } catch (LinkageError | RuntimeException e) {
            return CpuKernels.firstLine(e);
        }
    }
}
