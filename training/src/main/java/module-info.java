/** Optimisers, schedules, data sets and protocols, metrics, and runs that survive a crash. */
module io.aegis.training {
    requires transitive io.aegis.models;
    requires io.aegis.tokenizer;

    exports io.aegis.training;
    exports io.aegis.training.dadm;
    exports io.aegis.training.data;
    exports io.aegis.training.faceshield;
    exports io.aegis.training.memory;
    exports io.aegis.training.metrics;
    exports io.aegis.training.quantization;
    exports io.aegis.training.report;
    exports io.aegis.training.synthetic;
    exports io.aegis.training.synthetic.instruction;
}
