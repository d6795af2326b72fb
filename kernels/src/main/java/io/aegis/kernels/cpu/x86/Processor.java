package io.aegis.kernels.cpu.x86;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * What this processor's instructions are and the system lets programs use, asked with CPUID itself (Software Developer's
 * Manual, volume 2, CPUID, and volume 1, 14.3, on what else has to hold).
 *
 * @param avx2 whether 256-bit vectors compute with floats and integers
 * @param fma whether they multiply and add in one
 * @param f16c whether they convert float16
 * @param avx512f whether there are vectors of 512 bits
 */
public record Processor(boolean avx2, boolean fma, boolean f16c, boolean avx512f) {
    /** What the system saves of registers: 128 and 256 bits; and masks, upper halves and the upper sixteen. */
    private static final int SAVED_256 = 0x6;

    private static final int SAVED_512 = 0xe6;

    /**
     * Asks the processor that runs this.
     *
     * @throws IllegalStateException on another architecture or system, or where the system refuses executable memory
     * @throws IllegalCallerException when native access is denied to this module
     */
    public static Processor ask() {
        String system = System.getProperty("os.name");
        String architecture = System.getProperty("os.arch");
        if (!"Linux".equals(system) || !"amd64".equals(architecture)) {
            throw new IllegalStateException(
                    "machine code is written for Linux on amd64, this is " + system + " on " + architecture);
        }
        MethodHandle ask = Linker.nativeLinker()
                .downcallHandle(ExecutableMemory.of(code()), FunctionDescriptor.ofVoid(JAVA_INT, JAVA_INT, ADDRESS));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment told = arena.allocate(JAVA_INT, 5);
            ask.invokeExact(0, 0, told);
            boolean seven = told.getAtIndex(JAVA_INT, 0) >= 7;
            ask.invokeExact(1, 0, told);
            int ecx = told.getAtIndex(JAVA_INT, 2);
            // What the system saves when it changes between programs.
            int saves = bit(ecx, 27) ? told.getAtIndex(JAVA_INT, 4) : 0;
            boolean saved = (saves & SAVED_256) == SAVED_256;
            boolean avx = saved && bit(ecx, 28);
            boolean fma = avx && bit(ecx, 12);
            boolean f16c = avx && bit(ecx, 29);
            if (seven) {
                ask.invokeExact(7, 0, told);
            }
            int ebx = seven ? told.getAtIndex(JAVA_INT, 1) : 0;
            boolean avx512f = avx && (saves & SAVED_512) == SAVED_512 && bit(ebx, 16);
            return new Processor(avx && bit(ebx, 5), fma, f16c, avx512f);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable t) {
            throw new IllegalStateException(t);
        }
    }

    private static boolean bit(int word, int n) {
        return (word >>> n & 1) != 0;
    }

    /** {@code (leaf, subleaf, int[5])}: EAX, EBX, ECX, EDX and, where there is such a register, the lower half of XCR0. */
    private static byte[] code() {
        Assembler a = new Assembler();
        Label none = a.label();
        a.push(Gp.RBX);
        a.mov(Gp.R8, Gp.RDX);
        a.mov(Gp.RAX, Gp.RDI);
        a.mov(Gp.RCX, Gp.RSI);
        a.cpuid();
        a.movd(Gp.R8.at(0), Gp.RAX);
        a.movd(Gp.R8.at(4), Gp.RBX);
        a.movd(Gp.R8.at(8), Gp.RCX);
        a.movd(Gp.R8.at(12), Gp.RDX);
        a.mov(Gp.RAX, 1);
        a.mov(Gp.RCX, 0);
        a.cpuid();
        a.mov(Gp.RAX, 0);
        a.and(Gp.RCX, 1 << 27);
        a.jz(none);
        a.mov(Gp.RCX, 0);
        a.xgetbv();
        a.bind(none);
        a.movd(Gp.R8.at(16), Gp.RAX);
        a.pop(Gp.RBX);
        a.ret();
        return a.bytes();
    }
}
