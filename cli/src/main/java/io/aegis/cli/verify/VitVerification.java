package io.aegis.cli.verify;

import io.aegis.kernels.DType;
import io.aegis.layers.Parameters;
import io.aegis.models.checkpoint.VisionLanguageCheckpoint;
import io.aegis.models.vit.VisionTransformer;
import io.aegis.models.vit.VitConfig;
import io.aegis.tensor.Gradients;
import io.aegis.tensor.Ops;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * Compares a vision tower, SigLIP or CLIP: every hidden state, the attention of blocks, the pooled output, the features
 * that language models take, both losses and their gradients for all weights and the picture. The features are also
 * compared as language models compute them: by a tower that ends there, over weights as they are stored.
 */
final class VitVerification {
    private static final String IO = "io";

    /** What {@code feature_penultimate} is. */
    private static final int PENULTIMATE = -2;

    private final Golden golden;
    private final Verification.Computing computing;
    private final Rows rows;

    VitVerification(Golden golden, Verification.Computing computing, Rows rows) {
        this.golden = golden;
        this.computing = computing;
        this.rows = rows;
    }

    void run() {
        try (VisionLanguageCheckpoint checkpoint =
                VisionLanguageCheckpoint.open(computing.weights().of(golden.directory()))) {
            VitConfig config = checkpoint.config().vision().orElseThrow();
            wholePass(checkpoint, config);
            if (computing.dtype() == DType.F32 && golden.has(IO, "feature_penultimate")) {
                shortPass(checkpoint, config);
            }
        }
    }

    private void wholePass(VisionLanguageCheckpoint checkpoint, VitConfig config) {
        try (Parameters parameters = new Parameters();
                Scope scope = Scope.open(computing.kernels());
                Tape tape = Tape.record()) {
            VisionTransformer tower = new VisionTransformer(parameters.at("vis"), config);
            computing.weights().loadTrainable(checkpoint, parameters, computing.dtype());
            Tensor pixels = Tensor.wrap(input("pixel_values").view(), true);
            VisionTransformer.Output out = tower.forward(pixels);
            for (int i = 0; i < out.hidden().size(); i++) {
                compare("hidden_states." + i, out.hidden().get(i));
            }
            for (int i = 0; i < config.layers(); i++) {
                if (golden.has(IO, "attentions." + i)) {
                    compare("attentions." + i, tower.attention(out.hidden().get(i), i));
                }
            }
            compare("last_hidden_state", out.last());
            compare("pooler_output", out.pooled());
            Tensor state = out.hidden().get(config.blocks(PENULTIMATE));
            Tensor feature = config.hasClassToken() ? state.slice(1, 1, state.size(1)) : state;
            compare("feature_penultimate", feature);
            List<Tensor> terms = new ArrayList<>();
            terms.add(weighted("last_hidden_state", out.last()));
            if (out.pooled() != null) {
                terms.add(weighted("pooler_output", out.pooled()));
            }
            Tensor loss = terms.stream().reduce(Tensor::plus).orElseThrow();
            loss("loss", "grads", loss, tape, parameters, pixels, checkpoint);
            Tensor penultimate = weighted("feature_penultimate", feature);
            loss("loss_penultimate", "grads_penultimate", penultimate, tape, parameters, pixels, checkpoint);
        }
    }

    private void loss(
            String key,
            String file,
            Tensor loss,
            Tape tape,
            Parameters parameters,
            Tensor pixels,
            VisionLanguageCheckpoint checkpoint) {
        compare(key, loss);
        if (!golden.has(file)) {
            return;
        }
        List<Tensor> leaves = new ArrayList<>(List.of(pixels));
        parameters.trainable().forEach(p -> leaves.add(p.tensor()));
        try (Gradients gradients = tape.gradients(loss, leaves)) {
            GradientRows table = new GradientRows(golden, rows, file);
            table.compare(parameters.trainable(), gradients, checkpoint::nameInFile);
            if (golden.has(file, "pixel_values")) {
                table.compare("pixel_values", gradients.of(pixels));
            }
        }
    }

    /** The mean of an output times its weights. */
    private Tensor weighted(String key, Tensor output) {
        return Ops.total(output.times(input("loss_weight." + key))).times(1.0 / output.elements());
    }

    private void shortPass(VisionLanguageCheckpoint checkpoint, VitConfig config) {
        try (Parameters parameters = new Parameters();
                Scope scope = Scope.open(computing.kernels())) {
            VisionTransformer tower = new VisionTransformer(parameters.at("vis"), config, PENULTIMATE);
            computing.weights().load(checkpoint, parameters, computing.dtype());
            double[] ours = tower.features(input("pixel_values"), PENULTIMATE).toDoubles();
            String name = IO + ":feature_penultimate (short pass over weights as stored)";
            rows.compare(name, golden.doubles(IO, "feature_penultimate"), ours, Rows.OUTPUT);
        }
    }

    private Tensor input(String key) {
        rows.given(IO + ":" + key);
        return golden.tensor(IO, key, computing.dtype());
    }

    private void compare(String key, Tensor ours) {
        if (golden.has(IO, key)) {
            String name = IO + ":" + key;
            if (ours == null) {
                rows.failed(name, "this model has no such output");
            } else {
                rows.compare(name, golden.doubles(IO, key), ours.toDoubles(), Rows.OUTPUT);
            }
        }
    }
}
