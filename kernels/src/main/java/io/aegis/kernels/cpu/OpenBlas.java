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
final class OpenBlas implements Sgemm {
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
    public void multiply(
            boolean transposeA,
            boolean transposeB,
            long m,
            long n,
            long k,
            float alpha,
            MemorySegment a,
            long offsetA,
            long lda,
            MemorySegment b,
            long offsetB,
            long ldb,
            float beta,
            MemorySegment c,
            long offsetC,
            long ldc) {
        try {
            sgemm.invokeExact(
                    ROW_MAJOR,
                    transposeA ? TRANSPOSE : NO_TRANSPOSE,
                    transposeB ? TRANSPOSE : NO_TRANSPOSE,
                    Math.toIntExact(m),
                    Math.toIntExact(n),
                    Math.toIntExact(k),
                    alpha,
                    a.asSlice(offsetA << 2),
                    Math.toIntExact(lda),
                    b.asSlice(offsetB << 2),
                    Math.toIntExact(ldb),
                    beta,
                    c.asSlice(offsetC << 2),
                    Math.toIntExact(ldc));
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
