package io.aegis.training.faceshield;

import io.aegis.models.faceshield.FaceShieldNetwork;
import io.aegis.tensor.Tensor;
import java.nio.file.Path;

/** Through the tower, every time: for one that learns. */
final class LiveEyes implements Eyes {
    private final FaceShieldNetwork network;
    private final Pictures pictures;

    LiveEyes(FaceShieldNetwork network) {
        this.network = network;
        this.pictures = new Pictures(network.config());
    }

    @Override
    public Tensor features(Path picture) {
        return network.features(pictures.pixels(picture));
    }

    @Override
    public void prepare(Path picture) {
        pictures.of(picture);
    }
}
