package io.aegis.training.memory;

import io.aegis.kernels.Attention;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.View;

/** What kernels of a device hold besides their operands while they run. */
public interface Workspace {
    /** The processor's kernels: threads have scratch memory of their own, a few megabytes whatever the model. */
    Workspace PROCESSOR = new Processor();

    /**
     * Bytes of one call.
     *
     * @param method of a family of kernels
     * @param arguments of that method
     */
    long of(String method, Object[] arguments);

    /** An allowance for what is there besides tensors, whatever the model. */
    MemoryPlan.Part beside();

    /** What products compute in, see {@link Kernels#operands}. */
    default DType precision() {
        return DType.F32;
    }

    /** Whether what is launched again and again is recorded there, see {@link Kernels#canRecord}. */
    default boolean records() {
        return false;
    }

    /** As {@link #PROCESSOR}. */
    record Processor() implements Workspace {
        /** Most bytes of blocks that the pool keeps for reuse while a run goes on, besides what was planned. */
        public static final long REUSE = 512L << 20;

        private static final long MACHINE = 400_000_000;

        @Override
        public long of(String method, Object[] arguments) {
            return 0;
        }

        @Override
        public MemoryPlan.Part beside() {
            return new MemoryPlan.Part(
                    "beside tensors", "allowance: virtual machine, scratch, blocks kept for reuse", MACHINE + REUSE);
        }
    }

    /** That of some kernels. */
    static Workspace of(Kernels kernels) {
        return kernels.memory() == null ? PROCESSOR : gpu(kernels.operands());
    }

    /**
     * A GPU's: operands of products and of attention that are not of the type they are multiplied in are copied into it;
     * weights of 8 and 4 bits that meet many rows are widened to float32 first; the toolkit's library has a workspace of its
     * own.
     *
     * @param precision that products compute in: F32, BF16 or F16
     */
    static Workspace gpu(DType precision) {
        return new Gpu(precision);
    }

    /**
     * As {@link #gpu}.
     *
     * @param precision that products compute in
     */
    record Gpu(DType precision) implements Workspace {
        /** Rows from which on weights of few bits are widened. */
        private static final long MANY = 65;
        /** Bytes of codes whose numbers are looked up at a time, as I64. */
        private static final long NUMBERS = (1L << 23) * Long.BYTES;
        /** Weights that are widened at a time. */
        private static final long AT_ONCE = 1L << 26;

        private static final long LIBRARY = 32L << 20;
        private static final long CONTEXT = 500_000_000;

        @Override
        public long of(String method, Object[] arguments) {
            return switch (arguments[0]) {
                case View a
                when arguments[1] instanceof QuantizedWeight w && method.startsWith("multiply") ->
                    method.equals("multiplyTransposed") || a.size(0) >= MANY ? widened(a, w) : 0;
                case View a when method.equals("multiply") && arguments[1] instanceof View b -> product(a, b);
                case View q
                when arguments.length > 4 && arguments[4] instanceof Attention.Mask -> 4 * copied(q, precision);
                case View q
                when arguments.length > 4 && arguments[3] instanceof Attention.Sequences -> 4 * copied(q, precision);
                default -> 0;
            };
        }

        @Override
        public MemoryPlan.Part beside() {
            return new MemoryPlan.Part("beside tensors", "allowance: the device's context and code", CONTEXT);
        }

        @Override
        public boolean records() {
            return true;
        }

        private long product(View a, View b) {
            boolean same = a.dtype() == b.dtype() && a.dtype() != DType.F32;
            DType in = same && precision != DType.F32 ? a.dtype() : precision;
            return copied(a, in) + copied(b, in) + (in == DType.F32 ? 0 : LIBRARY);
        }

        private static long copied(View x, DType in) {
            return x.dtype() == in ? 0 : x.elements() * in.bytes();
        }

        private long widened(View a, QuantizedWeight w) {
            long weights = Math.min(w.rows() * w.columns(), AT_ONCE);
            long numbers = w.format() == QuantizedWeight.Format.INT4 ? NUMBERS : 0;
            long product = copied(a, precision) + (precision == DType.F32 ? 0 : weights * precision.bytes() + LIBRARY);
            return weights * DType.F32.bytes() + Math.max(numbers, product);
        }
    }
}
