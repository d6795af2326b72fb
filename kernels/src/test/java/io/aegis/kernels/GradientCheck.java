package io.aegis.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import org.assertj.core.api.Assertions;

/**
 * Compares what a backward pass wrote with central differences of the forward pass, in F64: with L = sum of dout * out,
 * dL/dx[i] is (L(x[i] + h) - L(x[i] - h)) / 2h up to h^2/6 of the third derivative and up to the rounding of L, 1e-16 |L|
 * / h. At h = 1e-5 both lie near 1e-11 for values around 1; {@link #TOLERANCE} leaves room for sums of some hundred terms
 * and for curved functions.
 */
public final class GradientCheck {
    private static final double STEP = 1e-5;
    private static final double TOLERANCE = 1e-8;

    private final String family;
    private final View out;
    private final View dout;
    private final Runnable forward;

    /**
     * @param family the operation's name, for the message
     * @param forward overwrites {@code out} from the inputs
     */
    public GradientCheck(String family, View out, View dout, Runnable forward) {
        this.family = family;
        this.out = out;
        this.dout = dout;
        this.forward = forward;
    }

    /** Checks every element of one input's gradient; input and output are left as they were. */
    public GradientCheck input(String name, View input, View gradient) {
        assertThat(gradient.shape()).isEqualTo(input.shape());
        for (long i = 0; i < input.elements(); i++) {
            long at = input.position(i);
            double x = input.getAt(at);
            input.setAt(at, x + STEP);
            double above = loss();
            input.setAt(at, x - STEP);
            double below = loss();
            input.setAt(at, x);
            double expected = (above - below) / (2 * STEP);
            double got = gradient.getAt(gradient.position(i));
            if (!(Math.abs(got - expected) <= TOLERANCE * (1 + Math.abs(expected)))) {
                Assertions.fail(family + ": gradient of " + name + Arrays.toString(index(input, i)) + " is " + got
                        + ", finite differences give " + expected);
            }
        }
        forward.run();
        return this;
    }

    private double loss() {
        forward.run();
        double sum = 0;
        for (long i = 0; i < out.elements(); i++) {
            sum += out.getAt(out.position(i)) * dout.getAt(dout.position(i));
        }
        return sum;
    }

    private static long[] index(View v, long linear) {
        long[] at = new long[v.rank()];
        for (int d = v.rank() - 1; d >= 0; d--) {
            at[d] = linear % v.size(d);
            linear /= v.size(d);
        }
        return at;
    }
}
