package io.aegis.kernels.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.aegis.kernels.DType;
import java.io.File;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * NVIDIA's matrix products, where the toolkit's cuBLASLt is installed; nothing needs it. It is bound directly, as the driver
 * is. Constants are those of {@code cublasLt.h} and {@code library_types.h}.
 *
 * <p>The library thinks in columns: a row-major C = A B is its C^T = B^T A^T.
 */
final class CublasLt {
    /** A folder that holds the library, or {@code none}. */
    static final String PROPERTY = "aegis.cublas";

    private static final String OFF = "switched off by " + PROPERTY + "=none";
    private static final List<String> NAMES = List.of("libcublasLt.so.13", "libcublasLt.so.12");
    private static final int COMPUTE_32F = 68;
    private static final int R_32F = 0;
    private static final int R_16F = 2;
    private static final int R_16BF = 14;
    private static final int TRANSPOSE_A = 3;
    private static final int TRANSPOSE_B = 4;
    private static final int WORKSPACE = 1;
    /** {@code cublasLtMatmulHeuristicResult_t}: the algorithm, 64 bytes, then its workspace and status. */
    private static final int HEURISTIC_BYTES = 96;

    private static final int ALGORITHM_BYTES = 64;
    private static final long WORKSPACE_BYTES = 32L << 20;

    private final MethodHandle matmul;
    private final MethodHandle descCreate;
    private final MethodHandle descSet;
    private final MethodHandle layoutCreate;
    private final MethodHandle preferenceCreate;
    private final MethodHandle preferenceSet;
    private final MethodHandle heuristic;
    private final String name;
    private final Arena arena = Arena.ofShared();
    private final long handle;
    private final Map<Key, Plan> plans = new HashMap<>();

    /** What decides how a product is computed. */
    private record Key(int type, int out, boolean aT, boolean bT, long lda, long ldb, long ldc, int m, int n, int k) {}

    private record Plan(long desc, long a, long b, long c, MemorySegment algorithm) {}

    private CublasLt(Library library) {
        name = library.name();
        matmul = library.function(
                "cublasLtMatmul",
                JAVA_LONG, // handle
                JAVA_LONG, // descriptor
                ADDRESS, // alpha
                JAVA_LONG, // A, its layout
                JAVA_LONG,
                JAVA_LONG, // B, its layout
                JAVA_LONG,
                ADDRESS, // beta
                JAVA_LONG, // C, its layout
                JAVA_LONG,
                JAVA_LONG, // D, its layout
                JAVA_LONG,
                ADDRESS, // algorithm
                JAVA_LONG, // workspace, its size
                JAVA_LONG,
                JAVA_LONG); // stream
        descCreate = library.function("cublasLtMatmulDescCreate", ADDRESS, JAVA_INT, JAVA_INT);
        descSet = library.function("cublasLtMatmulDescSetAttribute", JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG);
        layoutCreate =
                library.function("cublasLtMatrixLayoutCreate", ADDRESS, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG);
        preferenceCreate = library.function("cublasLtMatmulPreferenceCreate", ADDRESS);
        preferenceSet =
                library.function("cublasLtMatmulPreferenceSetAttribute", JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG);
        heuristic = library.function(
                "cublasLtMatmulAlgoGetHeuristic",
                JAVA_LONG, // handle
                JAVA_LONG, // descriptor
                JAVA_LONG, // layouts of A, B, C, D
                JAVA_LONG,
                JAVA_LONG,
                JAVA_LONG,
                JAVA_LONG, // preference
                JAVA_INT, // how many are wanted
                ADDRESS, // results
                ADDRESS); // how many there are
        MethodHandle create = library.function("cublasLtCreate", ADDRESS);
        handle = out("cublasLtCreate", p -> (int) create.invokeExact(p));
    }

    /** What was found, or why nothing was. */
    record Found(CublasLt library, String reason) {}

    /** Looks for the library; never throws. Called with the device's context current. */
    static Found find() {
        return first(System.getProperty(PROPERTY), file -> true, file -> new CublasLt(Library.open(file)), Found::new);
    }

    /**
     * Where the library is, without a device.
     *
     * @param file null when there is none that can be used
     * @param reason why not; null when there is one
     */
    record Look(String file, String reason) {
        /** Whether somebody wants none. */
        boolean isOff() {
            return reason != null && reason.startsWith(OFF);
        }
    }

    /** Looks for the library; makes no handle. Never throws. */
    static Look look() {
        return look(System.getProperty(PROPERTY));
    }

    /** @param wanted a folder, {@code none}, or null for where toolkits are and the system's loader looks */
    static Look look(String wanted) {
        return first(
                wanted,
                file -> file.contains(File.separator), // a bare name that the loader does not know is not installed
                file -> {
                    Library.open(file).function("cublasLtCreate", ADDRESS);
                    return file;
                },
                Look::new);
    }

    private static <T, R> R first(
            String wanted, Predicate<String> tells, Function<String, T> open, BiFunction<T, String, R> result) {
        return "none".equals(wanted) ? result.apply(null, OFF) : Library.first(candidates(wanted), tells, open, result);
    }

