package io.aegis.cli.gpu;

import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Philox;
import io.aegis.kernels.View;
import io.aegis.layers.Parameters;
import io.aegis.layers.Pass;
import io.aegis.layers.Probe;
import io.aegis.models.dadm.DadmConfig;
import io.aegis.models.dadm.DadmNetwork;
import io.aegis.models.dadm.Labels;
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
            for (int b : new int[] {1, 8, 64}) {
                try (Scope scope = Scope.open()) {
                    Tensor[] x = pictures(b);
                    double seconds = median(kernels, () -> {
                        try (Scope inside = Scope.open()) {
                            network.forward(x, Pass.EVALUATION, null, Probe.NONE);
                        }
                    });
                    out.accept(Line.figure("DADM full size, forward, batch " + b, 1e3 * seconds, "ms"));
                }
            }
            try (Adam adam = new Adam(parameters.trainable(), Adam.Constants.DADM)) {
                DadmStep step = new DadmStep(network, parameters, Recipe.INTENDED, adam, 1);
                for (int b : new int[] {4, 16}) {
                    try (Scope scope = Scope.open()) {
                        Batch batch = batch(b);
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

    private static Batch batch(int b) {
        long[] ids = new long[b];
        long[] live = new long[b];
        long[] prototype = new long[b];
        long[] domain = new long[b];
        for (int i = 0; i < b; i++) {
            ids[i] = i;
            live[i] = i % 2 == 0 ? 1 : 0;
            prototype[i] = i % 2 == 0 ? 1 : i % 4 == 1 ? 0 : 2;
            domain[i] = i % 3;
        }
        return new Batch(pictures(b), null, new Labels(live, prototype, domain), Tensor.of(ids, b));
    }

    private static Tensor[] pictures(int b) {
        Tensor[] x = new Tensor[3];
        int s = DadmConfig.BASE.image();
        for (int k = 0; k < 3; k++) {
            x[k] = Tensor.empty(DType.F32, b, 3, s, s);
            View v = x[k].view();
            for (long i = 0; i < v.elements(); i++) {
                v.setAt(i, 2 * Philox.uniform(7, k, 0, 0, i) - 1);
            }
        }
        return x;
    }
}
