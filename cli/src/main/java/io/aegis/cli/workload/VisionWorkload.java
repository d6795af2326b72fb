package io.aegis.cli.workload;

import io.aegis.models.vit.VisionTransformer;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;

/**
 * A vision tower over pictures.
 *
 * @param network filled
 * @param layer the hidden state that is asked for, as in {@link VisionTransformer#hidden}; ignored when {@code whole}
 * @param whole whether everything is computed, final norm and pooling included
 */
public record VisionWorkload(VisionTransformer network, int layer, boolean whole) {
    /** Looks at pictures. */
    public void forward(Tensor pictures) {
        try (Scope scope = Scope.open()) {
            if (whole) {
                network.forward(pictures);
            } else {
                network.hidden(pictures, layer);
            }
        }
    }

    /** Pictures of noise, normalised, in the current scope. */
    public Tensor pictures(int b) {
        return noise(b, network.config().image());
    }

    /** Pictures [B, 3, S, S] of noise in [-1, 1], in the current scope. */
    public static Tensor noise(int b, int side) {
        return DadmWorkload.noise(0, b, side);
    }
}
