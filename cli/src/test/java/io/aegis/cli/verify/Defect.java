package io.aegis.cli.verify;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Matmul;
import io.aegis.kernels.Optimizer;
import io.aegis.kernels.View;
import java.lang.foreign.Arena;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.List;

/**
 * What may go wrong where products are computed in bfloat16: kernels of the processor that multiply rounded operands as
 * {@code CpuMatmul} in bfloat16 does, eight rows and fewer exactly, with a defect planted.
 */
enum Defect {
    NONE,
    /** Each product is added to a sum that is kept in bfloat16. */
    NARROW_SUMS,
    /** Operands lose their lower half rather than being rounded to the nearest. */
    TRUNCATED_OPERANDS,
    /** Operands are rounded again, to one bit less. */
    OPERANDS_OF_SEVEN_BITS,
    /** Parameters are kept in bfloat16, where a small step is lost. */
    NARROW_MASTERS;

    private static final int FEW_ROWS = 8;

    Kernels kernels() {
        Kernels best = Backends.best();
        return (Kernels) Proxy.newProxyInstance(
                Kernels.class.getClassLoader(), new Class<?>[] {Kernels.class}, (proxy, method, arguments) -> {
                    Object result;
                    try {
                        result = method.invoke(best, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                    return switch (result) {
                        case Matmul matmul -> new Products((Matmul) result);
                        case Optimizer optimizer when this == NARROW_MASTERS -> new NarrowMasters(optimizer);
                        case null, default -> result;
                    };
                });
    }

    private static float nearest(float x) {
        return Float.intBitsToFloat(View.bfloat16(x) << 16);
    }

    private float operand(float x) {
        return switch (this) {
            case NONE, NARROW_SUMS, NARROW_MASTERS -> nearest(x);
            case TRUNCATED_OPERANDS -> Float.intBitsToFloat(Float.floatToRawIntBits(x) & 0xffff0000);
            case OPERANDS_OF_SEVEN_BITS -> {
                // Adding and taking away so much leaves seven bits, rounded to nearest.
                float much = nearest(x) * ((1 << 17) + 1);
                yield much - (much - nearest(x));
            }
        };
    }

    private View operands(View x, Arena arena) {
        if (x.dtype() != DType.F32) {
            return x;
        }
        View out = View.allocate(arena, DType.F32, x.shape());
        Backends.best().elementwise().copy(x, out);
        for (long i = 0; i < out.elements(); i++) {
            out.setAt(i, operand((float) out.getAt(i)));
        }
        return out;
    }

    private final class Products implements Matmul {
        private final Matmul exact;

        Products(Matmul exact) {
            this.exact = exact;
        }

        @Override
        public void multiplyRows(View a, View b, View c, Epilogue epilogue) {
            exact.multiplyRows(a, b, c, epilogue);
        }

        @Override
        public void multiply(View a, View b, View c, Epilogue epilogue) {
            if (c.size(-2) <= FEW_ROWS) {
                exact.multiply(a, b, c, epilogue);
                return;
            }
            try (Arena arena = Arena.ofShared()) {
                View left = operands(a, arena);
                View right = operands(b, arena);
                if (Defect.this == NARROW_SUMS) {
                    narrowSums(left, right, c, epilogue, arena);
                } else {
                    exact.multiply(left, right, c, epilogue);
                }
            }
        }

        private void narrowSums(View a, View b, View c, Epilogue epilogue, Arena arena) {
            if (a.rank() > 2) {
                for (long i = 0; i < a.size(0); i++) {
                    narrowSums(a.select(0, i), b.select(0, i), c.select(0, i), epilogue.select(i), arena);
                }
                return;
            }
            int m = (int) c.size(0);
            int n = (int) c.size(1);
            int k = (int) a.size(1);
            double[] left = a.toDoubles();
            double[] right = b.toDoubles();
            View sums = View.allocate(arena, DType.F32, m, n);
            for (int i = 0; i < m; i++) {
                for (int j = 0; j < n; j++) {
                    float sum = 0;
                    for (int p = 0; p < k; p++) {
                        sum = nearest(sum + (float) left[i * k + p] * (float) right[p * n + j]);
                    }
                    sums.set(sum, i, j);
                }
            }
            if (epilogue.equals(Epilogue.NONE)) {
                Backends.best().elementwise().copy(sums, c);
            } else {
                // A product with the identity is exact, and leaves the rest to the epilogue.
                View identity = View.allocate(arena, DType.F32, n, n);
                for (int i = 0; i < n; i++) {
                    identity.set(1, i, i);
                }
                exact.multiply(sums, identity, c, epilogue);
            }
        }
    }

    private record NarrowMasters(Optimizer inner) implements Optimizer {
        @Override
        public void adam(View parameter, View gradient, View first, View second, Adam constants, View step) {
            inner.adam(parameter, gradient, first, second, constants, step);
            View narrow = View.allocate(Arena.ofAuto(), DType.BF16, parameter.shape());
            Backends.best().elementwise().copy(parameter, narrow);
            Backends.best().elementwise().copy(narrow, parameter);
        }

        @Override
        public void guard(View values, View steps, View guarded) {
            inner.guard(values, steps, guarded);
        }

        @Override
        public double squares(View x) {
            return inner.squares(x);
        }

        @Override
        public void regrad(List<Correction> all, View information) {
            inner.regrad(all, information);
        }
    }
}
