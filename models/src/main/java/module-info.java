/** The published models, each reading like its paper. */
module io.aegis.models {
    requires transitive io.aegis.layers;
    requires transitive io.aegis.weights;
    requires transitive io.aegis.image;
    requires transitive io.aegis.tokenizer;

    exports io.aegis.models.checkpoint;
    exports io.aegis.models.dadm;
    exports io.aegis.models.faceshield;
    exports io.aegis.models.llama;
    exports io.aegis.models.llava;
    exports io.aegis.models.lora;
    exports io.aegis.models.vit;
    exports io.aegis.models;
}
