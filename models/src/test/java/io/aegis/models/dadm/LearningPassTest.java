package io.aegis.models.dadm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Philox;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.layers.Pass;
import io.aegis.layers.Probe;
import io.aegis.tensor.Gradients;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** The pass that training takes against the published graph, and one backward pass for four losses against four. */
class LearningPassTest {
    private static final int BATCH = 6;
    private static final Labels LABELS =
            new Labels(new long[] {1, 1, 1, 0, 0, 0}, new long[] {1, 1, 1, 0, 2, 3}, new long[] {0, 1, 2, 0, 1, 2});
    private static final Probe LITERAL = (name, value) -> {};

    /** Gradients by parameter and loss. */
    private interface Way {
        Map<String, double[][]> go(Tape tape, List<Tensor> losses, List<Parameter> leaves);
    }

    @Test
    void lessWorkGivesTheSameLossesGradientsAndStatistics() {
        for (boolean training : new boolean[] {true, false}) {
            Map<String, double[]> literalState = new TreeMap<>();
            Map<String, double[]> state = new TreeMap<>();
            Map<String, double[][]> literal =
                    gradients(Backends.scalar(), DType.F64, training, LITERAL, LearningPassTest::replays, literalState);
            Map<String, double[][]> ours =
                    gradients(Backends.scalar(), DType.F64, training, Probe.NONE, LearningPassTest::replays, state);
            compare(literal, ours, 1e-9);
            assertThat(state.keySet()).isEqualTo(literalState.keySet());
            state.forEach((name, values) ->
                    assertThat(values).as(name).containsExactly(literalState.get(name), within(1e-12)));
        }
    }

    /** Of domains that a batch lacks, and rows of a domain that has no head: the same losses and gradients, and none of a head without rows. */
    @Test
    void lossesOfAnyMixtureOfDomainsAreThosePublished() {
        long[] live = {1, 1, 1, 0, 0, 0};
        long[] classes = {1, 1, 1, 0, 2, 3};
        long[][] domains = {{0, 1, 2, 0, 1, 2}, {0, 0, 2, 0, 2, 2}, {1, 1, 1, 1, 1, 1}, {3, 1, 0, 0, 3, 1}};
        for (long[] domain : domains) {
            Labels labels = new Labels(live, classes, domain);
            Map<String, double[]> literalState = new TreeMap<>();
            Map<String, double[]> state = new TreeMap<>();
            Map<String, double[][]> literal = gradients(
                    Backends.scalar(), DType.F64, true, LITERAL, LearningPassTest::replays, literalState, labels);
            Map<String, double[][]> ours =
                    gradients(Backends.scalar(), DType.F64, true, Probe.NONE, LearningPassTest::replays, state, labels);
            compare(literal, ours, 1e-9);
            compare(ours, literal, 1e-9);
            state.forEach((name, values) ->
                    assertThat(values).as(name).containsExactly(literalState.get(name), within(1e-12)));
            for (int j = 0; j < DadmConfig.DOMAINS; j++) {
                if (!labels.has(j)) {
                    assertThat(ours.get("fc_d" + (j + 1) + ".weight")[3]).containsOnly(0);
                }
            }
        }
    }

    /** In float32 the sums' order is another: what it changes are last bits. */
    @Test
    void lossesInFloat32AreThosePublishedButForRounding() {
        Map<String, double[]> literal = new TreeMap<>();
        Map<String, double[]> ours = new TreeMap<>();
        gradients(Backends.best(), DType.F32, false, LITERAL, LearningPassTest::replays, literal);
        gradients(Backends.best(), DType.F32, false, Probe.NONE, LearningPassTest::replays, ours);
        assertThat(ours.get("total")[0]).isCloseTo(literal.get("total")[0], withinPercentage(1e-4));
        for (int k = 0; k < 3; k++) {
            assertThat(ours.get("loss " + k)[0]).isCloseTo(literal.get("loss " + k)[0], withinPercentage(1e-4));
        }
    }

    @Test
    void labelsThatAreNoneAreRefused() {
        long[] one = {1};
        long[] two = {2};
        assertThatThrownBy(() -> new Labels(two, one, one).require(4))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("label 2 of row 0, expected 1 for bona fide or 0 for an attack");
        assertThatThrownBy(() -> new Labels(one, two, one).require(2))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("prototype class 2 of row 0, expected 0 to 1");
        assertThatThrownBy(() -> new Labels(one, one, new long[] {3}).require(2))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("no row of the batch belongs to one of the domains 0 to 2");
        new Labels(new long[] {1, 2}, new long[] {1, 0}, new long[] {1, 3})
                .require(2); // nobody asks who is live of another domain
    }

    @Test
    void oneBackwardPassForFourLossesEqualsFour() {
        Map<String, double[]> state = new TreeMap<>();
        Map<String, double[][]> replays =
                gradients(Backends.best(), DType.F32, true, Probe.NONE, LearningPassTest::replays, state);
        Map<String, double[][]> once =
                gradients(Backends.best(), DType.F32, true, Probe.NONE, LearningPassTest::once, state);
        assertThat(once.keySet()).isEqualTo(replays.keySet());
        once.forEach((name, own) -> {
            for (int k = 0; k < own.length; k++) {
                assertThat(own[k] == null).as("%s, loss %d", name, k).isEqualTo(replays.get(name)[k] == null);
            }
        });
        // Products of few rows are one product for all losses, which may round differently.
        compare(replays, once, 1e-5);
    }

