package io.aegis.kernels.cpu;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;

/**
 * OpenBLAS's {@code cblas_sgemm}, of {@link OpenBlasLibrary}. Calls go through the foreign function interface, straight
 * from memory segments. The library is told to use one thread: {@link Workers} cuts the work.
 */
final class OpenBlas implements Gemm {
    private static final int ROW_MAJOR = 101;
    private static final int NO_TRANSPOSE = 111;
    private static final int TRANSPOSE = 112;

    private final MethodHandle sgemm;
    private final String description;

    /**
     * @throws LinkageError when there is no library for this platform, or it cannot be loaded
     */
    OpenBlas() {
        SymbolLookup library = OpenBlasLibrary.load();
        Linker linker = Linker.nativeLinker();
        sgemm = linker.downcallHandle(
                library.findOrThrow("cblas_sgemm"),
                FunctionDescriptor.ofVoid(
                        JAVA_INT,
                        JAVA_INT,
                        JAVA_INT,
                        JAVA_INT,
                        JAVA_INT,
                        JAVA_INT,
                        JAVA_FLOAT,
                        ADDRESS,
                        JAVA_INT,
                        ADDRESS,
                        JAVA_INT,
                        JAVA_FLOAT,
                        ADDRESS,
                        JAVA_INT));
        MethodHandle setThreads = linker.downcallHandle(
                library.findOrThrow("openblas_set_num_threads"), FunctionDescriptor.ofVoid(JAVA_INT));
        MethodHandle core =
                linker.downcallHandle(library.findOrThrow("openblas_get_corename"), FunctionDescriptor.of(ADDRESS));
        try {
            setThreads.invokeExact(1);
            String name = ((MemorySegment) core.invokeExact()).reinterpret(64).getString(0);
            description = "OpenBLAS, " + name + " kernels";
        } catch (Throwable t) {
            throw new LinkageError("OpenBLAS does not answer: " + t.getMessage(), t);
        }
    }

    @Override
    public void multiply(Operand a, Operand b, float alpha, boolean add, Part c) {
        try {
            sgemm.invokeExact(
                    ROW_MAJOR,
                    a.byColumns() ? TRANSPOSE : NO_TRANSPOSE,
                    b.byColumns() ? TRANSPOSE : NO_TRANSPOSE,
                    Math.toIntExact(a.rows()),
                    Math.toIntExact(b.columns()),
                    Math.toIntExact(a.columns()),
                    alpha,
                    a.memory().asSlice(a.offset() << 2),
                    Math.toIntExact(a.leading()),
                    b.memory().asSlice(b.offset() << 2),
                    Math.toIntExact(b.leading()),
                    add ? 1f : 0f,
                    c.c().asSlice(c.start() << 2),
                    Math.toIntExact(c.ldc()));
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable t) {
            throw new IllegalStateException(t);
        }
    }

    @Override
    public String description() {
        return description;
    }
}
