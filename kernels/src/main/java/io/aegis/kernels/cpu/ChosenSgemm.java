package io.aegis.kernels.cpu;

import java.lang.foreign.MemorySegment;

/**
 * OpenBLAS or oneDNN, by a product's shape and layout alone, so that the same product always has the same bits. Where both
 * compute with 256 bits, oneDNN is the faster one (Zen 3, bench/NOTES.md): by half in blocks of attention and other small
 * products, by 5 to 20 % in parts of large ones, as long as the rows that it reads across are not multiples of 2 KB apart,
 * where they meet in the same lines of the cache and it loses up to half. With 512 bits nothing was compared, and OpenBLAS
 * computes. {@code -Daegis.sgemm=openblas} or {@code onednn} decides otherwise.
 */
final class ChosenSgemm implements Sgemm {
    /** 2 KB of floats. */
    private static final long ALIAS = 512;
    /** Rows up to which OpenBLAS's packing of a weight costs more than oneDNN's reading across. */
    private static final long FEW = 256;

    private final Sgemm blas;
    private volatile Sgemm oneDnn;

    ChosenSgemm(Sgemm blas) {
        this.blas = blas;
        // Opening the library takes a tenth of a second, beside which a program reads its weights.
        Thread.ofPlatform().daemon().name("aegis-onednn").start(this::oneDnn);
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
        Sgemm chosen = suits(transposeA, lda, transposeB, ldb, m) ? oneDnn() : blas;
        chosen.multiply(
                transposeA, transposeB, m, n, k, alpha, a, offsetA, lda, b, offsetB, ldb, beta, c, offsetC, ldc);
    }

    private static boolean suits(boolean transposeA, long lda, boolean transposeB, long ldb, long m) {
        boolean a = !transposeA || lda % ALIAS != 0;
        boolean b = ldb % ALIAS != 0 || transposeB && m <= FEW;
        return a && b;
    }

    /** What computes all but the exceptions; OpenBLAS where oneDNN is not there or not better. */
    private Sgemm oneDnn() {
        if (oneDnn == null) {
            oneDnn = choose();
        }
        return oneDnn;
    }

    private Sgemm choose() {
        String wanted = System.getProperty("aegis.sgemm");
        if ("openblas".equals(wanted) || OneDnn.float32().use() == null) {
            return blas;
        }
        // OpenBLAS has kernels for more vectors than oneDNN may use, where ONEDNN_MAX_CPU_ISA holds it back.
        boolean comparable = OneDnnLibrary.find().isa().isAvx2()
                && blas.description().matches(".*(Zen|Haswell|Excavator|Steamroller).*");
        return comparable || "onednn".equals(wanted) ? OneDnn.float32().use() : blas;
    }

    @Override
    public String description() {
        return oneDnn() == blas ? blas.description() : oneDnn().description() + " or " + blas.description();
    }
}
