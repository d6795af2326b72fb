package io.aegis.models.dadm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Philox;
import io.aegis.kernels.View;
import io.aegis.kernels.cuda.CudaBackend;
import io.aegis.kernels.cuda.CudaException;
import io.aegis.kernels.cuda.Precision;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.layers.Pass;
import io.aegis.layers.Probe;
import io.aegis.tensor.Gradients;
import io.aegis.tensor.Ops;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** Masks and adapters side by side, with batch norm in the convolutions, against the published graph; and what is launched. */
class SideBySideTest {
    private static final int BATCH = 2;
    private static final Probe LITERAL = (name, value) -> {};
    private static Kernels emulator;

    @AfterAll
    static void close() throws Exception {
        if (emulator instanceof AutoCloseable a) {
            a.close();
        }
    }

    private static Kernels emulator() {
        if (emulator == null) {
            try {
                emulator = CudaBackend.emulator(Precision.F32);
            } catch (CudaException e) {
                Assumptions.abort(e.getMessage());
            }
        }
        return emulator;
    }

    private interface Work {
        void go(DadmNetwork network, Parameters p, Tensor[] pictures, Tensor samples);
    }

    private static void with(Kernels kernels, DType dtype, Work work) {
        try (Parameters p = new Parameters();
                Scope scope = Scope.open(kernels)) {
            DadmNetwork network = new DadmNetwork(p, SmallDadm.CONFIG, DadmNetwork.Trunk.TRAINED);
            SmallDadm.fill(p, dtype, 1);
            Tensor[] x = new Tensor[Modality.COUNT];
            int s = SmallDadm.CONFIG.image();
            for (int k = 0; k < x.length; k++) {
                x[k] = Tensor.empty(dtype, BATCH, 3, s, s);
                View v = x[k].view();
                for (long i = 0; i < v.elements(); i++) {
                    v.setAt(i, 2 * Philox.uniform(7, k, 0, 0, i) - 1);
                }
            }
            work.go(network, p, x, Tensor.of(new long[] {3, 4}, BATCH));
        }
    }

    private static double[] logits(Kernels kernels, DType dtype, Probe probe) {
        double[][] out = new double[1][];
        with(
                kernels,
                dtype,
                (network, p, x, samples) -> out[0] = network.forward(x, Pass.EVALUATION, null, probe)
                        .logits()
                        .toDoubles());
        return out[0];
    }

    @Test
    void scoresAreThoseOfThePublishedGraph() {
        double[] literal = logits(Backends.scalar(), DType.F64, LITERAL);
        assertThat(logits(Backends.scalar(), DType.F64, Probe.NONE)).containsExactly(literal, within(1e-12));
        // Sums of at most 864 products a layer: what float32 loses by their order.
        double tolerance = 1e-5 * Arrays.stream(literal).map(Math::abs).max().orElseThrow();
        assertThat(logits(Backends.best(), DType.F32, Probe.NONE)).containsExactly(literal, within(tolerance));
        assertThat(logits(emulator(), DType.F32, Probe.NONE)).containsExactly(literal, within(tolerance));
    }

    /** Gradients of the sum of features and losses, by parameter. */
    private static Map<String, double[]> gradients(Kernels kernels, DType dtype, boolean training, Probe probe) {
        Map<String, double[]> out = new TreeMap<>();
        with(kernels, dtype, (network, p, x, samples) -> {
            try (Tape tape = Tape.record()) {
                Tensor loss = loss(network, x, training, samples, probe);
                List<Parameter> leaves = p.trainable();
                try (Gradients g = tape.gradients(
                        loss, leaves.stream().map(Parameter::tensor).toList())) {
                    for (Parameter q : leaves) {
                        if (g.of(q.tensor()) != null) {
                            out.put(q.name(), g.of(q.tensor()).toDoubles());
                        }
                    }
                }
            }
        });
        return out;
    }

    private static Tensor loss(DadmNetwork network, Tensor[] x, boolean training, Tensor samples, Probe probe) {
        Pass pass = training ? Pass.training(1, 1, samples) : new Pass(false, false, false, 1, 1, samples);
        DadmNetwork.Output out = network.forward(x, pass, Permutations.random(pass), probe);
        Tensor loss =
                out.mutualInformation()[0].plus(out.mutualInformation()[1]).plus(out.mutualInformation()[2]);
        for (Tensor f : out.features()) {
            loss = loss.plus(Ops.total(f.times(f)));
        }
        return loss;
    }

    @Test
    void aGpusGradientsAreThoseOfThePublishedGraph() {
        for (boolean training : new boolean[] {true, false}) {
            Map<String, double[]> literal = gradients(Backends.scalar(), DType.F64, training, LITERAL);
            Map<String, double[]> ours = gradients(emulator(), DType.F32, training, Probe.NONE);
            literal.forEach((name, g) -> {
                double largest = Arrays.stream(g).map(Math::abs).max().orElse(0);
                // Biases before a batch norm have gradients of pure rounding.
                double allowed = 1e-3 * Math.max(largest, 1e-1);
                assertThat(ours.getOrDefault(name, new double[g.length]))
                        .as(name)
                        .containsExactly(g, within(allowed));
            });
        }
    }

    /**
     * So that nobody adds launches to a layer without noticing. Two layers, the last one of class tokens, took 267 and 1255 with each
     * pair, each modality and each norm by itself. Four of those now are copies of biases' gradients that another tensor's is, too: a
     * gradient that is handed out may be written into. In training a stage of the masks is a convolution that gathers the statistics of
     * its batch norm, and one pass for all that follows. The first gradient is filled by the device, so that a step can be recorded.
     */
    @Test
    void launchesAreCounted() {
        int[] launches = new int[2];
        Map<String, Integer> training = new TreeMap<>();
        with(emulator(), DType.F32, (network, p, x, samples) -> {
            launches[0] = count(() -> network.forward(x, Pass.EVALUATION, null, Probe.NONE));
            training.putAll(CudaBackend.launches(emulator(), () -> {
                try (Tape tape = Tape.record()) {
                    Tensor loss = loss(network, x, true, samples, Probe.NONE);
                    tape.gradients(
                                    loss,
                                    p.trainable().stream()
                                            .map(Parameter::tensor)
                                            .toList())
                            .close();
                }
            }));
        });
        launches[1] = training.values().stream().mapToInt(i -> i).sum();
        assertThat(training).doesNotContainKey("batch_statistics").containsEntry("batch_norm", 12);
        assertThat(launches[0]).as("scoring").isLessThanOrEqualTo(111);
        assertThat(launches[1]).as("forward and one backward pass").isLessThanOrEqualTo(556);
    }

    private static int count(Runnable work) {
        return CudaBackend.launches(emulator(), work).values().stream()
                .mapToInt(i -> i)
                .sum();
    }
}
