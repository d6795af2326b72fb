package io.aegis.models.dadm;

import io.aegis.kernels.View;
import io.aegis.layers.Pass;
import io.aegis.layers.Probe;
import io.aegis.models.HeatValues;
import io.aegis.tensor.Gradients;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Which patches a decision rests on: gradient times input (Shrikumar et al., arXiv 1605.01713). With s the logit of bona
 * fide less that of attack, a patch's importance is the sum of |ds/dx (x - m)| over its pixels and channels, m the mean
 * of the channel over the picture; so a missing modality, a picture of one colour, has none. All three modalities are
 * divided by the greatest value among them and so compare.
 */
final class Importance {
    private Importance() {}

    /**
     * Pictures [1, 3, S, S], one a modality, to a map of G x G for each.
     *
     * @throws ArithmeticException when the gradient overflows
     */
    static List<HeatValues> of(DadmNetwork network, Tensor[] pictures) {
        int grid = network.config().grid();
        double[][] sums = new double[pictures.length][];
        try (Tape tape = Tape.record();
                Scope scope = Scope.open()) {
            Tensor[] leaves = Arrays.stream(pictures)
                    .map(x -> Tensor.wrap(x.view(), true))
                    .toArray(Tensor[]::new);
            Tensor logits =
                    network.forward(leaves, Pass.EVALUATION, null, Probe.NONE).logits();
            Tensor difference = logits.slice(1, 1, 2).minus(logits.slice(1, 0, 1));
            try (Gradients gradients = tape.gradients(difference, List.of(leaves))) {
                for (int k = 0; k < leaves.length; k++) {
                    sums[k] =
                            perPatch(pictures[k].view(), gradients.of(leaves[k]).view(), grid);
                }
            }
        }
        double greatest =
                Arrays.stream(sums).flatMapToDouble(Arrays::stream).max().orElseThrow();
        if (!Double.isFinite(greatest)) {
            throw new ArithmeticException("the gradient of the score is " + greatest + ", the weights are too large");
        }
        return Arrays.stream(sums).map(s -> scaled(s, greatest, grid)).toList();
    }

    private static double[] perPatch(View picture, View gradient, int grid) {
        int side = (int) picture.size(2);
        int patch = side / grid;
        double[] x = picture.toDoubles();
        double[] g = gradient.toDoubles();
        double[] out = new double[grid * grid];
        int plane = side * side;
        for (int c = 0; c < 3; c++) {
            int start = c * plane;
            double mean = Arrays.stream(x, start, start + plane).sum() / plane;
            for (int i = 0; i < plane; i++) {
                int cell = i / side / patch * grid + i % side / patch;
                out[cell] += Math.abs(g[start + i] * (x[start + i] - mean));
            }
        }
        return out;
    }

    private static HeatValues scaled(double[] sums, double greatest, int grid) {
        float[] values = new float[sums.length];
        IntStream.range(0, sums.length).forEach(i -> values[i] = greatest > 0 ? (float) (sums[i] / greatest) : 0);
        return new HeatValues(grid, grid, values);
    }
}
