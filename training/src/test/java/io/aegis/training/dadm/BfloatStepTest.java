package io.aegis.training.dadm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.View;
import io.aegis.models.dadm.DadmConfig;
import io.aegis.models.dadm.Labels;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import io.aegis.training.RoundingRule;
import io.aegis.weights.StoredTensor;
import io.aegis.weights.StoredType;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A step of a tiny DADM with all four losses, ReGrad and Adam, its operands rounded to bfloat16 as processors with such products do. */
class BfloatStepTest {
    private static final DadmConfig CONFIG = new DadmConfig(16, 2, 2, 2, 4, 32, 8, 4, 5);
    private static final int ROWS = 6;
    private static final double RATE = 1e-5;

    /** Adam's first moments, behind one step a tenth of the gradients. */
    private static final String FIRST = "adam.first/";

    @TempDir
    Path folder;

    private Kernels rounding;

    @BeforeEach
    void round() {
        System.setProperty("aegis.bf16", "emulated");
        rounding = Backends.best().rounding(DType.BF16);
    }

    @AfterEach
    void release() {
        System.clearProperty("aegis.bf16");
        Backends.choose(null);
    }

    /** What is left of a step: what it says, parameters, statistics, and Adam's moments, of which the first is the gradient's tenth. */
    private Map<String, double[]> step(Kernels kernels) {
        Backends.choose(kernels);
        Map<String, double[]> out = new TreeMap<>();
        try (Learner learner = Learner.fresh(DadmTrainingOptions.published(CONFIG, folder));
                Arena arena = Arena.ofShared()) {
            try (Scope scope = Scope.open()) {
                DadmStep.Report r = learner.step().run(batch(), 0, 0, RATE);
                out.put("total", new double[] {r.total()});
                out.put("modal", r.modal());
            }
            out.putAll(floats(learner, arena));
            return out;
        } finally {
            Backends.choose(null);
        }
    }

    private static Map<String, double[]> floats(Learner learner, Arena arena) {
        Map<String, double[]> out = new TreeMap<>();
        for (StoredTensor t : learner.tensors(arena)) {
            if (t.info().dtype() == StoredType.F32) {
                float[] values = t.bytes().toArray(ValueLayout.JAVA_FLOAT);
                out.put(
                        t.info().name(),
                        IntStream.range(0, values.length)
                                .mapToDouble(i -> values[i])
                                .toArray());
            }
        }
        return out;
    }

    private static Batch batch() {
        Tensor[] pictures = new Tensor[3];
        for (int k = 0; k < 3; k++) {
            pictures[k] = Tensor.empty(DType.F32, ROWS, 3, CONFIG.image(), CONFIG.image());
            View v = pictures[k].view();
            for (long i = 0; i < v.elements(); i++) {
                v.setAt(i, Math.sin(0.37 * i + 0.001 * i * i + k));
            }
        }
        long[] live = new long[ROWS];
        Arrays.setAll(live, i -> 1 - i % 2);
        long[] domain = {0, 0, 1, 1, 2, 2};
        return new Batch(pictures, null, new Labels(live, live.clone(), domain), Tensor.of(new long[ROWS], ROWS));
    }

    private static Map<String, double[]> gradients(Map<String, double[]> step) {
        Map<String, double[]> out = new TreeMap<>(step);
        out.keySet().removeIf(name -> !name.startsWith(FIRST) && !name.equals("total") && !name.equals("modal"));
        return out;
    }

    @Test
    void lossesAndGradientsKeepTheRule() {
        Map<String, double[]> exact = gradients(step(Backends.best()));
        RoundingRule rule = new RoundingRule(exact, kernels -> gradients(step(kernels)));
        assertThat(rule.problems(gradients(step(rounding)))).isEmpty();
    }

    /** An update far below what bfloat16 resolves arrives wherever there is a gradient: masters and moments are float32. */
    @Test
    void mastersStayFloat32() {
        Map<String, double[]> before;
        try (Learner learner = Learner.fresh(DadmTrainingOptions.published(CONFIG, folder));
                Arena arena = Arena.ofShared()) {
            before = floats(learner, arena);
        }
        Map<String, double[]> after = step(rounding);
        int seen = 0;
        for (String name : before.keySet()) {
            double[] first = after.get(FIRST + name);
            // Hyperplanes are aligned behind the step.
            boolean learns = first != null && !name.startsWith("fc_");
            for (int i = 0; learns && i < first.length; i++) {
                double from = before.get(name)[i];
                // Adam's first update is a step's length against the gradient's sign; 2^-9 of a number is half of
                // bfloat16's grid.
                if (Math.abs(first[i]) > 1e-5 && Math.abs(from) > 2 * RATE / 0x1p-9 && Math.abs(from) < 1) {
                    double moved = (after.get(name)[i] - from) * -Math.signum(first[i]);
                    assertThat(moved).as("%s, %d", name, i).isCloseTo(RATE, within(0.1 * RATE));
                    seen++;
                }
            }
        }
        assertThat(seen).isGreaterThan(1000);
    }
}
