package io.aegis.cli.gpu;

import io.aegis.cli.workload.DadmWorkload;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.layers.Parameters;
import io.aegis.models.dadm.DadmConfig;
import io.aegis.models.dadm.DadmNetwork;
import io.aegis.models.dadm.Recipe;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import io.aegis.training.Adam;
import io.aegis.training.dadm.Batch;
import io.aegis.training.dadm.DadmStep;
import java.util.Arrays;
import java.util.function.Consumer;

/** DADM at its published size: scoring, and whole training steps with all four backward passes. */
final class DadmFigures {
    private static final int ROUNDS = 5;

    private DadmFigures() {}

    static void run(Kernels kernels, Consumer<Line> out) {
        try (Parameters parameters = new Parameters()) {
            DadmNetwork network = new DadmNetwork(parameters, DadmConfig.BASE);
            parameters.initialize(DType.F32, 1);
            DadmWorkload work = new DadmWorkload(network, parameters, DadmConfig.BASE);
            for (int b : new int[] {1, 8, 64}) {
                try (Scope scope = Scope.open()) {
                    Tensor[] x = work.pictures(b);
                    double seconds = median(kernels, () -> work.forward(x));
                    out.accept(Line.figure("DADM full size, forward, batch " + b, 1e3 * seconds, "ms"));
                }
            }
            try (Adam adam = new Adam(parameters.trainable(), Adam.Constants.DADM)) {
                DadmStep step = new DadmStep(network, parameters, Recipe.INTENDED, adam, 1);
                for (int b : new int[] {4, 16}) {
                    try (Scope scope = Scope.open()) {
                        Batch batch = work.batch(b);
                        int[] n = new int[1];
                        double seconds = median(kernels, () -> step.run(batch, 0, n[0]++, 5e-5));
                        out.accept(Line.figure("DADM full size, training step, batch " + b, 1e3 * seconds, "ms"));
                    }
                }
            }
            out.accept(
                    Line.figure("device memory, most at once", kernels.memory().peakBytes() / 1e9, "GB"));
        }
    }

    private static double median(Kernels kernels, Runnable work) {
        double[] rounds = new double[ROUNDS];
        for (int i = -2; i < ROUNDS; i++) {
            kernels.synchronize();
            long start = System.nanoTime();
            work.run();
            kernels.synchronize();
            if (i >= 0) {
                rounds[i] = (System.nanoTime() - start) / 1e9;
            }
        }
        Arrays.sort(rounds);
        return rounds[ROUNDS / 2];
    }
}