    @Test
    void theSameStepHasTheSameBitsOnOneThread() {
        Map<String, double[]> state = new TreeMap<>();
        Map<String, double[][]> many =
                gradients(Backends.best(), DType.F32, true, Probe.NONE, LearningPassTest::once, state);
        List<Map<String, double[][]>> one = new ArrayList<>();
        Backends.best()
                .alone(() -> one.add(
                        gradients(Backends.best(), DType.F32, true, Probe.NONE, LearningPassTest::once, state)));
        one.getFirst().forEach((name, g) -> assertThat(g).as(name).isDeepEqualTo(many.get(name)));
    }

    /** Largest difference beside the largest gradient of the parameter; what is absent counts as zeros. */
    private static void compare(Map<String, double[][]> expected, Map<String, double[][]> actual, double tolerance) {
        expected.forEach((name, all) -> {
            double largest = Arrays.stream(all)
                    .filter(g -> g != null)
                    .flatMapToDouble(Arrays::stream)
                    .map(Math::abs)
                    .max()
                    .orElse(0);
            double[][] ours = actual.getOrDefault(name, new double[all.length][]);
            // Biases before a batch norm have gradients of pure rounding.
            double allowed = tolerance * Math.max(largest, 1e-2);
            for (int k = 0; k < all.length; k++) {
                if (all[k] == null && ours[k] == null) {
                    continue;
                }
                int n = all[k] == null ? ours[k].length : all[k].length;
                double[] a = all[k] == null ? new double[n] : all[k];
                double[] b = ours[k] == null ? new double[n] : ours[k];
                assertThat(b).as("%s, loss %d", name, k).containsExactly(a, within(allowed));
            }
        });
    }

    private static LabelTensors tensors(Labels labels) {
        Tensor all = Tensor.empty(DType.I64, LabelTensors.shape(BATCH));
        LabelTensors.write(labels, all.view());
        return LabelTensors.in(all.view());
    }

    private static Map<String, double[][]> gradients(
            Kernels kernels, DType dtype, boolean training, Probe probe, Way way, Map<String, double[]> state) {
        return gradients(kernels, dtype, training, probe, way, state, LABELS);
    }

    private static Map<String, double[][]> gradients(
            Kernels kernels,
            DType dtype,
            boolean training,
            Probe probe,
            Way way,
            Map<String, double[]> state,
            Labels labels) {
        try (Parameters p = new Parameters();
                Scope scope = Scope.open(kernels);
                Tape tape = Tape.record()) {
            DadmNetwork network = new DadmNetwork(p, SmallDadm.CONFIG, DadmNetwork.Trunk.TRAINED);
            SmallDadm.fill(p, dtype, 1);
            Tensor samples = Tensor.of(new long[] {0, 1, 2, 3, 4, 5}, BATCH);
            Pass pass = training ? Pass.training(1, 1, samples) : new Pass(false, false, false, 1, 1, samples);
            DadmNetwork.Output out = network.forward(pictures(dtype), pass, Permutations.random(pass), probe);
            int width = SmallDadm.CONFIG.width();
            double[][] values = new double[3][SmallDadm.CONFIG.classes() * width];
            for (double[] v : values) {
                Arrays.setAll(v, i -> Math.sin(i));
            }
            Prototypes prototypes = Prototypes.of(values, SmallDadm.CONFIG.classes(), width);
            Losses losses = probe == LITERAL
                    ? LiteralLosses.of(network, out, labels, prototypes, true).losses()
                    : Losses.of(network, out, tensors(labels), prototypes.tensors(dtype), true);
            List<Tensor> all = new ArrayList<>(List.of(losses.modal()));
            all.add(losses.total());
            for (int k = 0; k < 3; k++) {
                state.put("information " + k, out.information()[k].toDoubles());
                state.put("loss " + k, losses.modal()[k].toDoubles());
            }
            state.put("total", losses.total().toDoubles());
            p.all().stream()
                    .filter(q -> q.name().contains("running"))
                    .forEach(q -> state.put(q.name(), q.view().toDoubles()));
            return way.go(tape, all, p.trainable());
        }
    }

    private static Map<String, double[][]> replays(Tape tape, List<Tensor> losses, List<Parameter> leaves) {
        List<Tensor> tensors = leaves.stream().map(Parameter::tensor).toList();
        Map<String, double[][]> found = new TreeMap<>();
        for (int k = 0; k < losses.size(); k++) {
            try (Gradients g = tape.gradients(losses.get(k), tensors)) {
                for (Parameter p : leaves) {
                    if (g.of(p.tensor()) != null) {
                        found.computeIfAbsent(p.name(), n -> new double[losses.size()][])[k] =
                                g.of(p.tensor()).toDoubles();
                    }
                }
            }
        }
        return found;
    }

    private static Map<String, double[][]> once(Tape tape, List<Tensor> losses, List<Parameter> leaves) {
        Map<Tensor, String> names = new java.util.IdentityHashMap<>();
        leaves.forEach(p -> names.put(p.tensor(), p.name()));
        Collection<Tensor> tensors = names.keySet();
        Map<String, double[][]> found = new TreeMap<>();
        tape.backward(losses, List.of(tensors, tensors, tensors, tensors), (leaf, gradients) -> {
            double[][] own = new double[gradients.length][];
            Arrays.setAll(own, k -> gradients[k] == null ? null : gradients[k].toDoubles());
            assertThat(found.put(names.get(leaf), own)).as("handed on twice").isNull();
        });
        return found;
    }

    private static Tensor[] pictures(DType dtype) {
        Tensor[] x = new Tensor[3];
        int s = SmallDadm.CONFIG.image();
        for (int k = 0; k < 3; k++) {
            x[k] = Tensor.empty(dtype, BATCH, 3, s, s);
            View v = x[k].view();
            for (long i = 0; i < v.elements(); i++) {
                v.setAt(i, 2 * Philox.uniform(7, k, 0, 0, i) - 1);
            }
        }
        return x;
    }
}
