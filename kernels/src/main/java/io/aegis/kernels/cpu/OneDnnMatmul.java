package io.aegis.kernels.cpu;

import io.aegis.kernels.DType;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.View;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * oneDNN's matmul primitive for operands of one type, with sums and results in float32. A primitive is planned, and its code
 * generated, once for each shape and layout (about a millisecond), and then used by all threads; operands are described as
 * they lie, so that the mapped weights of a checkpoint are read in place. Bias, activation and residual are done on the sums
 * while they are in registers. A shape for which there is no implementation but the reference one is left to another {@link Gemm}.
 */
final class OneDnnMatmul implements Gemm {
    /** Plans that are kept; prompts of ever new lengths must not fill memory. */
    private static final int MOST = 512;

    private final OneDnnLibrary library;
    private final DType dtype;
    private final Gemm otherwise;
    private final ConcurrentHashMap<OneDnnShape, Optional<OneDnnPlan>> plans = new ConcurrentHashMap<>();

    /**
     * @param dtype of both operands: F32, BF16, F16 or I8
     * @param otherwise what computes shapes that oneDNN has no implementation for; null makes those an error
     */
    OneDnnMatmul(OneDnnLibrary library, DType dtype, Gemm otherwise) {
        this.library = library;
        this.dtype = dtype;
        this.otherwise = otherwise;
    }

    @Override
    public void multiply(Operand a, Operand b, float alpha, boolean add, Part c) {
        OneDnnShape shape = OneDnnShape.of(a, b, alpha, add, c.ldc());
        Optional<OneDnnPlan> plan = plan(shape);
        if (plan.isPresent()) {
            plan.get().execute(library, start(a), start(b), start(c), null, null);
        } else if (otherwise != null) {
            otherwise.multiply(a, b, alpha, add, c);
        } else {
            throw new IllegalStateException("oneDNN has nothing for " + dtype + " products of " + shape);
        }
    }

    @Override
    public void multiply(Operand a, Operand b, boolean add, Part c, Epilogue behind) {
        Optional<OneDnnPlan> plan = behind.isNothing() || !OneDnnShape.covers(behind)
                ? Optional.empty()
                : plan(OneDnnShape.of(a, b, 1, add, c.ldc()).with(behind));
        if (plan.isEmpty()) {
            Gemm.super.multiply(a, b, add, c, behind);
            return;
        }
        View bias = behind.bias();
        View other = behind.other();
        plan.get()
                .execute(
                        library,
                        start(a),
                        start(b),
                        start(c),
                        bias == null ? null : start(bias, bias.offset() + c.column()),
                        other == null ? null : start(other, other.offset() + c.row() * other.stride(0) + c.column()));
    }

    private static MemorySegment start(Operand x) {
        return x.memory().asSlice(x.offset() * x.dtype().bytes());
    }

    private static MemorySegment start(Part c) {
        return c.c().asSlice(c.start() << 2);
    }

    private static MemorySegment start(View floats, long element) {
        return floats.buffer().memory().asSlice(element << 2);
    }

    @Override
    public Operand operand(Operand x, int slot) {
        return dtype == DType.BF16 ? x.rounded(slot) : x;
    }

    @Override
    public String description() {
        return "oneDNN " + library.version() + ", " + library.isa();
    }

    /** Which implementation multiplies [m, k] by a weight that is stored [n, k]; empty where there is none. */
    Optional<String> implementation(long m, long n, long k) {
        return plan(OneDnnShape.ofWeight(m, n, k)).map(OneDnnPlan::implementation);
    }

    private Optional<OneDnnPlan> plan(OneDnnShape shape) {
        library.useOneThread();
        Optional<OneDnnPlan> found = plans.get(shape);
        if (found == null) {
            if (plans.size() >= MOST) {
                plans.clear();
            }
            found = plans.computeIfAbsent(shape, s -> OneDnnPlan.of(library, dtype, s));
        }
        return found;
    }
}
