package io.aegis.models.dadm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.DType;
import io.aegis.layers.Parameters;
import io.aegis.layers.Pass;
import io.aegis.layers.Probe;
import io.aegis.models.HeatValues;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class ImportanceTest {
    private static final DadmConfig TINY = new DadmConfig(8, 2, 2, 2, 2, 12, 4, 3, 2);
    private static final int SIDE = 4;

    @Test
    void itIsGradientTimesDistanceFromTheMeanSummedOverAPatch() {
        try (Parameters p = new Parameters();
                Scope scope = Scope.open()) {
            DadmNetwork network = new DadmNetwork(p, TINY);
            SmallDadm.fill(p, DType.F64, 5);
            double[][] x = new double[3][];
            SplittableRandom random = new SplittableRandom(6);
            Arrays.setAll(x, k -> random.doubles(3 * SIDE * SIDE, -1, 1).toArray());

            double[][] expected = new double[3][4];
            double h = 1e-5;
            for (int k = 0; k < 3; k++) {
                for (int i = 0; i < x[k].length; i++) {
                    double at = x[k][i];
                    x[k][i] = at + h;
                    double above = difference(network, x);
                    x[k][i] = at - h;
                    double below = difference(network, x);
                    x[k][i] = at;
                    int channel = i / (SIDE * SIDE);
                    double mean = Arrays.stream(x[k], channel * SIDE * SIDE, (channel + 1) * SIDE * SIDE)
                            .average()
                            .orElseThrow();
                    int row = i / SIDE % SIDE;
                    int column = i % SIDE;
                    expected[k][row / 2 * 2 + column / 2] += Math.abs((above - below) / (2 * h) * (at - mean));
                }
            }
            double greatest = Arrays.stream(expected)
                    .flatMapToDouble(Arrays::stream)
                    .max()
                    .orElseThrow();

            List<HeatValues> maps = Importance.of(network, tensors(x));
            for (int k = 0; k < 3; k++) {
                float[] values = maps.get(k).values();
                for (int cell = 0; cell < 4; cell++) {
                    assertThat((double) values[cell])
                            .as("modality %d, patch %d", k, cell)
                            .isCloseTo(expected[k][cell] / greatest, within(1e-6));
                }
            }
        }
    }

    private static double difference(DadmNetwork network, double[][] x) {
        try (Scope scope = Scope.open()) {
            double[] logits = network.forward(tensors(x), Pass.EVALUATION, null, Probe.NONE)
                    .logits()
                    .toDoubles();
            return logits[1] - logits[0];
        }
    }

    private static Tensor[] tensors(double[][] x) {
        return Arrays.stream(x)
                .map(v -> Tensor.of(DType.F64, v, 1, 3, SIDE, SIDE))
                .toArray(Tensor[]::new);
    }
}
