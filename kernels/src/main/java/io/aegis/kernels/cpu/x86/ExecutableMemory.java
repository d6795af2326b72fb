package io.aegis.kernels.cpu.x86;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;

/**
 * Memory that holds code, from Linux: pages are writable while the code is put there, and executable after that, never
 * both. They stay until the process ends, as what calls them does.
 */
final class ExecutableMemory {
    private static final int READ_WRITE = 1 | 2;
    private static final int READ_EXECUTE = 1 | 4;
    /** MAP_PRIVATE and MAP_ANONYMOUS. */
    private static final int PRIVATE = 0x22;

    private static final Linker.Option ERRNO = Linker.Option.captureCallState("errno");

    /** Found when it is first wanted, and not as the class begins: what forbids it is for the caller to say. */
    private static volatile Functions functions;

    private ExecutableMemory() {}

    private record Functions(MethodHandle map, MethodHandle protect) {
        static Functions find() {
            return new Functions(
                    function(
                            "mmap",
                            FunctionDescriptor.of(
                                    ADDRESS, ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG)),
                    function("mprotect", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT)));
        }
    }

    /**
     * Puts code where it can be called.
     *
     * @throws IllegalStateException when the system refuses, with its number of the error
     * @throws IllegalCallerException when native access is denied to this module
     */
    static MemorySegment of(byte[] code) {
        Functions system = functions;
        if (system == null) {
            system = Functions.find();
            functions = system;
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(Linker.Option.captureStateLayout());
            MemorySegment pages = (MemorySegment)
                    system.map.invokeExact(state, MemorySegment.NULL, (long) code.length, READ_WRITE, PRIVATE, -1, 0L);
            if (pages.address() == -1) {
                throw refused("mmap", code.length, state);
            }
            MemorySegment writable = pages.reinterpret(code.length);
            MemorySegment.copy(MemorySegment.ofArray(code), 0, writable, 0, code.length);
            int result = (int) system.protect.invokeExact(state, pages, (long) code.length, READ_EXECUTE);
            if (result != 0) {
                throw refused("mprotect", code.length, state);
            }
            return pages;
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable t) {
            throw new IllegalStateException(t);
        }
    }

    private static IllegalStateException refused(String function, int bytes, MemorySegment state) {
        long at = Linker.Option.captureStateLayout().byteOffset(PathElement.groupElement("errno"));
        return new IllegalStateException("the system gives no executable memory: " + function + " of " + bytes
                + " bytes ends with errno " + state.get(JAVA_INT, at));
    }

    private static MethodHandle function(String name, FunctionDescriptor descriptor) {
        SymbolLookup library = Linker.nativeLinker().defaultLookup();
        MemorySegment address = library.find(name)
                .orElseThrow(() -> new IllegalStateException("the C library has no function " + name));
        return Linker.nativeLinker().downcallHandle(address, descriptor, ERRNO);
    }
}
