package io.aegis.tensor;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.View;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Compares the tape's gradients with central finite differences in double precision, element by element. The result of
 * the function is first reduced to a scalar by fixed weights that are all different, so that no error cancels.
 *
 * <p>With h = 1e-5 the difference quotient is off by about h^2 f'''/6 (1e-10) and by rounding, 1e-16 |f| / h (1e-11 |f|);
 * an error above {@code tolerance} times max(1, largest gradient of that input) fails.
 */
public final class GradientCheck {
    /** Default tolerance: three orders above the method's own error, ten below a wrong formula. */
    public static final double TOLERANCE = 1e-7;

    private static final double H = 1e-5;

    private GradientCheck() {}

    /** Any differentiable function of some tensors. */
    @FunctionalInterface
    public interface Function {
        Tensor apply(List<Tensor> inputs);
    }

    /** Checks on the scalar kernels, for which finite differences make sense, with the default tolerance. */
    public static void check(String name, Function function, Tensor... inputs) {
        check(name, Backends.scalar(), TOLERANCE, function, inputs);
    }

    /**
     * @param inputs F64; each is differentiated
     * @throws AssertionError naming the operation, the input, the index, what the tape gave and what was expected
     */
    public static void check(String name, Kernels kernels, double tolerance, Function function, Tensor... inputs) {
        try (Scope scope = Scope.open(kernels)) {
            List<Tensor> leaves = new ArrayList<>();
            for (Tensor t : inputs) {
                if (t.dtype() != DType.F64) {
                    throw new IllegalArgumentException("finite differences need F64, not " + t);
                }
                leaves.add(Tensor.wrap(Tensor.copyOf(t.view(), DType.F64).view(), true));
            }
            double[][] got = tapeGradients(function, leaves);
            for (int i = 0; i < leaves.size(); i++) {
                double largest = Arrays.stream(got[i]).map(Math::abs).max().orElse(0);
                View v = leaves.get(i).view();
                for (int e = 0; e < got[i].length; e++) {
                    double expected = difference(function, leaves, v, e);
                    if (!(Math.abs(got[i][e] - expected) <= tolerance * Math.max(1, largest))) {
                        throw new AssertionError(name + ": gradient of input " + i + " " + Arrays.toString(v.shape())
                                + " at " + Arrays.toString(index(v.shape(), e)) + ": got " + got[i][e] + ", expected "
                                + expected);
                    }
                }
            }
        }
    }

    private static double[][] tapeGradients(Function function, List<Tensor> leaves) {
        try (Tape tape = Tape.record();
                Scope scope = Scope.open();
                Gradients gradients = tape.gradients(weighted(function.apply(leaves)), leaves)) {
            double[][] got = new double[leaves.size()][];
            for (int i = 0; i < got.length; i++) {
                Tensor g = gradients.of(leaves.get(i));
                got[i] = g == null ? new double[(int) leaves.get(i).elements()] : g.toDoubles();
            }
            return got;
        }
    }

    private static double difference(Function function, List<Tensor> leaves, View v, long element) {
        long at = v.position(element);
        double x = v.getAt(at);
        v.setAt(at, x + H);
        double up = value(function, leaves);
        v.setAt(at, x - H);
        double down = value(function, leaves);
        v.setAt(at, x);
        return (up - down) / (2 * H);
    }

    private static double value(Function function, List<Tensor> leaves) {
        try (Scope scope = Scope.open()) {
            return weighted(function.apply(leaves)).item();
        }
    }

    private static Tensor weighted(Tensor y) {
        double[] w = new double[(int) y.elements()];
        Arrays.setAll(w, i -> Math.sin(1 + 1.7 * i) + 0.3);
        return Ops.total(Ops.multiply(y, Tensor.of(DType.F64, w, y.shape())));
    }

    private static long[] index(long[] shape, long linear) {
        long[] at = new long[shape.length];
        for (int d = shape.length - 1; d >= 0; d--) {
            at[d] = linear % shape[d];
            linear /= shape[d];
        }
        return at;
    }
}
