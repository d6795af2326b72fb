package io.aegis.cli.verify;

import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.models.llama.LlamaNetwork;
import io.aegis.tensor.Gradients;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import io.aegis.training.Adam;
import io.aegis.training.ClippedAdam;
import io.aegis.weights.ConfigJson;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Trains an adapter by the steps of AdamW that {@code train.json} describes, the same batch at every step, gradients of all
 * matrices clipped together by their norm; and compares losses, norms before clipping, and what came out.
 */
final class LoraTraceVerification {
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
    private final LoraVerification whole;

    LoraTraceVerification(Golden golden, Verification.Computing computing, Rows rows, LoraVerification whole) {
        this.golden = golden;
        this.computing = computing;
        this.rows = rows;
        this.whole = whole;
    }

    void run() {
        Path file = golden.directory().resolve(TRAINING);
        if (!Files.exists(file)) {
            return;
        }
        ConfigJson told = ConfigJson.read(file);
        double[] losses = new double[told.positive("steps")];
        double[] norms = new double[losses.length];
        Map<Parameter, boolean[]> noise = new HashMap<>();
        try (Parameters p = new Parameters()) {
            LlamaNetwork network = whole.network(p);
            try (Parameters own = whole.adapter().into(network, computing.dtype());
                    Adam adam = new Adam(List.copyOf(own.all()), constants(told))) {
                ClippedAdam optimizer =
                        new ClippedAdam(List.copyOf(own.all()), adam, told.number("clip_grad_norm", Double.MAX_VALUE));
                for (int i = 0; i < losses.length; i++) {
                    try (Scope scope = Scope.open(computing.kernels());
                            Tape tape = Tape.record()) {
                        Tensor loss = whole.loss(network);
                        losses[i] = loss.item();
                        try (Gradients g = tape.gradients(loss, LoraVerification.tensors(own))) {
                            Map<Parameter, View> gradients = new HashMap<>();
                            own.all()
                                    .forEach(q ->
                                            gradients.put(q, g.of(q.tensor()).view()));
                            gradients.forEach(
                                    (q, gradient) -> noise.computeIfAbsent(q, first -> tiny(gradient.toDoubles())));
                            norms[i] = optimizer.update(gradients, q -> told.number("lr"));
                        }
                    }
                }
                compareList(told, "loss_before_each_step", losses, Rows.OUTPUT);
                compareList(told, "grad_norm_before_clip", norms, Rows.GRADIENT);
                own.all().forEach(q -> compareTrained(q, noise.get(q)));
            }
        }
    }

    private static Adam.Constants constants(ConfigJson told) {
        List<Double> betas = told.numbers("betas");
        return new Adam.Constants(betas.get(0), betas.get(1), told.number("eps"), told.number("weight_decay"), true);
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
        String key = whole.nameInFile(q.name());
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
