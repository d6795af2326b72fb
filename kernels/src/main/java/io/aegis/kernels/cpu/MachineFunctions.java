package io.aegis.kernels.cpu;

import io.aegis.kernels.Activation;
import io.aegis.kernels.cpu.x86.Code;
import io.aegis.kernels.cpu.x86.RowFunction;
import io.aegis.kernels.cpu.x86.RowFunction.Kind;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Functions of a row by machine code, {@link RowFunction}: fast from the first call on, while loops of the Vector API make an
 * object of every vector until they are compiled. Elements that Java's loops take as whole vectors have the same bits here.
 */
final class MachineFunctions {
    private static final int LANES = RowFunction.LANES;
    /** Shorter rows are not worth a call. */
    private static final int LEAST = 16;

    private static final boolean SUITS = MachineGemm.suits();
    /** By kind, made when first asked for: two threads that make one at once make the same. */
    private static final Loop[] LOOPS = new Loop[Kind.values().length];

    private record Loop(Code code, MemorySegment constants) {
        static Loop of(Kind kind) {
            RowFunction.Program p = RowFunction.program(kind);
            return new Loop(new Code(p.code()), Arena.global().allocateFrom(ValueLayout.JAVA_INT, p.constants()));
        }
    }

    private MachineFunctions() {}

    /** Whether a row of so many elements is worth it, and there is machine code. */
    static boolean suit(int n) {
        return SUITS && n >= LEAST;
    }

    /** Whether there is code for this one. */
    static boolean covers(Activation f) {
        return kind(f) != null;
    }

    private static Kind kind(Activation f) {
        return switch (f) {
            case GELU -> Kind.GELU;
            case QUICK_GELU -> Kind.QUICK_GELU;
            case GELU_TANH -> Kind.GELU_TANH;
            case SILU -> Kind.SILU;
            case RELU, SIGMOID, NONE, EXP, LOG, SQRT -> null;
        };
    }

    /** y = f(x). */
    static void apply(Activation f, MemorySegment x, long ix, MemorySegment y, long iy, int n) {
        run(kind(f), slice(x, ix, n), slice(y, iy, n), MemorySegment.NULL, n);
    }

    /** y = silu(gate) up. */
    static void gate(MemorySegment gate, long ig, MemorySegment up, long iu, MemorySegment y, long iy, int n) {
        run(Kind.SILU_GATE, slice(gate, ig, n), slice(y, iy, n), slice(up, iu, n), n);
    }

    /** Of rows that are so far apart: s = exp(s - shift), and the sums of the results. */
    static void exponentials(MemorySegment s, long is, long apart, int rows, int n, float[] shifts, float[] sums) {
        MemorySegment other = Scratch.floats(Scratch.MACHINE_FACTOR, 2L * rows);
        for (int r = 0; r < rows; r++) {
            Lanes.set(other, 2L * r, shifts[r]);
        }
        MemorySegment all = s.asSlice(is << 2, ((rows - 1) * apart + n) << 2);
        run(Kind.EXPONENTIAL, all, all, other, n, rows, apart);
        for (int r = 0; r < rows; r++) {
            sums[r] = Lanes.get(other, 2L * r + 1);
        }
    }

    /** Of one row. */
    static float exponentials(MemorySegment s, long is, float shift, int n) {
        MemorySegment other = Scratch.floats(Scratch.MACHINE_FACTOR, 2);
        Lanes.set(other, 0, shift);
        MemorySegment row = slice(s, is, n);
        run(Kind.EXPONENTIAL, row, row, other, n, 1, n);
        return Lanes.get(other, 1);
    }

    private static MemorySegment slice(MemorySegment m, long at, int n) {
        return m.asSlice(at << 2, (long) n << 2);
    }

    private static void run(Kind kind, MemorySegment x, MemorySegment y, MemorySegment other, int n) {
        run(kind, x, y, other, n, 1, 0);
    }

    private static void run(
            Kind kind, MemorySegment x, MemorySegment y, MemorySegment other, int n, int rows, long apart) {
        Loop loop = LOOPS[kind.ordinal()];
        if (loop == null) {
            loop = Loop.of(kind);
            LOOPS[kind.ordinal()] = loop;
        }
        int rest = n % LANES;
        loop.code()
                .call(
                        x,
                        y,
                        other,
                        loop.constants(),
                        n / LANES,
                        rest == 0 ? 0 : MachineCode.mask(rest).address(),
                        rows,
                        apart << 2);
    }
}
