package io.aegis.cli.verify;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.layers.Pass;
import io.aegis.layers.Probe;
import io.aegis.models.checkpoint.CheckpointLayout;
import io.aegis.models.checkpoint.VisionLanguageCheckpoint;
import io.aegis.models.llama.LlamaConfig;
import io.aegis.models.llama.LlamaNetwork;
import io.aegis.models.lora.Adapter;
import io.aegis.models.lora.LoraMerge;
import io.aegis.tensor.Gradients;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import io.aegis.weights.Views;
import io.aegis.weights.WeightsException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Compares a low-rank adapter on its base, whose folder {@code adapter_config.json} names from where it lies: logits and
 * loss of the base, with the adapter, and with the adapter merged; the merged weights; the gradients of the adapter; and the
 * steps of {@link LoraTraceVerification}.
 */
final class LoraVerification {
    private static final String IO = "io";
    private static final String GRADIENTS = "grads";
    private static final String MERGED = "merged";

    private final Golden golden;
    private final Verification.Computing computing;
    private final Rows rows;
    private final Adapter adapter;
    private final VisionLanguageCheckpoint base;
    private final LlamaConfig config;
    private final TokenBatch batch;

    private LoraVerification(
            Golden golden,
            Verification.Computing computing,
            Rows rows,
            Adapter adapter,
            VisionLanguageCheckpoint base) {
        this.golden = golden;
        this.computing = computing;
        this.rows = rows;
        this.adapter = adapter;
        this.base = base;
        this.config = base.config()
                .language()
                .orElseThrow(() -> WeightsException.of(base.path(), "the base of the adapter has no language model"));
        this.batch = TokenBatch.of(golden, rows, IO, "", "");
    }

    /** Whether a directory holds an adapter. */
    static boolean recognises(Path directory) {
        return Files.exists(directory.resolve(Adapter.CONFIG));
    }

    static void run(Golden golden, Verification.Computing computing, Rows rows) {
        Path directory = golden.directory();
        try (Adapter adapter = Adapter.open(directory)) {
            String name = adapter.config()
                    .base()
                    .orElseThrow(() -> WeightsException.of(
                            directory.resolve(Adapter.CONFIG),
                            "base_model_name_or_path is missing, expected the folder of the base"));
            try (VisionLanguageCheckpoint base =
                    VisionLanguageCheckpoint.open(computing.weights().of(directory.resolve(name)))) {
                LoraVerification v = new LoraVerification(golden, computing, rows, adapter, base);
                v.adapted();
                if (computing.weights().arePublished()) {
                    v.merged();
                    // Six steps of Adam carry float32's rounding further than it is allowed to be: of other weights by
                    // chance.
                    new LoraTraceVerification(golden, computing, rows, v).run();
                }
            }
        }
    }

    /** A network with the base's weights; matrices as they are stored unless doubles are wanted. */
    LlamaNetwork network(Parameters p) {
        LlamaNetwork network = new LlamaNetwork(p.at("llm"), config).frozen();
        computing.weights().load(base, p, computing.dtype());
        return network;
    }

    Adapter adapter() {
        return adapter;
    }

    private void adapted() {
        try (Parameters p = new Parameters()) {
            LlamaNetwork network = network(p);
            outputs(network, "base_");
            try (Parameters own = adapter.into(network, computing.dtype())) {
                outputs(network, "");
                if (golden.has(GRADIENTS)) {
                    try (Scope scope = Scope.open(computing.kernels());
                            Tape tape = Tape.record();
                            Gradients g = tape.gradients(loss(network), tensors(own))) {
                        new GradientRows(golden, rows, GRADIENTS).compare(own.all(), g, this::nameInFile);
                    }
                }
            }
        }
    }

    /** What PEFT calls one of {@link Adapter#into}'s parameters. */
    String nameInFile(String parameter) {
        int at = parameter.lastIndexOf(".lora_");
        String weight = base.nameInFile("llm." + parameter.substring(0, at) + ".weight");
        return "base_model.model." + weight.substring(0, weight.length() - ".weight".length())
                + parameter.substring(at);
    }

    static List<Tensor> tensors(Parameters own) {
        return own.all().stream().map(Parameter::tensor).toList();
    }

    private void outputs(LlamaNetwork network, String prefix) {
        try (Scope scope = Scope.open(computing.kernels())) {
            Tensor hidden = network.hidden(
                    network.embed(batch.idTensor()), batch.positionTensor(), batch.attention(), null, Probe.NONE);
            batch.compare(golden, rows, IO, prefix + "logits", network.logits(hidden));
            compare(
                    IO,
                    prefix + "loss",
                    network.loss(hidden, batch.labelTensor()).toDoubles(),
                    Rows.OUTPUT);
        }
    }

    Tensor loss(LlamaNetwork network) {
        Tensor hidden = network.hidden(
                network.embed(batch.idTensor()), batch.positionTensor(), batch.attention(), Pass.EVALUATION, false);
        return network.loss(hidden, batch.labelTensor());
    }

    private void compare(String file, String key, double[] ours, double relative) {
        if (golden.has(file, key)) {
            rows.compare(file + ":" + key, golden.doubles(file, key), ours, relative);
        }
    }

    /** The sums themselves, and what the model says with them. */
    private void merged() {
        try (Arena arena = Arena.ofShared();
                Parameters p = new Parameters()) {
            Map<String, View> weights = new HashMap<>();
            adapter.pairs().forEach((module, pair) -> {
                String name = module + ".weight";
                String canonical = CheckpointLayout.canonical(name)
                        .orElseThrow(() -> WeightsException.of(adapter.path(), name, "is of no known layout"));
                View weight = Views.of(base.tensors(), canonical);
                // The reference merged what was widened, so its sums may be wider than the base.
                DType dtype =
                        golden.has(MERGED, name) ? golden.view(MERGED, name).dtype() : weight.dtype();
                View sum = View.allocate(arena, dtype, weight.shape());
                LoraMerge.merge(weight, pair, adapter.config().scale(module), sum);
                compare(MERGED, name, sum.toDoubles(), Rows.OUTPUT);
                weights.put(canonical, sum);
            });
            LlamaNetwork network = new LlamaNetwork(p.at("llm"), config);
            List<String> names = p.all().stream().map(Parameter::name).toList();
            p.load(
                    base.path().toString(),
                    names,
                    name -> weights.containsKey(name) ? weights.get(name) : Views.of(base.tensors(), name),
                    computing.dtype(),
                    false);
            outputs(network, "merged_");
        }
    }
}
