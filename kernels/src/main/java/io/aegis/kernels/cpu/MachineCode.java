package io.aegis.kernels.cpu;

import io.aegis.kernels.cpu.x86.Code;
import io.aegis.kernels.cpu.x86.CopyPanel;
import io.aegis.kernels.cpu.x86.Processor;
import io.aegis.kernels.cpu.x86.RowProduct;
import io.aegis.kernels.cpu.x86.RowProduct.Weights;
import io.aegis.kernels.cpu.x86.TileProduct;
import io.aegis.kernels.cpu.x86.Transpose;
import io.aegis.kernels.cpu.x86.WidenRow;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.IntStream;

/**
 * Loops that the engine writes as instructions of this processor, each when it is first asked for, and why there are none
 * where there are none. {@code -Daegis.machine=none} does without them.
 */
final class MachineCode {
    private static final String REASON = probe();
    private static final Map<Object, Code> LOOPS = new ConcurrentHashMap<>();

    private record Rows(Weights weights, int rows, int group) {}

    private MachineCode() {}

    static boolean available() {
        return REASON == null;
    }

    /** What is missing, for people; null where nothing is. */
    static String reason() {
        return REASON;
    }

    /** Rows times weights as {@link RowProduct} has it. */
    static Code rows(Weights weights, int rows, int group) {
        return LOOPS.computeIfAbsent(
                new Rows(weights, rows, group), _ -> new Code(RowProduct.code(weights, rows, group)));
    }

    /** Tiles of so many rows, as {@link TileProduct} has them. */
    static Code tile(int rows, boolean add) {
        return (add ? Tiles.ADDED : Tiles.PUT)[rows - 1];
    }

    /** Weights of 8 or 4 bits to floats, as {@link WidenRow} has it. */
    static Code widen(int bits) {
        return bits == Byte.SIZE ? Widening.BYTES : Widening.HALF_BYTES;
    }

    static MemorySegment widenConstants() {
        return Widening.CONSTANTS;
    }

    static Code transpose() {
        return Tiles.TRANSPOSE;
    }

    /** Panels of rows of a tile, or of columns. */
    static Code copyPanel(int tall) {
        return tall == TileProduct.ROWS ? Tiles.COPY_ROWS : Tiles.COPY_COLUMNS;
    }

    private static final class Widening {
        static final Code BYTES = new Code(WidenRow.code(Byte.SIZE));
        static final Code HALF_BYTES = new Code(WidenRow.code(4));
        static final MemorySegment CONSTANTS = Arena.global().allocateFrom(ValueLayout.JAVA_INT, WidenRow.CONSTANTS);
    }

    /** What a product consists of. */
    private static final class Tiles {
        static final Code[] PUT = tiles(false);
        static final Code[] ADDED = tiles(true);
        static final Code TRANSPOSE = new Code(Transpose.code());
        static final Code COPY_ROWS = new Code(CopyPanel.code(TileProduct.ROWS));
        static final Code COPY_COLUMNS = new Code(CopyPanel.code(TileProduct.COLUMNS));

        private static Code[] tiles(boolean add) {
            return IntStream.rangeClosed(1, TileProduct.ROWS)
                    .mapToObj(rows -> new Code(TileProduct.code(rows, add)))
                    .toArray(Code[]::new);
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
