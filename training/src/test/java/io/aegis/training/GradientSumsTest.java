package io.aegis.training;

import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.DType;
import io.aegis.layers.Init;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

class GradientSumsTest {
    @Test
    void theUpdateTakesTheMeanOverAllMicroBatches() {
        try (Parameters parameters = new Parameters();
                GradientSums sums = new GradientSums();
                Scope scope = Scope.open()) {
            Parameter a = parameters.weight("a", Init.ZEROS, 2);
            Parameter b = parameters.convolution("b", Init.ZEROS, 1, 2, 1, 1);
            parameters.initialize(DType.F32, 1);
            Map<String, double[]> updates = new HashMap<>();

            for (int round = 0; round < 2; round++) {
                assertThat(sums.isEmpty()).isTrue();
                sums.add(a, Tensor.of(DType.F32, new double[] {3, 6}, 2));
                sums.add(b, Tensor.of(DType.F32, new double[] {9, 30}, 1, 2, 1, 1));
                sums.endBatch();
                sums.add(a, Tensor.of(DType.F32, new double[] {30, 60}, 2));
                sums.endBatch();
                Tensor last = Tensor.of(DType.F32, new double[] {300, 600}, 2);
                sums.complete(a, last);
                sums.drain(means -> means.forEach((p, mean) -> updates.put(p.name(), mean.toDoubles())));

                assertThat(last.toDoubles()).containsExactly(111, 222);
                // The last micro-batch did not reach b.
                assertThat(updates).containsOnlyKeys("b");
                assertThat(updates.get("b")).containsExactly(3, 10);
            }
            Tensor alone = Tensor.of(DType.F32, new double[] {1, 2}, 2);
            sums.complete(a, alone);
            assertThat(alone.toDoubles()).containsExactly(1, 2);
        }
    }

    @Test
    void sumsOfSeveralComeTogether() {
        try (Parameters parameters = new Parameters();
                GradientSums first = new GradientSums();
                GradientSums second = new GradientSums();
                Scope scope = Scope.open()) {
            Parameter a = parameters.weight("a", Init.ZEROS, 2);
            Parameter b = parameters.weight("b", Init.ZEROS, 1);
            parameters.initialize(DType.F32, 1);
            for (int round = 0; round < 2; round++) {
                first.add(a, Tensor.of(DType.F32, new double[] {1, 2}, 2));
                second.add(b, Tensor.of(DType.F32, new double[] {5}, 1));
                second.add(a, Tensor.of(DType.F32, new double[] {10, 20}, 2));
                second.add(a, Tensor.of(DType.F32, new double[] {100, 200}, 2));

                first.take(second);

                assertThat(second.sums()).isEmpty();
                assertThat(first.sums()).containsOnlyKeys(a, b);
                assertThat(first.sums().get(a).toDoubles()).containsExactly(111, 222);
                assertThat(first.sums().get(b).toDoubles()).containsExactly(5);
                first.clear();
                assertThat(first.sums()).isEmpty();
            }
        }
    }
}
