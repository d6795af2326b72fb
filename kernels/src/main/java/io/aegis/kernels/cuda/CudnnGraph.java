package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;
import java.util.List;

/**
 * A graph of operations in cuDNN's terms, as data: {@link Cudnn} makes it runnable, and a test can compute it by itself. Codes are
 * those of {@code cudnn_graph.h}, 9.24.
 *
 * @param nodes each behind those whose results it reads
 */
record CudnnGraph(List<Node> nodes) {
    /** {@code cudnnDataType_t}. */
    enum Type {
        F32(0),
        F16(2),
        I32(4),
        BF16(9),
        BOOL(11);

        final int code;

        Type(int code) {
            this.code = code;
        }

        static Type of(DType dtype) {
            return switch (dtype) {
                case F32 -> F32;
                case F16 -> F16;
                case BF16 -> BF16;
                default -> throw new IllegalArgumentException("cuDNN is given " + dtype);
            };
        }
    }

    /** {@code cudnnPointwiseMode_t}. */
    enum Function {
        ADD(0),
        MULTIPLY(1),
        DIVIDE(6),
        SUBTRACT(9),
        EXP(13),
        LOG(15),
        IDENTITY(21),
        NOT_LESS(303),
        /** The place along an axis. */
        INDEX(501),
        /** x where {@code chosen} is true, else b. */
        SELECT(601);

        final int code;

        Function(int code) {
            this.code = code;
        }
    }

    /** {@code cudnnReduceTensorOp_t}: over all dimensions in which the result has one element. Fewer heads are sums over groups of neighbours. */
    enum Fold {
        SUM(0),
        MAX(3);

        final int code;

        Fold(int code) {
            this.code = code;
        }
    }

    /** Where a tensor is. */
    enum Place {
        /** At an address of the device, given at each run. */
        DEVICE,
        /** At an address of the host, given at each run; one number. */
        HOST,
        /** Nowhere: between two operations. */
        NOWHERE
    }

    /**
     * A tensor of four dimensions.
     *
     * @param id of its own in the graph; what addresses are given by
     * @param strides in elements, none 0
     */
    record Tensor(long id, Type type, Place place, long[] sizes, long[] strides) {}

    /** An operation. */
    sealed interface Node permits Product, Pointwise, Reduction, Reshape {}

    /** c = a b, of the last two dimensions; where b has fewer heads, neighbours of a share one. */
    record Product(Tensor a, Tensor b, Tensor c) implements Node {}

    /**
     * y = f(x, b), element by element, b repeated where it has one.
     *
     * @param b null where the function has one argument
     * @param chosen of {@link Function#SELECT}; else null
     * @param axis of {@link Function#INDEX}; else -1
     */
    record Pointwise(Function function, Tensor x, Tensor b, Tensor chosen, int axis, Tensor y) implements Node {}

    /** y = x, folded. */
    record Reduction(Fold fold, Tensor x, Tensor y) implements Node {}

    /** y is x with the last two dimensions exchanged. */
    record Reshape(Tensor x, Tensor y) implements Node {}

    /** Makes graphs runnable. */
    interface Compiler {
        /**
         * A plan for a graph.
         *
         * @throws CudaException when there is no way to compute it: why
         */
        Plan compile(CudnnGraph graph);
    }

    /** A graph that can be run. */
    interface Plan {
        /** What {@link #run} needs beside the tensors. */
        long workspaceBytes();

        /**
         * Queues one run.
         *
         * @param stream of the context that was current when the compiler was opened
         * @param ids of all tensors that are somewhere
         * @param addresses of each of them
         * @param workspace address of {@link #workspaceBytes}
         * @throws CudaException when the library refuses
         */
        void run(long stream, long[] ids, long[] addresses, long workspace);
    }
}
