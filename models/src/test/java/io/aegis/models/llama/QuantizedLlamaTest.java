package io.aegis.models.llama;

import static io.aegis.models.llama.TinyLlama.ids;
import static io.aegis.models.llama.TinyLlama.prompt;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.QuantizedWeight.Format;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.layers.Pass;
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
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A Llama whose matrices have 4 bits, its embedding that serves as output matrix 8, beside one of the same weights widened. */
class QuantizedLlamaTest {
    private static final LlamaConfig CONFIG =
            new LlamaConfig(40, 32, 64, 2, 4, 2, 8, 1e-5, 10000, RopeScaling.NONE, true, 64);

    private final Arena arena = Arena.ofShared();
    private final Map<String, View> stored = new LinkedHashMap<>();
    private final Map<String, View> widened = new LinkedHashMap<>();
    private final Parameters quantizedParameters = new Parameters();
    private final Parameters wideParameters = new Parameters();
    private final LlamaNetwork quantized;
    private final LlamaNetwork wide;

    QuantizedLlamaTest() {
        try (TinyLlama original = new TinyLlama(CONFIG, DType.F32, true)) {
            for (Parameter p : original.parameters.all()) {
                View copy = View.allocate(arena, DType.F32, p.shape());
                Backends.best().elementwise().copy(p.view(), copy);
                stored.put(p.name(), copy);
                widened.put(p.name(), copy);
                if (p.isQuantizable()) {
                    quantize(p.name(), copy);
                }
            }
        }
        quantized = filled(quantizedParameters, stored);
        wide = filled(wideParameters, widened);
    }

    private void quantize(String name, View values) {
        Format format = name.startsWith("embed") ? Format.INT8 : Format.INT4;
        QuantizedWeight w = new QuantizedWeight(
                View.allocate(arena, format.codes(), values.size(0), format.width(values.size(1))),
                View.allocate(arena, DType.F32, values.size(0), values.size(1) / 32));
        GroupRounding.round(values, w);
        stored.put(name, w.codes());
        stored.put(name + QuantizedMatrix.SCALE, w.scales());
        View back = View.allocate(arena, DType.F32, values.shape());
        Backends.scalar().quantizedMatmul().widen(w, back);
        widened.put(name, back);
    }

    private static LlamaNetwork filled(Parameters p, Map<String, View> tensors) {
        LlamaNetwork network = new LlamaNetwork(p, CONFIG).frozen();
        p.loadAsStored("model.safetensors", tensors.keySet(), tensors::get);
        return network;
    }

    @AfterEach
    void close() {
        quantizedParameters.close();
        wideParameters.close();
        arena.close();
    }

    private static Tensor loss(LlamaNetwork network, Pass pass) {
        int[] text = prompt(9, 3);
        Tensor hidden = network.hidden(
                network.embed(ids(text)), LlamaNetwork.positions(0, 9), AttentionMask.causal(), pass, true);
        return network.loss(hidden, ids(text));
    }

    @Test
    void itComputesWhatTheWidenedOneDoes() {
        try (Scope scope = Scope.open();
                KeyValueCache cache = new KeyValueCache(CONFIG, 16)) {
            assertThat(loss(quantized, Pass.EVALUATION).item())
                    .isCloseTo(loss(wide, Pass.EVALUATION).item(), within(1e-4));
            Tensor x = quantized.embed(ids(prompt(1, 3)));
            double[] step =
                    quantized.logitsOfRows(quantized.step(x, List.of(cache))).toDoubles();
            double[] whole = wide.logits(wide.hidden(
                            x, LlamaNetwork.positions(0, 1), AttentionMask.causal(), Pass.EVALUATION, false))
                    .toDoubles();
            assertThat(step).containsExactly(whole, within(1e-3));
        }
    }

    /** Through frozen matrices of 4 bits, adapters get the gradients that they get through the same matrices widened. */
    @Test
    void adaptersLearnOnIt() {
        LoraConfig lora = LoraConfig.of(4, 8, 0);
        try (Parameters on = new Parameters();
                Parameters beside = new Parameters()) {
            Adapter.fresh(quantized, lora, on);
            Adapter.fresh(wide, lora, beside);
            TinyLlama.fill(on, DType.F32, 9);
            TinyLlama.fill(beside, DType.F32, 9);
            double first = step(quantized, on, beside, wide);
            double last = first;
            for (int i = 0; i < 10; i++) {
                last = step(quantized, on, null, null);
            }
            assertThat(last).isLessThan(0.8 * first);
        }
    }

    /** One step down the gradient, which is first compared with the twin's where there is one. */
    private static double step(LlamaNetwork network, Parameters adapters, Parameters twins, LlamaNetwork twin) {
        List<Tensor> leaves =
                adapters.trainable().stream().map(Parameter::tensor).toList();
        try (Tape tape = Tape.record();
                Scope scope = Scope.open()) {
            Tensor loss = loss(network, Pass.EVALUATION);
            try (Gradients gradients = tape.gradients(loss, leaves)) {
                if (twin != null) {
                    List<Tensor> others =
                            twins.trainable().stream().map(Parameter::tensor).toList();
                    try (Gradients expected = tape.gradients(loss(twin, Pass.EVALUATION), others)) {
                        for (int i = 0; i < leaves.size(); i++) {
                            assertThat(gradients.of(leaves.get(i)).toDoubles())
                                    .containsExactly(expected.of(others.get(i)).toDoubles(), within(1e-3));
                        }
                    }
                }
                for (Parameter p : adapters.trainable()) {
                    Backends.best()
                            .elementwise()
                            .addScaled(gradients.of(p.tensor()).view(), -0.02, p.view());
                }
            }
            adapters.trainable().forEach(Parameter::changed);
            return loss.item();
        }
    }
}