    private static List<String> candidates(String folder) {
        List<Path> folders = folder != null
                ? List.of(Path.of(folder))
                : Compilers.toolkits().stream()
                        .map(root -> root.resolve("lib64"))
                        .toList();
        List<String> all = new ArrayList<>();
        folders.forEach(f -> NAMES.stream()
                .map(f::resolve)
                .filter(Files::exists)
                .map(Path::toString)
                .forEach(all::add));
        if (folder == null) {
            all.addAll(NAMES);
        }
        return all;
    }

    /** The library's file. */
    String name() {
        return name;
    }

    /**
     * Queues C = A B, or C = from + A B, of 16-bit operands with float32 sums.
     *
     * @param stream where it is queued, of the context that was current when the library was found
     * @param from address of what is added to, which lies as C does and may be C
     * @param c address of C, rows {@code ldc} elements apart
     * @param out F32, or the operands' type
     * @return false when the library has no way to compute this
     */
    synchronized boolean multiply(
            Cuda cuda, long stream, Operand a, Operand b, long from, long c, DType out, long ldc, boolean accumulate) {
        int m = (int) a.across();
        int k = (int) a.along();
        int n = (int) b.across();
        Key key = new Key(
                type(a.dtype()), type(out), !a.isAlongK(), b.isAlongK(), a.leading(), b.leading(), ldc, m, n, k);
        Plan plan = plans.computeIfAbsent(key, this::plan);
        if (plan.algorithm == null) {
            return false;
        }
        try (Cuda.Scratch scratch = cuda.scratch();
                Arena call = Arena.ofConfined()) {
            long workspace = scratch.take(WORKSPACE_BYTES);
            MemorySegment one = call.allocateFrom(ValueLayout.JAVA_FLOAT, 1f);
            MemorySegment beta = call.allocateFrom(ValueLayout.JAVA_FLOAT, accumulate ? 1f : 0f);
            check("cublasLtMatmul", Library.status(() -> (int) matmul.invokeExact(
                    handle,
                    plan.desc,
                    one,
                    b.address(),
                    plan.b,
                    a.address(),
                    plan.a,
                    beta,
                    from,
                    plan.c,
                    c,
                    plan.c,
                    plan.algorithm,
                    workspace,
                    WORKSPACE_BYTES,
                    stream)));
        }
        return true;
    }

    private Plan plan(Key key) {
        long desc = out("cublasLtMatmulDescCreate", p -> (int) descCreate.invokeExact(p, COMPUTE_32F, R_32F));
        set(desc, TRANSPOSE_A, key.bT);
        set(desc, TRANSPOSE_B, key.aT);
        // As columns: B is N x K, or K x N to be transposed; A is K x M, or M x K to be transposed.
        long b = key.bT ? layout(key.type, key.k, key.n, key.ldb) : layout(key.type, key.n, key.k, key.ldb);
        long a = key.aT ? layout(key.type, key.m, key.k, key.lda) : layout(key.type, key.k, key.m, key.lda);
        long c = layout(key.out, key.n, key.m, key.ldc);
        long preference = out("cublasLtMatmulPreferenceCreate", p -> (int) preferenceCreate.invokeExact(p));
        try (Arena call = Arena.ofConfined()) {
            MemorySegment most = call.allocateFrom(JAVA_LONG, WORKSPACE_BYTES);
            check("cublasLtMatmulPreferenceSetAttribute", Library.status(() ->
                    (int) preferenceSet.invokeExact(preference, WORKSPACE, most, 8L)));
            MemorySegment results = arena.allocate(HEURISTIC_BYTES, 8);
            MemorySegment count = call.allocate(JAVA_INT);
            int status = Library.status(
                    () -> (int) heuristic.invokeExact(handle, desc, b, a, c, c, preference, 1, results, count));
            boolean found = status == 0 && count.get(JAVA_INT, 0) > 0;
            return new Plan(desc, a, b, c, found ? results.asSlice(0, ALGORITHM_BYTES) : null);
        }
    }

    private void set(long desc, int attribute, boolean transposed) {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment value = call.allocateFrom(JAVA_INT, transposed ? 1 : 0);
            check("cublasLtMatmulDescSetAttribute", Library.status(() ->
                    (int) descSet.invokeExact(desc, attribute, value, 4L)));
        }
    }

    private long layout(int type, long rows, long columns, long leading) {
        return out("cublasLtMatrixLayoutCreate", p -> (int) layoutCreate.invokeExact(p, type, rows, columns, leading));
    }

    private static int type(DType dtype) {
        return switch (dtype) {
            case F32 -> R_32F;
            case F16 -> R_16F;
            case BF16 -> R_16BF;
            default -> throw new IllegalArgumentException("cuBLASLt is given " + dtype);
        };
    }

    @FunctionalInterface
    private interface Creation {
        int into(MemorySegment pointer) throws Throwable;
    }

    private static long out(String what, Creation creation) {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment pointer = call.allocate(JAVA_LONG);
            check(what, Library.status(() -> creation.into(pointer)));
            return pointer.get(JAVA_LONG, 0);
        }
    }

    private static void check(String what, int status) {
        if (status != 0) {
            throw new CudaException(what + ": status " + status + " of cuBLASLt");
        }
    }
}
