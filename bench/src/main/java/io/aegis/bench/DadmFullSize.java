package io.aegis.bench;

import com.sun.management.OperatingSystemMXBean;
import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Philox;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.layers.Pass;
import io.aegis.layers.Probe;
import io.aegis.models.dadm.DadmConfig;
import io.aegis.models.dadm.DadmNetwork;
import io.aegis.models.dadm.Labels;
import io.aegis.models.dadm.Losses;
import io.aegis.models.dadm.Permutations;
import io.aegis.models.dadm.Prototypes;
import io.aegis.models.dadm.Recipe;
import io.aegis.tensor.Pool;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import io.aegis.training.Adam;
import io.aegis.training.dadm.Batch;
import io.aegis.training.dadm.DadmStep;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/**
 * DADM at its published size (224 pixels, width 768, 12 layers), float32: the forward pass of one sample and of eight, a
 * training step of four samples with one backward pass and with all four, and the most memory that was ever resident. The
 * rows of the steps are forward, backward and Adam; the last row is the whole step, prototypes and hyperplanes included.
 *
 * <p>Arguments: any of {@code forward}, {@code step}, {@code whole}; then how many repetitions.
 */
public final class DadmFullSize {
    private DadmFullSize() {}

    public static void main(String[] args) throws IOException {
        List<String> what = List.of(args);
        int times = what.isEmpty() ? 3 : Integer.parseInt(what.getLast());
        Backends.best().choices().forEach(c -> System.out.printf("%-20s %s%n", c.family(), c.implementation()));
        try (Parameters parameters = new Parameters()) {
            DadmNetwork network = new DadmNetwork(parameters, DadmConfig.BASE);
            long start = System.nanoTime();
            parameters.initialize(DType.F32, 1);
            System.out.printf("%,d parameters, initialised in %.1f s%n", parameters.count(), seconds(start));
            if (what.contains("forward")) {
                for (int b : new int[] {1, 8}) {
                    try (Scope scope = Scope.open()) {
                        Tensor[] x = pictures(b);
                        report("forward, batch " + b, times, () -> forward(network, x));
                    }
                }
            }
            try (Adam adam = new Adam(parameters.trainable(), Adam.Constants.DADM)) {
                if (what.contains("step")) {
                    for (int backwards : new int[] {1, 4}) {
                        try (Scope scope = Scope.open()) {
                            Batch batch = batch(4);
                            report(
                                    "step, batch 4, " + backwards + " backward",
                                    times,
                                    () -> step(network, parameters, adam, batch, backwards));
                        }
                    }
                }
                if (what.contains("whole")) {
                    DadmStep step = new DadmStep(network, parameters, Recipe.INTENDED, adam, 1);
                    try (Scope scope = Scope.open()) {
                        Batch batch = batch(4);
                        int[] n = new int[1];
                        report("whole step, batch 4", times, () -> step.run(batch, 0, n[0]++, 5e-5));
                    }
                }
            }
        }
        System.out.printf(
                "pool peak %,d MB, peak resident (VmHWM) %s%n", Pool.host().peakBytes() >> 20, resident());
    }

    private static void forward(DadmNetwork network, Tensor[] x) {
        try (Scope scope = Scope.open()) {
            network.forward(x, Pass.EVALUATION, null, Probe.NONE);
        }
    }

    /** Forward in training mode, the four losses, one or four backward passes, Adam. */
    private static void step(DadmNetwork network, Parameters parameters, Adam adam, Batch batch, int backwards) {
        Map<Tensor, Parameter> leaves = new IdentityHashMap<>();
        parameters.trainable().forEach(p -> leaves.put(p.tensor(), p));
        try (Scope scope = Scope.open();
                Tape tape = Tape.record()) {
            Pass pass = Pass.training(1, 1, batch.samples());
            DadmNetwork.Output out = network.forward(batch.pictures(), pass, Permutations.random(pass), Probe.NONE);
            double[][] zero = new double[3][DadmConfig.BASE.classes() * DadmConfig.BASE.width()];
            Prototypes p = Prototypes.of(zero, DadmConfig.BASE.classes(), DadmConfig.BASE.width());
            Losses losses = Losses.of(network, out, batch.labels(), p, true);
            List<Tensor> all = new ArrayList<>(List.of(losses.modal()).subList(0, backwards - 1));
            all.add(losses.total());
            tape.backward(all, Collections.nCopies(backwards, leaves.keySet()), (leaf, g) -> {
                if (g[backwards - 1] != null) {
                    adam.update(leaves.get(leaf), g[backwards - 1], 5e-5);
                }
            });
        }
    }

    private static Batch batch(int b) {
        long[] ids = new long[b];
        Arrays.setAll(ids, i -> i);
        Labels labels = new Labels(new long[] {1, 0, 1, 0}, new long[] {1, 0, 1, 2}, new long[] {0, 1, 2, 0});
        return new Batch(pictures(b), null, labels, Tensor.of(ids, b));
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

    private static void report(String name, int times, Runnable work) {
        work.run();
        work.run();
        double[] t = new double[times];
        long cpu = cpuTime();
        for (int i = 0; i < times; i++) {
            long start = System.nanoTime();
            work.run();
            t[i] = seconds(start);
        }
        Arrays.sort(t);
        // Processor time beside wall time: on a shared machine it is the one that can be trusted.
        double processor = (cpuTime() - cpu) / 1e9 / times;
        System.out.printf(
                "%-26s median %.3f s  [%.3f .. %.3f], processor %.3f s%n",
                name, t[times / 2], t[0], t[times - 1], processor);
    }

    private static long cpuTime() {
        return ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getProcessCpuTime();
    }

    private static double seconds(long since) {
        return (System.nanoTime() - since) / 1e9;
    }

    private static String resident() throws IOException {
        Path status = Path.of("/proc/self/status");
        return Files.exists(status)
                ? Files.readAllLines(status).stream()
                        .filter(l -> l.startsWith("VmHWM"))
                        .map(l -> l.substring(6).strip())
                        .findFirst()
                        .orElse("unknown")
                : "unknown on this platform";
    }
}
