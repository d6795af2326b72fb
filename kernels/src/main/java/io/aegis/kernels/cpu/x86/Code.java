package io.aegis.kernels.cpu.x86;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** Code of four addresses and four counts (RDI, RSI, RDX, RCX, R8, R9, two on the stack), put where it can be called. It stays for as long as the process lives. */
public final class Code {
    private static final MethodHandle CALL = Linker.nativeLinker()
            .downcallHandle(FunctionDescriptor.ofVoid(
                    ADDRESS, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG));

    private final MemorySegment entry;

    /**
     * Installs instructions.
     *
     * @throws IllegalStateException when the system gives no executable memory
     */
    public Code(byte[] instructions) {
        entry = ExecutableMemory.of(instructions);
    }

    /** As {@link #call(MemorySegment, MemorySegment, MemorySegment, MemorySegment, long, long, long, long)}. */
    public void call(MemorySegment a, MemorySegment b, MemorySegment c, MemorySegment d, long i, long j) {
        call(a, b, c, d, i, j, 0, 0);
    }

    /** Runs it; whatever it reads and writes has to lie within these segments: nothing looks. */
    public void call(
            MemorySegment a, MemorySegment b, MemorySegment c, MemorySegment d, long i, long j, long k, long l) {
        try {
            CALL.invokeExact(entry, a, b, c, d, i, j, k, l);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable t) {
            throw new IllegalStateException(t);
        }
    }
}
