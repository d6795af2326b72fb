package io.aegis.training.faceshield;

import io.aegis.tensor.Tensor;
import java.nio.file.Path;

/** Where a picture's vision features come from. */
interface Eyes {
    /**
     * V of a picture, [2, n, D_v], in the current scope; on the tape where the tower learns.
     *
     * @throws io.aegis.image.ImageException when the picture cannot be read
     */
    Tensor features(Path picture);

    /**
     * Makes sure that a picture can be seen, and does what can be done before it is needed.
     *
     * @throws io.aegis.image.ImageException when it cannot be read
     */
    void prepare(Path picture);
}
