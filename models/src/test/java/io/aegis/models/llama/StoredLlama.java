package io.aegis.models.llama;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.QuantizedWeight.Format;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.models.lora.Adapter;
import io.aegis.models.lora.LoraConfig;
import io.aegis.tensor.QuantizedMatrix;
import io.aegis.weights.GroupRounding;
import java.lang.foreign.Arena;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.Map;

/** A {@link TinyLlama} with its weights as some checkpoint stores them. */
final class StoredLlama implements AutoCloseable {
    final LlamaNetwork network;
    private final Deque<AutoCloseable> open = new ArrayDeque<>();

    /**
     * @param weights F32, BF16, F16; "quantized": matrices of 4 bits, and an embedding of 8 that serves as output matrix; "adapted":
     *     F32, with an adapter beside every matrix of a block
     */
    StoredLlama(LlamaConfig config, String weights) {
        if (weights.equals("F32") || weights.equals("adapted")) {
            TinyLlama llama = opened(new TinyLlama(config, DType.F32, true));
            if (weights.equals("adapted")) {
                Parameters adapters = opened(new Parameters());
                Adapter.fresh(llama.network, LoraConfig.of(4, 8, 0), adapters);
                TinyLlama.fill(adapters, DType.F32, 9);
            }
            network = llama.network;
            return;
        }
        LlamaConfig own = new LlamaConfig(
                config.vocabulary(),
                config.hidden(),
                config.intermediate(),
                config.layers(),
                config.heads(),
                config.keyHeads(),
                config.headSize(),
                config.eps(),
                config.theta(),
                config.scaling(),
                weights.equals("quantized"),
                config.context());
        Arena arena = Arena.ofShared();
        open.push(arena::close);
        Map<String, View> stored = new LinkedHashMap<>();
        try (TinyLlama original = new TinyLlama(own, DType.F32, true)) {
            for (Parameter p : original.parameters.all()) {
                store(arena, p.name(), p.view(), p.isQuantizable() ? weights : "F32", stored);
            }
        }
        Parameters parameters = opened(new Parameters());
        network = new LlamaNetwork(parameters, own).frozen();
        parameters.loadAsStored("model.safetensors", stored.keySet(), stored::get);
    }

    private <T extends AutoCloseable> T opened(T resource) {
        open.push(resource);
        return resource;
    }

    private static void store(Arena arena, String name, View from, String type, Map<String, View> stored) {
        if (!type.equals("quantized")) {
            View copy = View.allocate(arena, DType.valueOf(type), from.shape());
            Backends.best().elementwise().copy(from, copy);
            stored.put(name, copy);
            return;
        }
        Format format = name.startsWith("embed") ? Format.INT8 : Format.INT4;
        QuantizedWeight w = new QuantizedWeight(
                View.allocate(arena, format.codes(), from.size(0), format.width(from.size(1))),
                View.allocate(arena, DType.F32, from.size(0), from.size(1) / 32));
        GroupRounding.round(from, w);
        stored.put(name, w.codes());
        stored.put(name + QuantizedMatrix.SCALE, w.scales());
    }

    @Override
    public void close() throws Exception {
        while (!open.isEmpty()) {
            open.pop().close();
        }
    }
}
