/** Names what is computed: tensors, shapes, memory scopes, and the tape that differentiates. */
module io.aegis.tensor {
    requires transitive io.aegis.kernels;

    exports io.aegis.tensor;
}
