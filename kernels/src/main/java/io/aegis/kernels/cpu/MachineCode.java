package io.aegis.kernels.cpu;

import io.aegis.kernels.cpu.x86.Code;
import io.aegis.kernels.cpu.x86.Processor;
import io.aegis.kernels.cpu.x86.RowProduct;
import io.aegis.kernels.cpu.x86.RowProduct.Weights;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Loops that the engine writes as instructions of this processor, each when it is first asked for, and why there are none
 * where there are none. {@code -Daegis.machine=none} does without them.
 */
final class MachineCode {
    private static final String REASON = probe();
    private static final Map<Loop, Code> LOOPS = new ConcurrentHashMap<>();

    private record Loop(Weights weights, int rows, int group) {}

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
                new Loop(weights, rows, group), l -> new Code(RowProduct.code(l.weights, l.rows, l.group)));
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
            return e.getMessage();
        }
    }
}
