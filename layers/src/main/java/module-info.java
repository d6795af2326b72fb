/** Parameters and blocks: linear, norms, attention, convolutions. */
module io.aegis.layers {
    requires transitive io.aegis.tensor;

    exports io.aegis.layers;
}
