package io.aegis.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.layers.Init;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.tensor.Scope;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** AdamW's first step is the learning rate in the gradient's direction, whatever its length; clipping shows in the moments. */
class ClippedAdamTest {
    private final Parameters parameters = new Parameters();
    private final Parameter matrix = parameters.weight("w", new Init.Constant(2), 1, 2);
    private final Parameter vector = parameters.weight("b", new Init.Constant(2), 2);
    private final Parameter idle = parameters.weight("idle", new Init.Constant(2), 1, 2);
    private final List<Parameter> all = List.of(matrix, vector, idle);

    private double update(double weightDecay, double longest, View forMatrix, View forVector) {
        parameters.initialize(DType.F32, 1);
        try (Adam adam = new Adam(all, Adam.Constants.decoupled(0.999, weightDecay));
                Scope scope = Scope.open()) {
            return new ClippedAdam(all, adam, longest).update(Map.of(matrix, forMatrix, vector, forVector), p -> 0.1);
        }
    }

    private static View view(double a, double b, long... shape) {
        View v = View.allocate(Arena.ofAuto(), DType.F32, shape);
        v.setAt(0, a);
        v.setAt(1, b);
        return v;
    }

    @Test
    void aLongGradientIsShortenedInPlace() {
        View g = view(3, 0, 1, 2);
        View h = view(0, -4, 2);
        assertThat(update(0, 1, g, h)).isCloseTo(5, within(1e-6));
        assertThat(g.toDoubles()).containsExactly(new double[] {0.6, 0}, within(1e-6));
        assertThat(h.toDoubles()).containsExactly(new double[] {0, -0.8}, within(1e-6));
        assertThat(matrix.view().toDoubles()).containsExactly(new double[] {1.9, 2}, within(1e-5));
        assertThat(vector.view().toDoubles()).containsExactly(new double[] {2, 2.1}, within(1e-5));
        assertThat(idle.view().toDoubles()).containsExactly(2, 2);
    }

    @Test
    void aShortGradientStays() {
        View g = view(0.3, 0, 1, 2);
        View h = view(0, -0.4, 2);
        assertThat(update(0, 1, g, h)).isCloseTo(0.5, within(1e-6));
        assertThat(g.toDoubles()).containsExactly(new double[] {0.3, 0}, within(1e-7));
    }

    @Test
    void matricesDecayAndVectorsDoNot() {
        update(0.5, 1, view(0, 0, 1, 2), view(0, 0, 2));
        assertThat(matrix.view().toDoubles()).containsExactly(new double[] {1.9, 1.9}, within(1e-6));
        assertThat(vector.view().toDoubles()).containsExactly(2, 2);
    }

    @Test
    void whatIsNotFiniteUpdatesNothing() {
        assertThatThrownBy(() -> update(0.5, 1, view(Double.NaN, 0, 1, 2), view(1, 1, 2)))
                .isInstanceOf(ArithmeticException.class)
                .hasMessage("the gradient's length is NaN");
        assertThat(matrix.view().toDoubles()).containsExactly(2, 2);
        assertThat(vector.view().toDoubles()).containsExactly(2, 2);
    }
}
