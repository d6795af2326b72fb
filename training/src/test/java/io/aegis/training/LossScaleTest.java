package io.aegis.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.layers.Init;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import io.aegis.weights.Safetensors;
import io.aegis.weights.SafetensorsWriter;
import io.aegis.weights.StoredTensor;
import io.aegis.weights.WeightsException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LossScaleTest {
    private final Parameters parameters = new Parameters();
    private final Parameter first = parameters.weight("first", new Init.Constant(0), 2, 2);
    private final Parameter second = parameters.weight("second", new Init.Constant(0), 2);

    @TempDir
    Path folder;

    @Test
    void onlyHalfPrecisionHasOne() {
        assertThat(LossScale.of(DType.F16).orElseThrow().factor()).isEqualTo(65536);
        assertThat(LossScale.of(DType.BF16)).isEmpty();
        assertThat(LossScale.of(DType.F32)).isEmpty();
    }

    @Test
    void itDoublesAfterSoManyGoodUpdatesInARow() {
        LossScale scale = LossScale.of(DType.F16).orElseThrow();
        for (int step = 0; step < 1999; step++) {
            scale.passed(step);
        }
        assertThat(scale.factor()).isEqualTo(65536);
        scale.passed(1999);
        assertThat(scale.factor()).isEqualTo(131072);
        for (int step = 2000; step < 3999; step++) {
            scale.passed(step);
        }
        scale.halve(3999, first);
        assertThat(scale.factor()).isEqualTo(65536);
        for (int step = 3999; step < 5998; step++) {
            scale.passed(step);
        }
        assertThat(scale.factor()).as("an overflow begins the count anew").isEqualTo(65536);
        scale.passed(5998);
        assertThat(scale.changes())
                .containsExactly(
                        new LossScale.Change(2000, 65536, 131072),
                        new LossScale.Change(4000, 131072, 65536),
                        new LossScale.Change(5999, 65536, 131072));
        assertThat(scale.csv())
                .isEqualTo("step,before,after\n2000,65536.0,131072.0\n4000,131072.0,65536.0\n5999,65536.0,131072.0\n");
        assertThat(scale.changes())
                .extracting(LossScale.Change::toString)
                .contains(
                        "loss scale 131072 rather than 65536: no gradient overflowed for long",
                        "loss scale 65536 rather than 131072: gradients of step 4000 overflowed, it is computed again");
    }

    @Test
    void itStopsGrowing() {
        LossScale scale = new LossScale(0x1p39, 1);
        for (int step = 0; step < 100; step++) {
            scale.passed(step);
        }
        assertThat(scale.factor()).isEqualTo(0x1p40);
        assertThat(scale.changes()).hasSize(1);
    }

    @Test
    void belowOneNothingIsItsDoing() {
        LossScale scale = new LossScale(2, 2000);
        scale.halve(7, first);
        assertThat(scale.factor()).isEqualTo(1);
        assertThatThrownBy(() -> scale.halve(7, second))
                .isInstanceOf(ArithmeticException.class)
                .hasMessage("the gradient of second is infinite or NaN even with a loss scale of 1");
        assertThat(scale.factor()).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, 0.5, 3, 65535, -2, 0x1p41, Double.NaN, Double.POSITIVE_INFINITY})
    void whatIsNoPowerOfTwoIsRefused(double start) {
        assertThatThrownBy(() -> new LossScale(start, 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("loss scale " + start + "; expected a power of two from 1 to 1.099511627776E12");
    }

    /** Every float that is no smaller than the smallest normal one after the division, and some that are. */
    @Test
    void divisionIsExact() {
        LossScale scale = new LossScale(65536, 1);
        double[] values = {1, -3.1415927f, Float.MAX_VALUE, 65536 * Float.MIN_NORMAL, -0.0, 65536.0 * Float.MIN_VALUE};
        try (Scope scope = Scope.open()) {
            Tensor rows = Tensor.of(DType.F32, values, 2, 3);
            // As a weight whose dimensions lie in another order has it.
            View scaled = View.of(rows.buffer(), DType.F32, 0, new long[] {3, 2}, new long[] {1, 3});
            scale.unscale(List.of(scaled));
            for (int i = 0; i < values.length; i++) {
                assertThat(scaled.get(i % 3, i / 3)).isEqualTo(values[i] / 65536 + 0.0);
            }
        }
    }

    private static View gradient(double... values) {
        View v = View.allocate(Arena.ofAuto(), DType.F32, values.length);
        for (int i = 0; i < values.length; i++) {
            v.setAt(i, values[i]);
        }
        return v;
    }

    @Test
    void overflowIsSeenAndNamed() {
        Map<Parameter, View> gradients = new LinkedHashMap<>();
        try (Scope scope = Scope.open()) {
            assertThat(LossScale.overflowed(gradients)).isEmpty();
            gradients.put(first, gradient(1e9, -1e9, 0, 3));
            gradients.put(second, gradient(0, 2));
            assertThat(LossScale.overflowed(gradients)).isEmpty();
            for (double bad : new double[] {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY}) {
                gradients.put(second, gradient(0, bad));
                assertThat(LossScale.overflowed(gradients)).contains(second);
                gradients.put(second, gradient(0, 2));
            }
        }
    }

    private Path write(Map<String, View> tensors) {
        Path file = folder.resolve("state.safetensors");
        try (Arena arena = Arena.ofShared()) {
            SafetensorsWriter.write(
                    file,
                    Map.of(),
                    tensors.entrySet().stream()
                            .map(t -> StoredTensor.of(t.getKey(), t.getValue(), arena))
                            .toList());
        }
        return file;
    }

    @Test
    void whatIsWrittenIsReadBack() {
        for (int changes : new int[] {0, 2}) {
            LossScale scale = new LossScale(65536, 4);
            for (int i = 0; i < changes; i++) {
                scale.halve(9 + i, first);
            }
            scale.passed(11);
            scale.passed(12);
            Path file = folder.resolve("state.safetensors");
            try (Arena arena = Arena.ofShared()) {
                SafetensorsWriter.write(file, Map.of(), scale.tensors(arena));
            }
            LossScale other = new LossScale(8, 4);
            try (Safetensors stored = Safetensors.open(file)) {
                other.restore(stored);
            }
            assertThat(other.factor()).isEqualTo(scale.factor());
            assertThat(other.changes()).isEqualTo(scale.changes());
            other.passed(13);
            assertThat(other.factor()).isEqualTo(scale.factor());
            other.passed(14);
            assertThat(other.factor()).as("the count goes on").isEqualTo(2 * scale.factor());
        }
    }

    @Test
    void aStateWithoutOneLeavesTheStart() {
        LossScale scale = new LossScale(65536, 4);
        try (Safetensors stored = Safetensors.open(write(Map.of("weight", gradient(1, 2))))) {
            scale.restore(stored);
        }
        assertThat(scale.factor()).isEqualTo(65536);
    }

    @Test
    void aDamagedOneIsRefused() {
        try (Safetensors stored = Safetensors.open(write(Map.of("loss_scale/scale", gradient(3))))) {
            assertThatThrownBy(() -> new LossScale(1, 1).restore(stored))
                    .isInstanceOf(WeightsException.class)
                    .hasMessageContaining(
                            "tensor loss_scale/scale is no loss scale: loss scale 3.0; expected a power of two");
        }
    }
}
