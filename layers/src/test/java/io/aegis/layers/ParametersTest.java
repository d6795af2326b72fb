package io.aegis.layers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.kernels.Activation;
import io.aegis.kernels.Convolution.Geometry;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.tensor.Ops;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import java.lang.foreign.Arena;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.DoubleStream;
import org.junit.jupiter.api.Test;

class ParametersTest {
    @Test
    void initialisationFollowsSeedAndNameAlone() {
        try (Parameters one = new Parameters();
                Parameters two = new Parameters()) {
            new Linear(one.at("a"), 64, 32, true);
            new Linear(two.at("b"), 8, 8, true);
            new Linear(two.at("a"), 64, 32, true);
            one.initialize(DType.F32, 7);
            two.initialize(DType.F32, 7);
            double[] w = one.get("a.weight").view().toDoubles();
            assertThat(two.get("a.weight").view().toDoubles()).isEqualTo(w);
            assertThat(two.get("b.weight").view().toDoubles()).isNotEqualTo(w);
            // Uniform in +-1/sqrt(fan in) = +-0.125: standard deviation 0.0722, over 2048 draws.
            assertThat(DoubleStream.of(w).map(Math::abs).max().orElseThrow()).isBetween(0.12, 0.125);
            double variance = DoubleStream.of(w).map(x -> x * x).average().orElseThrow();
            assertThat(Math.sqrt(variance)).isBetween(0.068, 0.076);
        }
    }

    @Test
    void everythingThatDoesNotFitIsInOneMessageAndNothingIsBound() {
        try (Arena arena = Arena.ofConfined();
                Parameters p = new Parameters()) {
            new Linear(p.at("fc"), 3, 2, true);
            Map<String, View> file = new LinkedHashMap<>();
            file.put("fc.weight", View.allocate(arena, DType.F32, 3, 2));
            file.put("fc.scale", View.allocate(arena, DType.F32, 1));
            assertThatThrownBy(() -> p.load("weights.bin", file.keySet(), file::get, DType.F32, false))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("weights.bin does not fit the model")
                    .hasMessageContaining("unknown tensor fc.scale[1]")
                    .hasMessageContaining("tensor fc.weight has shape [3, 2], expected [2, 3]")
                    .hasMessageContaining("missing tensor fc.bias[2]");
            assertThatThrownBy(() -> p.get("fc.weight").tensor()).hasMessageContaining("no values yet");
        }
    }

    @Test
    void convolutionWeightsKeepTheirShapeAndLieChannelsLast() {
        try (Arena arena = Arena.ofConfined();
                Parameters p = new Parameters()) {
            new Conv2d(p.at("c"), 2, 3, 3, Geometry.SAME_3X3);
            View w = View.allocate(arena, DType.F64, 3, 2, 3, 3);
            for (int i = 0; i < w.elements(); i++) {
                w.setAt(i, i);
            }
            Map<String, View> file = Map.of("c.weight", w, "c.bias", View.allocate(arena, DType.F64, 3));
            p.load("f", file.keySet(), file::get, DType.F32, true);
            View loaded = p.get("c.weight").view();
            assertThat(loaded.toDoubles()).isEqualTo(w.toDoubles());
            assertThat(loaded.permute(0, 2, 3, 1).isContiguous()).isTrue();
        }
    }

    @Test
    void asStoredLeavesMatricesInTheFile() {
        try (Arena arena = Arena.ofConfined();
                Parameters p = new Parameters()) {
            new Linear(p.at("fc"), 3, 2, true);
            new Conv2d(p.at("c"), 3, 4, 1, Geometry.POINTWISE);
            new Embedding(p.at("e"), 5, 3);
            new RmsNorm(p.at("n"), 3, 1e-5);
            Map<String, View> file = new LinkedHashMap<>();
            for (Parameter each : p.all()) {
                View v = View.allocate(arena, DType.F16, each.shape());
                for (int i = 0; i < v.elements(); i++) {
                    v.setAt(i, 0.5 * i - 1);
                }
                file.put(each.name(), v);
            }
            p.loadAsStored("f", file.keySet(), file::get, w -> w.name().startsWith("e."));
            for (Parameter each : p.all()) {
                boolean stays = each.name().equals("fc.weight");
                View from = file.get(each.name());
                assertThat(each.view().buffer() == from.buffer())
                        .as(each.name())
                        .isEqualTo(stays);
                assertThat(each.view().dtype()).isEqualTo(stays ? DType.F16 : DType.F32);
                assertThat(each.view().toDoubles()).isEqualTo(from.toDoubles());
            }
            assertThat(p.trainable()).extracting(Parameter::name).containsExactly("e.weight");
            try (Scope scope = Scope.open()) {
                Tensor ids = Tensor.of(new long[] {4, 1}, 1, 2);
                Tensor h = Ops.linear(
                        Ops.embedding(p.get("e.weight").tensor(), ids),
                        p.get("fc.weight").tensor(),
                        p.get("fc.bias").tensor());
                // Rows (5, 5.5, 6) and (0.5, 1, 1.5) times (-1, -0.5, 0) and (0.5, 1, 1.5), plus (-1, -0.5).
                assertThat(h.toDoubles()).containsExactly(-8.75, 16.5, -2, 3);
            }
        }
    }

    @Test
    void integersAreNoWeights() {
        try (Arena arena = Arena.ofConfined();
                Parameters p = new Parameters()) {
            new RmsNorm(p.at("n"), 3, 1e-5);
            Map<String, View> file = Map.of("n.weight", View.allocate(arena, DType.I8, 3));
            assertThatThrownBy(() -> p.loadAsStored("f", file.keySet(), file::get))
                    .hasMessageContaining("tensor n.weight has dtype I8, expected a floating one");
        }
    }

    @Test
    void onlyATrainingPassMovesRunningStatistics() {
        try (Parameters p = new Parameters()) {
            BatchNorm norm = new BatchNorm(p.at("bn"), 2, Activation.NONE);
            p.initialize(DType.F64, 1);
            try (Scope scope = Scope.open()) {
                Tensor x = Tensor.of(DType.F64, new double[] {1, 10, 3, 30, 5, 50}, 3, 2);
                norm.of(x, Pass.EVALUATION);
                assertThat(p.get("bn.running_mean").view().toDoubles()).containsExactly(0, 0);
                norm.of(x, Pass.training(0, 0, null));
            }
            // 0.9 * 0 + 0.1 * mean, and 0.9 * 1 + 0.1 * unbiased variance.
            assertThat(p.get("bn.running_mean").view().toDoubles()).containsExactly(new double[] {0.3, 3}, within());
            assertThat(p.get("bn.running_var").view().toDoubles()).containsExactly(new double[] {1.3, 40.9}, within());
            assertThat(p.get("bn.num_batches_tracked").view().getLong()).isEqualTo(1);
        }
    }

    private static org.assertj.core.data.Offset<Double> within() {
        return org.assertj.core.data.Offset.offset(1e-12);
    }

    @Test
    void twoOfOneNameAreRefused() {
        try (Parameters p = new Parameters()) {
            p.weight("w", Init.ZEROS, 1);
            assertThatThrownBy(() -> p.weight("w", Init.ZEROS, 1)).hasMessageContaining("two parameters are called w");
        }
    }
}
