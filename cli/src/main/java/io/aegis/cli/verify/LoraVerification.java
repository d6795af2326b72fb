package io.aegis.cli.verify;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.layers.Pass;
import io.aegis.layers.Probe;
import io.aegis.models.checkpoint.VisionLanguageCheckpoint;
import io.aegis.models.llama.LlamaConfig;
import io.aegis.models.llama.LlamaNetwork;
import io.aegis.models.lora.Adapter;
import io.aegis.models.lora.LoraMerge;
import io.aegis.tensor.Gradients;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import io.aegis.training.Adam;
import io.aegis.weights.ConfigJson;
import io.aegis.weights.Views;
import io.aegis.weights.WeightsException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Compares a low-rank adapter on its base, whose folder {@code adapter_config.json} names from where it lies: logits and
 * loss of the base, with the adapter, and with the adapter merged; the merged weights; the gradients of the adapter; and the
 * steps of AdamW that {@code train.json} describes, with losses, norms before clipping, and what came out.
 */
final class LoraVerification {
    private static final String IO = "io";
    private static final String GRADIENTS = "grads";
    private static final String MERGED = "merged";
    private static final String TRAINED = "trained";
    private static final String TRAINING = "train.json";

    /**
     * Of a tensor's largest gradient; below it Adam's first step is led by rounding, which is some 4e-6 of the largest here
     * and there.
     */
    private static final double TINY_GRADIENT = 1e-4;

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
            try (VisionLanguageCheckpoint base = VisionLanguageCheckpoint.open(directory.resolve(name))) {
                LoraVerification v = new LoraVerification(golden, computing, rows, adapter, base);
                v.adapted();
                v.merged();
                v.training();
            }
        }
    }

    /** A network with the base's weights; matrices as they are stored unless doubles are wanted. */
    private LlamaNetwork network(Parameters p) {
        LlamaNetwork network = new LlamaNetwork(p.at("llm"), config).frozen();
        if (computing.dtype() == DType.F32) {
            base.load(p);
        } else {
            base.load(p, computing.dtype());
        }
        return network;
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

    private String nameInFile(String parameter) {
        int at = parameter.lastIndexOf(".lora_");
        String weight = base.nameInFile("llm." + parameter.substring(0, at) + ".weight");
        return "base_model.model." + weight.substring(0, weight.length() - ".weight".length())
                + parameter.substring(at);
    }

    private static List<Tensor> tensors(Parameters own) {
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

    private Tensor loss(LlamaNetwork network) {
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
                String canonical = base.layout().table().apply(name).orElseThrow();
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

    /** The same batch at every step, gradients of all matrices clipped together by their norm. */
    private void training() {
        Path file = golden.directory().resolve(TRAINING);
        if (!Files.exists(file)) {
            return;
        }
        ConfigJson told = ConfigJson.read(file);
        List<Double> betas = told.numbers("betas");
        Adam.Constants constants =
                new Adam.Constants(betas.get(0), betas.get(1), told.number("eps"), told.number("weight_decay"), true);
        int steps = told.positive("steps");
        double[] losses = new double[steps];
        double[] norms = new double[steps];
        Map<Parameter, boolean[]> noise = new HashMap<>();
        try (Parameters p = new Parameters()) {
            LlamaNetwork network = network(p);
            try (Parameters own = adapter.into(network, computing.dtype());
                    Adam adam = new Adam(List.copyOf(own.all()), constants)) {
                for (int i = 0; i < steps; i++) {
                    try (Scope scope = Scope.open(computing.kernels());
                            Tape tape = Tape.record()) {
                        Tensor loss = loss(network);
                        losses[i] = loss.item();
                        try (Gradients g = tape.gradients(loss, tensors(own))) {
                            norms[i] = norm(own, g);
                            if (i == 0) {
                                own.all()
                                        .forEach(q -> noise.put(
                                                q, tiny(g.of(q.tensor()).toDoubles())));
                            }
                            double factor = Math.min(
                                    1, told.number("clip_grad_norm", Double.POSITIVE_INFINITY) / (norms[i] + 1e-6));
                            for (Parameter q : own.all()) {
                                Tensor gradient = g.of(q.tensor()).times(factor);
                                adam.update(q, gradient, told.number("lr"));
                            }
                        }
                    }
                }
                compareList(told, "loss_before_each_step", losses, Rows.OUTPUT);
                compareList(told, "grad_norm_before_clip", norms, Rows.GRADIENT);
                own.all().forEach(q -> compareTrained(q, noise.get(q)));
            }
        }
    }

    private static double norm(Parameters own, Gradients g) {
        double sum = 0;
        for (Parameter q : own.all()) {
            sum += Arrays.stream(g.of(q.tensor()).toDoubles()).map(x -> x * x).sum();
        }
        return Math.sqrt(sum);
    }

    private static boolean[] tiny(double[] gradient) {
        double largest = Arrays.stream(gradient).map(Math::abs).max().orElse(0);
        boolean[] out = new boolean[gradient.length];
        for (int i = 0; i < out.length; i++) {
            out[i] = Math.abs(gradient[i]) < TINY_GRADIENT * largest;
        }
        return out;
    }

    private void compareTrained(Parameter q, boolean[] noise) {
        String key = nameInFile(q.name());
        if (golden.has(TRAINED, key)) {
            rows.compare(
                    TRAINED + ":" + key,
                    golden.doubles(TRAINED, key),
                    q.view().toDoubles(),
                    Rows.GRADIENT,
                    noise,
                    "first gradient below " + TINY_GRADIENT + " of the largest");
        }
    }

    private void compareList(ConfigJson told, String key, double[] ours, double relative) {
        if (told.has(key)) {
            double[] reference =
                    told.numbers(key).stream().mapToDouble(Double::doubleValue).toArray();
            rows.compare(TRAINING + ":" + key, reference, ours, relative);
        }
    }
}
