package io.aegis.models.vit;

import io.aegis.kernels.Activation;
import io.aegis.layers.Linear;
import io.aegis.layers.Parameters;
import io.aegis.tensor.Tensor;

/** fc2(act(fc1(x))). */
final class Mlp {
    private final Linear fc1;
    private final Linear fc2;
    private final Activation activation;

    Mlp(Parameters p, VitConfig config) {
        fc1 = new Linear(p.at("fc1"), config.width(), config.mlp(), true);
        fc2 = new Linear(p.at("fc2"), config.mlp(), config.width(), true);
        activation = config.activation();
    }

    Tensor of(Tensor x) {
        return of(x, null);
    }

    /** fc2(act(fc1(x))) + residual; it may be null. */
    Tensor of(Tensor x, Tensor residual) {
        return fc2.of(fc1.activated(x, activation), residual);
    }
}
