package io.aegis.models.llama;

import io.aegis.layers.Linear;
import io.aegis.layers.Lora;
import io.aegis.layers.Parameters;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;

/** A linear of a block, without a bias, that may carry a low-rank adapter. */
final class Projection {
    private final String module;
    private final long in;
    private final long out;
    private final Linear linear;
    private Lora adapter;

    /** @param module its name in the model, such as {@code layers.0.self_attn.q_proj} */
    Projection(Parameters p, String module, long in, long out) {
        this.module = module;
        this.in = in;
        this.out = out;
        this.linear = new Linear(p.at(module), in, out, LlamaNetwork.INIT, null);
    }

    String module() {
        return module;
    }

    long in() {
        return in;
    }

    long out() {
        return out;
    }

    /** Takes an adapter, or with null gives it up. */
    void carry(Lora adapter) {
        this.adapter = adapter;
    }

    /** x [..., in] to [..., out]. */
    Tensor of(Tensor x, Flow flow) {
        if (adapter == null) {
            return flow.alone() ? linear.ofRows(x) : linear.of(x);
        }
        try (Scope scope = Scope.open()) {
            Tensor y = flow.alone() ? linear.ofRows(x) : linear.of(x);
            return scope.keep(y.plus(flow.alone() ? adapter.ofRows(x) : adapter.of(x, flow.pass())));
        }
    }
}
