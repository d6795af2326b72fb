/** Weight files: safetensors, sharded checkpoints, PyTorch archives, config.json. */
module io.aegis.weights {
    requires transitive io.aegis.tensor;
    requires transitive com.fasterxml.jackson.databind;

    exports io.aegis.weights;
}
