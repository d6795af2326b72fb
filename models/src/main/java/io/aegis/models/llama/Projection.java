package io.aegis.models.llama;

import io.aegis.layers.Linear;
import io.aegis.layers.Lora;
import io.aegis.layers.Parameters;
import io.aegis.tensor.Ops;
import io.aegis.tensor.QuantizedMatrix;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import java.util.stream.Stream;

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
        return of(x, flow, null);
    }

    /** What of gives, and the residual: [..., out]; one pass where there is no adapter. */
    Tensor of(Tensor x, Flow flow, Tensor residual) {
        if (adapter == null) {
            return flow.alone() ? linear.ofRows(x, residual) : linear.of(x, residual);
        }
        try (Scope scope = Scope.open()) {
            Tensor y = flow.alone() ? adapter.ofRows(x, linear.ofRows(x)) : adapter.beside(linear, x, flow.pass());
            return scope.keep(residual == null ? y : residual.plus(y));
        }
    }

    /** What each gives of the same x; in one step where all are matrices of one kind. */
    static Tensor[] together(Tensor x, Flow flow, Projection... all) {
        if (flow.alone() && Stream.of(all).allMatch(Projection::isPlain)) {
            return Ops.linearsOfRows(x, Stream.of(all).map(Projection::matrix).toArray(Tensor[]::new));
        }
        if (flow.alone() && Stream.of(all).allMatch(Projection::isQuantized)) {
            return Ops.linearsOfRows(x, Stream.of(all).map(Projection::codes).toArray(QuantizedMatrix[]::new));
        }
        if (!flow.alone() && Stream.of(all).allMatch(p -> p.adapter == null)) {
            return Linear.together(x, Stream.of(all).map(p -> p.linear).toArray(Linear[]::new));
        }
        return Stream.of(all).map(p -> p.of(x, flow)).toArray(Tensor[]::new);
    }

    /** silu(gate x) (up x), in one step where both are matrices of one kind. */
    static Tensor gated(Projection gate, Projection up, Tensor x, Flow flow) {
        if (gate.isPlain() && up.isPlain()) {
            return flow.alone()
                    ? Ops.linearGateRows(x, gate.matrix(), up.matrix())
                    : Ops.linearGate(x, gate.matrix(), up.matrix());
        }
        if (flow.alone() && gate.isQuantized() && up.isQuantized()) {
            return Ops.linearGateRows(x, gate.codes(), up.codes());
        }
        Tensor[] both = together(x, flow, gate, up);
        return Ops.siluGate(both[0], both[1]);
    }

    private boolean isPlain() {
        return adapter == null && !linear.weight().isQuantized();
    }

    private boolean isQuantized() {
        return adapter == null && linear.weight().isQuantized();
    }

    private Tensor matrix() {
        return linear.weight().tensor();
    }

    private QuantizedMatrix codes() {
        return linear.weight().quantized();
    }
}
