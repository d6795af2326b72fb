package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.kernels.VisionMasking;
import java.util.List;

/**
 * vision_masking.cu: one launch, of any strides of tokens and prompt, into dense results; all else is the host's. Cosines and
 * choices have the same bits as on the host.
 */
final class CudaVisionMasking implements VisionMasking {
    private static final Variant FILE = Variant.of("vision_masking.cu");
    private static final int THREADS = 384;
    private static final int WARPS = THREADS / 32;
    /** Neighbours of a lane. */
    private static final int RUN = 8;
    /** Numbers of a prompt's row that are in shared memory at once, as doubles, in whole runs of a warp's lanes. */
    private static final long CHUNK = 4096;

    private static final int SPAN = 32 * RUN;
    /** Bytes that a token's key and flag take in shared memory, and what there is for them without asking for more. */
    private static final int TOKEN_BYTES = 9;

    private static final int SHARED_BYTES = 43 << 10;

    private final Cuda cuda;
    private final VisionMasking host;
    private final Tickets tickets;
    private final Entry select;

    CudaVisionMasking(Cuda cuda, VisionMasking host) {
        this.cuda = cuda;
        this.host = host;
        tickets = new Tickets(cuda.memory());
        select = new Entry(cuda, FILE, "vision_masking");
    }

    static List<Variant> variants() {
        return List.of(FILE);
    }

    /** A chunk of the prompt or a sample's keys: by the sizes of both. */
    static void shared(DynamicShared out) {
        out.of(FILE, "vision_masking", DynamicShared.BY_LAUNCH);
    }

    static List<String> entries() {
        return List.of("vision_masking");
    }

    @Override
    public void select(
            View tokens,
            View prompt,
            View samples,
            Rule rule,
            View cosine,
            View importance,
            View top,
            View kept,
            View counts) {
        long batch = tokens.size(0);
        long n = tokens.size(1);
        int dtype = dtype(tokens.dtype());
        boolean served = dtype >= 0
                && prompt.dtype() == tokens.dtype()
                && samples.dtype() == DType.I64
                && batch <= Tickets.COUNT
                && n * TOKEN_BYTES <= SHARED_BYTES
                && tokens.elements() > 0
                && isDense(cosine, DType.F64)
                && isDense(importance, DType.F64)
                && isDense(top, DType.BOOL)
                && isDense(kept, DType.I64)
                && isDense(counts, DType.I64);
        if (!served) {
            host.select(tokens, prompt, samples, rule, cosine, importance, top, kept, counts);
            return;
        }
        long v = cuda.read(tokens);
        long p = cuda.read(prompt);
        long s = cuda.read(samples);
        Arguments a = Arguments.begin();
        vectors(a, tokens, v);
        vectors(a, prompt, p);
        a.pointer(s).i64(samples.stride(0));
        a.pointer(cuda.write(cosine)).pointer(cuda.writeOrNull(importance)).pointer(cuda.writeOrNull(top));
        a.pointer(cuda.write(kept)).pointer(cuda.write(counts)).pointer(tickets.address());
        a.i64(rule.seed()).i64(Double.doubleToRawLongBits(rule.temperature()));
        a.i32((int) n).i32((int) tokens.size(2)).i32((int) prompt.size(1));
        a.i32(rule.groups()).i32(rule.keep()).i32((int) Math.ceil(rule.probability() * 0x1p24));
        a.i32((int) rule.step()).i32((int) rule.site());
        a.i32(dtype).i32(isWide(tokens, v) && isWide(prompt, p) ? 1 : 0);
        long row = Math.min(CHUNK, Math.ceilDiv(tokens.size(2), (long) SPAN) * SPAN);
        int shared = (int) Math.max(n * TOKEN_BYTES, row * Double.BYTES);
        select.launch(new Engine.Grid(Math.ceilDiv(n, (long) WARPS), batch, 1, THREADS, shared), a);
    }

    /** The struct Vectors. */
    private static void vectors(Arguments a, View v, long address) {
        a.pointer(address).i64(v.stride(0)).i64(v.stride(1)).i64(v.stride(2));
    }

    /** What the kernel calls a dtype, or -1. */
    private static int dtype(DType dtype) {
        return switch (dtype) {
            case F32 -> 0;
            case BF16 -> 1;
            case F16 -> 2;
            default -> -1;
        };
    }

    private static boolean isDense(View v, DType dtype) {
        return v == null || v.dtype() == dtype && v.isContiguous();
    }

    /** Whether rows are whole runs, each of whose halves is one aligned word. */
    private static boolean isWide(View v, long address) {
        int half = RUN / 2;
        return v.stride(2) == 1
                && v.size(2) % RUN == 0
                && address % (half * v.dtype().bytes()) == 0
                && v.stride(0) % half == 0
                && v.stride(1) % half == 0;
    }
}
