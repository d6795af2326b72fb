package io.aegis.cli.verify;

import io.aegis.kernels.Activation;
import io.aegis.tensor.Gradients;
import io.aegis.tensor.Ops;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import java.util.List;
import java.util.Map;

/** The loose file {@code activations.safetensors}: {@code x}, and for each function its values and, {@code .grad}, slopes. */
final class ActivationVerification {
    static final String FILE = "activations";

    /** Hugging Face's names; {@code gelu_new} is an older writing of the tanh. */
    private static final Map<String, Activation> FUNCTIONS = Map.of(
            "gelu", Activation.GELU,
            "gelu_pytorch_tanh", Activation.GELU_TANH,
            "gelu_new", Activation.GELU_TANH,
            "quick_gelu", Activation.QUICK_GELU,
            "silu", Activation.SILU);

    private final Golden golden;
    private final Verification.Computing computing;
    private final Rows rows;

    ActivationVerification(Golden golden, Verification.Computing computing, Rows rows) {
        this.golden = golden;
        this.computing = computing;
        this.rows = rows;
    }

    /** Whether a directory holds references of this kind. */
    static boolean recognises(Golden golden) {
        return golden.has(FILE, "x");
    }

    void run() {
        rows.given(FILE + ":x");
        FUNCTIONS.forEach((name, function) -> {
            if (golden.has(FILE, name)) {
                compare(name, function);
            }
        });
    }

    private void compare(String name, Activation function) {
        try (Scope scope = Scope.open(computing.kernels());
                Tape tape = Tape.record()) {
            Tensor x = Tensor.wrap(golden.tensor(FILE, "x", computing.dtype()).view(), true);
            Tensor y = Ops.activate(function, x);
            rows.compare(FILE + ":" + name, golden.doubles(FILE, name), y.toDoubles(), Rows.OUTPUT);
            try (Gradients g = tape.gradients(Ops.total(y), List.of(x))) {
                String key = name + ".grad";
                if (golden.has(FILE, key)) {
                    rows.compare(
                            FILE + ":" + key, golden.doubles(FILE, key), g.of(x).toDoubles(), Rows.GRADIENT);
                }
            }
        }
    }
}
