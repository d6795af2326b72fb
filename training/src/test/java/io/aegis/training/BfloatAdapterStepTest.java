package io.aegis.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.QuantizedWeight.Format;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.layers.Pass;
import io.aegis.models.llama.LlamaConfig;
import io.aegis.models.llama.LlamaNetwork;
import io.aegis.models.llama.RopeScaling;
import io.aegis.models.lora.Adapter;
import io.aegis.models.lora.LoraConfig;
import io.aegis.tensor.AttentionMask;
import io.aegis.tensor.Gradients;
import io.aegis.tensor.QuantizedMatrix;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import io.aegis.weights.GroupRounding;
import java.lang.foreign.Arena;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A step of adapters on a frozen Llama, its operands rounded to bfloat16 as processors with such products do: forward, through blocks that are computed
 * again, and back through a base of floats, of 8 or of 4 bits, beside the same base widened in float32.
 */
class BfloatAdapterStepTest {
    private static final LlamaConfig CONFIG =
            new LlamaConfig(40, 32, 64, 2, 4, 2, 8, 1e-5, 10000, RopeScaling.NONE, false, 64);
    private static final int LENGTH = 12;
    private static final double RATE = 1e-6;

    private final Arena arena = Arena.ofShared();
    private Kernels rounding;

    @BeforeEach
    void round() {
        System.setProperty("aegis.bf16", "emulated");
        rounding = Backends.best().rounding(DType.BF16);
    }

    @AfterEach
    void release() {
        System.clearProperty("aegis.bf16");
        arena.close();
    }

    /** A base's tensors: with few bits, or those widened. */
    private Map<String, View> base(String form, boolean widened) {
        Map<String, View> out = new LinkedHashMap<>();
        try (Parameters p = new Parameters()) {
            new LlamaNetwork(p, CONFIG);
            fill(p, 5);
            for (Parameter q : p.all()) {
                View copy = View.allocate(arena, DType.F32, q.shape());
                Backends.best().elementwise().copy(q.view(), copy);
                out.put(q.name(), copy);
                if (!form.equals("F32") && q.isQuantizable()) {
                    quantize(q.name(), copy, Format.valueOf(form), widened, out);
                }
            }
        }
        return out;
    }

    private void quantize(String name, View values, Format format, boolean widened, Map<String, View> out) {
        QuantizedWeight w = new QuantizedWeight(
                View.allocate(arena, format.codes(), values.size(0), format.width(values.size(1))),
                View.allocate(arena, DType.F32, values.size(0), values.size(1) / 32));
        GroupRounding.round(values, w);
        if (widened) {
            Backends.scalar().quantizedMatmul().widen(w, values);
        } else {
            out.put(name, w.codes());
            out.put(name + QuantizedMatrix.SCALE, w.scales());
        }
    }

    private static void fill(Parameters p, long seed) {
        p.initialize(DType.F32, seed);
        SplittableRandom random = new SplittableRandom(seed);
        for (Parameter q : p.all()) {
            boolean gain = q.shape().length == 1;
            for (long i = 0; i < q.view().elements(); i++) {
                double z = random.nextDouble(-1, 1);
                q.view().setAt(q.view().position(i), gain ? 1 + 0.5 * z : 0.4 * z);
            }
        }
    }

    /** Loss, gradients, and what the adapters are behind a step of Adam, their names then ending with a quote. */
    private static Map<String, double[]> step(Map<String, View> base, Kernels kernels) {
        Map<String, double[]> out = new TreeMap<>();
        try (Parameters p = new Parameters();
                Parameters adapters = new Parameters()) {
            LlamaNetwork network = new LlamaNetwork(p, CONFIG).frozen();
            p.loadAsStored("model.safetensors", base.keySet(), base::get);
            Adapter.fresh(network, LoraConfig.of(4, 8, 0), adapters);
            fill(adapters, 9);
            List<Parameter> learning = List.copyOf(adapters.all());
            try (Adam adam = new Adam(learning, Adam.Constants.decoupled(0.999, 0));
                    Scope scope = Scope.open(kernels);
                    Tape tape = Tape.record()) {
                long[] ids = new SplittableRandom(3)
                        .longs(2 * LENGTH, 0, CONFIG.vocabulary())
                        .toArray();
                Tensor tokens = Tensor.of(ids, 2, LENGTH);
                Tensor hidden = network.hidden(
                        network.embed(tokens),
                        LlamaNetwork.positions(0, LENGTH),
                        AttentionMask.causal(),
                        Pass.EVALUATION,
                        true);
                Tensor loss = network.loss(hidden, tokens);
                out.put("loss", loss.toDoubles());
                try (Gradients g = tape.gradients(
                        loss, learning.stream().map(Parameter::tensor).toList())) {
                    Map<Parameter, View> gradients = new HashMap<>();
                    learning.forEach(q -> gradients.put(q, g.of(q.tensor()).view()));
                    gradients.forEach((q, gradient) -> out.put(q.name(), gradient.toDoubles()));
                    learning.forEach(q -> out.put("before " + q.name(), q.view().toDoubles()));
                    new ClippedAdam(learning, adam, 1e9).update(gradients, q -> RATE);
                    learning.forEach(q -> out.put("after " + q.name(), q.view().toDoubles()));
                }
            }
        }
        return out;
    }

    private static Map<String, double[]> gradients(Map<String, double[]> step) {
        Map<String, double[]> out = new TreeMap<>(step);
        out.keySet().removeIf(name -> name.startsWith("before ") || name.startsWith("after "));
        return out;
    }

    @ParameterizedTest
    @ValueSource(strings = {"F32", "INT8", "INT4"})
    void gradientsKeepTheRuleAndMastersAreFloat32(String form) {
        Map<String, View> wide = base(form, true);
        Map<String, double[]> exact = gradients(step(wide, Backends.best()));
        RoundingRule rule = new RoundingRule(exact, kernels -> gradients(step(wide, kernels)));
        Map<String, double[]> ours = step(base(form, false), rounding);
        assertThat(rule.problems(gradients(ours))).isEmpty();
        // Rounded weights of few bits are the widened ones rounded: forward and back, to the bit.
        step(wide, rounding)
                .forEach((name, values) -> assertThat(ours.get(name)).as(name).isEqualTo(values));
        assertMoved(ours);
    }

    /** An update far below what bfloat16 resolves arrives wherever there is a gradient. */
    private static void assertMoved(Map<String, double[]> step) {
        int seen = 0;
        for (String name : gradients(step).keySet()) {
            double[] gradient = step.get(name);
            for (int i = 0; !name.equals("loss") && i < gradient.length; i++) {
                double from = step.get("before " + name)[i];
                if (Math.abs(gradient[i]) > 1e-4 && Math.abs(from) > 2 * RATE / 0x1p-9) {
                    double moved = (step.get("after " + name)[i] - from) * -Math.signum(gradient[i]);
                    assertThat(moved).as("%s, %d", name, i).isCloseTo(RATE, within(0.1 * RATE));
                    seen++;
                }
            }
        }
        assertThat(seen).isGreaterThan(1000);
    }
}
