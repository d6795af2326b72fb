package io.aegis.kernels.cpu;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** oneDNN's {@code dnnl_sgemm}: no plan to make before a product, which small ones feel. */
final class OneDnnSgemm implements Sgemm {
    private final OneDnnLibrary library;
    private final MethodHandle sgemm;

    OneDnnSgemm(OneDnnLibrary library) {
        this.library = library;
        sgemm = library.handle(
                "dnnl_sgemm",
                FunctionDescriptor.of(
                        JAVA_INT,
                        JAVA_BYTE,
                        JAVA_BYTE,
                        JAVA_LONG,
                        JAVA_LONG,
                        JAVA_LONG,
                        JAVA_FLOAT,
                        ADDRESS,
                        JAVA_LONG,
                        ADDRESS,
                        JAVA_LONG,
                        JAVA_FLOAT,
                        ADDRESS,
                        JAVA_LONG));
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
        library.useOneThread();
        int status;
        try {
            status = (int) sgemm.invokeExact(
                    letter(transposeA),
                    letter(transposeB),
                    m,
                    n,
                    k,
                    alpha,
                    a.asSlice(offsetA << 2),
                    lda,
                    b.asSlice(offsetB << 2),
                    ldb,
                    beta,
                    c.asSlice(offsetC << 2),
                    ldc);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable t) {
            throw new IllegalStateException(t);
        }
        if (status != 0) {
            OneDnnLibrary.check("a float32 product of " + m + " x " + k + " x " + n, status);
        }
    }

    private static byte letter(boolean transpose) {
        return (byte) (transpose ? 'T' : 'N');
    }

    @Override
    public String description() {
        return "oneDNN " + library.version() + ", " + library.isa();
    }
}
