package io.aegis.cli.verify;

import io.aegis.layers.Parameter;
import io.aegis.models.dadm.DadmNetwork;
import io.aegis.models.dadm.Losses;
import io.aegis.models.dadm.ReGrad;
import io.aegis.models.dadm.Recipe;
import io.aegis.tensor.Gradients;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/** The gradients of the four losses, and what ReGrad makes of them. */
final class DadmGradients {
    private static final String[] LOSSES = {"total", "m1", "m2", "m3"};

    private final DadmReference reference;
    private final Golden golden;
    private final Rows rows;
    private final String mode;

    /** @param mode eval or train */
    DadmGradients(DadmReference reference, String mode) {
        this.reference = reference;
        golden = reference.golden();
        rows = reference.rows();
        this.mode = mode;
    }

    void run(DadmReference.Model model, Tape tape, DadmNetwork.Output out, Losses losses) {
        Map<Tensor, Parameter> leaves = new IdentityHashMap<>();
        model.parameters.trainable().forEach(p -> leaves.put(p.tensor(), p));
        double[] information = new double[3];
        for (int k = 0; k < 3; k++) {
            information[k] =
                    Arrays.stream(out.information()[k].toDoubles()).average().orElseThrow();
        }
        Tensor[] all = {losses.total(), losses.modal()[0], losses.modal()[1], losses.modal()[2]};
        Gradients[] gradients = new Gradients[4];
        for (int i = 0; i < 4; i++) {
            gradients[i] = tape.gradients(all[i], leaves.keySet());
            String file = "grads-" + mode + "-" + LOSSES[i];
            if (!golden.has(file)) {
                continue;
            }
            for (Parameter p : model.parameters.trainable()) {
                Tensor g = gradients[i].of(p.tensor());
                boolean expected = golden.has(file, p.name());
                if (expected && g != null) {
                    gradient(file, p, g);
                } else if (expected) {
                    gradientOfZero(file, p);
                } else if (g != null) {
                    rows.noise(file + ":" + p.name(), g.toDoubles(), 0, "the reference has no gradient here");
                }
            }
        }
        for (Recipe.Regrad kind : Recipe.Regrad.values()) {
            combine(kind, model, gradients, information);
        }
        for (Gradients g : gradients) {
            g.close();
        }
    }

    private void combine(Recipe.Regrad kind, DadmReference.Model model, Gradients[] gradients, double[] information) {
        String file = "regrad-" + mode + "-"
                + switch (kind) {
                    case OFFICIAL -> "official";
                    case FIXED -> "fixed";
                    case FIXED_HEADS_ONLY -> "fixed_heads_diff";
                };
        if (!golden.has(file)) {
            return;
        }
        List<Parameter> modulated = ReGrad.modulated(model.parameters.trainable(), kind);
        for (Parameter p : model.parameters.trainable()) {
            Tensor total = gradients[0].of(p.tensor());
            if (total == null || !golden.has(file, p.name())) {
                continue;
            }
            try (Scope scope = Scope.open()) {
                Tensor sum = Tensor.copyOf(total.view(), total.dtype());
                if (modulated.contains(p)) {
                    Tensor[] own = new Tensor[3];
                    for (int k = 0; k < 3; k++) {
                        Tensor g = gradients[k + 1].of(p.tensor());
                        own[k] = g == null ? null : Tensor.copyOf(g.view(), g.dtype());
                    }
                    ReGrad.combine(p, sum, own, information);
                }
                gradient(file, p, sum);
            }
        }
    }

    private void gradient(String file, Parameter p, Tensor g) {
        if (mode.equals("train") && reference.zeroInTraining().contains(p.name())) {
            // A bias in front of batch norm: exactly zero in exact arithmetic. The weight beside it sets the scale.
            String weight = p.name().replaceAll("bias$", "weight");
            double scale = golden.has(file, weight) ? DadmReference.max(golden.doubles(file, weight)) : 1;
            rows.noise(file + ":" + p.name(), g.toDoubles(), Rows.GRADIENT * scale, "zero but for rounding");
            return;
        }
        reference.compare(file, p.name(), g.toDoubles(), Rows.GRADIENT);
    }

    private void gradientOfZero(String file, Parameter p) {
        double[] theirs = golden.doubles(file, p.name());
        rows.compare(file + ":" + p.name(), theirs, new double[theirs.length], Rows.GRADIENT);
    }
}
