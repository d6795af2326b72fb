package io.aegis.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ActivationTest {
    @ParameterizedTest
    @EnumSource
    void derivativeIsTheSlope(Activation f) {
        boolean positiveOnly = f == Activation.LOG || f == Activation.SQRT;
        for (double x = positiveOnly ? 0.15 : -4.05; x < 4; x += 0.1) {
            double slope = (f.value(x + 1e-5) - f.value(x - 1e-5)) / 2e-5;
            // h^2/6 of the third derivative, which log has largest: 2 / 0.15^3 = 593.
            assertThat(f.derivative(x)).as("%s'(%s)", f, x).isCloseTo(slope, within(2e-8 * (1 + Math.abs(slope))));
        }
    }

    @Test
    void knownValues() {
        assertThat(Activation.GELU.value(1)).isCloseTo(0.841344746068543, within(1e-15));
        assertThat(Activation.GELU.value(-3)).isCloseTo(-0.00404969409489028, within(1e-16));
        assertThat(Activation.QUICK_GELU.value(1)).isCloseTo(1 / (1 + Math.exp(-1.702)), within(1e-15));
        double u = Math.sqrt(2 / Math.PI) * (1 + 0.044715);
        assertThat(Activation.GELU_TANH.value(1)).isCloseTo(0.5 * (1 + Math.tanh(u)), within(1e-15));
        assertThat(Activation.SILU.value(1)).isCloseTo(1 / (1 + Math.exp(-1)), within(1e-15));
        assertThat(Activation.SIGMOID.value(0)).isEqualTo(0.5);
        assertThat(Activation.RELU.value(-2)).isZero();
        assertThat(Activation.RELU.derivative(0)).isZero();
        assertThat(Activation.RELU.value(Double.NaN)).isNaN();
    }

    @Test
    void extremesDoNotOverflow() {
        assertThat(Activation.SIGMOID.value(-1e4)).isZero();
        assertThat(Activation.SIGMOID.derivative(-1e4)).isZero();
        assertThat(Activation.QUICK_GELU.derivative(-1e4)).isZero();
        assertThat(Activation.GELU_TANH.derivative(-1e4)).isZero();
        assertThat(Activation.SILU.derivative(1e4)).isOne();
        assertThat(Activation.GELU.value(-1e4)).isZero();
        assertThat(Activation.GELU.derivative(1e4)).isOne();
    }
}
