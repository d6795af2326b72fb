/** Names what is computed: tensors, shapes, memory scopes, and the tape that differentiates. */
module io.aegis.tensor {
    requires transitive io.aegis.kernels;
    requires java.management;
    requires jdk.management;

    exports io.aegis.tensor;
}
