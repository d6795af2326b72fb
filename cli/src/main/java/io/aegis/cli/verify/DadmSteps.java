package io.aegis.cli.verify;

import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.models.dadm.Recipe;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import io.aegis.training.Adam;
import io.aegis.training.dadm.Batch;
import io.aegis.training.dadm.DadmStep;
import java.util.List;

/** Adam's first step from the reference's gradients, and three iterations of the published loop. */
final class DadmSteps {
    /** Below it Adam's first step is the sign of rounding noise: g / |g|. */
    private static final double TINY_GRADIENT = 1e-6;

    private final DadmReference reference;
    private final Golden golden;
    private final Rows rows;

    DadmSteps(DadmReference reference) {
        this.reference = reference;
        golden = reference.golden();
        rows = reference.rows();
    }

    /** Adam's first step from the reference's combined gradient. */
    void first(String mode, String recipe) {
        String file = "step-" + mode + "-" + recipe;
        String from = "regrad-" + mode + "-" + recipe;
        if (!golden.has(file) || !golden.has(from)) {
            return;
        }
        try (DadmReference.Model model = reference.model();
                Scope scope = Scope.open(reference.computing().kernels());
                Adam adam = adam(model.parameters.trainable())) {
            adam.begin(reference.json().number("lr"));
            for (Parameter p : model.parameters.trainable()) {
                if (!golden.has(file, p.name())) {
                    continue;
                }
                if (golden.has(from, p.name())) {
                    adam.update(p, gradientLike(p, from));
                }
                compareStep(file, p, p.view().toDoubles(), noise(from, p));
            }
        }
    }

    private Tensor gradientLike(Parameter p, String file) {
        Tensor scratch = Tensor.empty(reference.computing().dtype(), p.view().elements());
        View laidOut = View.of(
                scratch.buffer(),
                reference.computing().dtype(),
                0,
                p.shape(),
                p.view().strides());
        reference.computing().kernels().elementwise().copy(golden.view(file, p.name()), laidOut);
        return Tensor.wrap(laidOut, false);
    }

    /**
     * The change of the parameter, not its value, is held to the tolerance: a step is five thousandths of a percent of a
     * weight. What float32 cannot hold of parameter plus change, two roundings, is allowed besides.
     */
    private void compareStep(String file, Parameter p, double[] ours, boolean[] noise) {
        double[] before = golden.doubles("weights", p.name());
        double[] theirs = golden.doubles(file, p.name());
        double change = 0;
        for (int i = 0; i < before.length; i++) {
            change = Math.max(change, Math.abs(theirs[i] - before[i]));
        }
        rows.compare(
                file + ":" + p.name(),
                theirs,
                ours,
                Rows.GRADIENT,
                Math.scalb(DadmReference.max(before), -23),
                noise,
                "g + wd p below " + TINY_GRADIENT,
                change);
    }

    private Adam adam(List<Parameter> parameters) {
        return new Adam(parameters, Adam.Constants.l2(reference.json().number("weight_decay")));
    }

    /** Three iterations of the published loop, in evaluation mode, with prototypes of each batch. */
    void three() {
        String file = "train3-official";
        if (!golden.has(file)) {
            return;
        }
        try (DadmReference.Model model = reference.model();
                Scope scope = Scope.open(reference.computing().kernels());
                Adam adam = adam(model.parameters.trainable());
                DadmStep step = new DadmStep(model.network, model.parameters, Recipe.OFFICIAL, adam, 0)) {
            Batch batch = new Batch(reference.pictures(), reference.compositeInfrared(), reference.labels(), null);
            for (int i = 0; golden.has(file, "iter" + i + "/total"); i++) {
                DadmStep.Report report = step.run(batch, 0, i, reference.json().number("lr"), reference.permutations());
                reference.compare(file, "iter" + i + "/total", new double[] {report.total()}, Rows.OUTPUT);
                for (int k = 0; k < 3; k++) {
                    reference.compare(file, "iter" + i + "/m" + (k + 1), new double[] {report.modal()[k]}, Rows.OUTPUT);
                }
                reference.compare(file, "iter" + i + "/hyper_return", new double[] {report.agreement()}, Rows.OUTPUT);
            }
            for (Parameter p : model.parameters.all()) {
                String key = "after3/" + p.name();
                if (golden.has(file, key)) {
                    compareAfterThree(file, key, p);
                }
            }
        }
    }

    /** Values, not changes: three steps of Adam carry the noise of small gradients along. */
    private void compareAfterThree(String file, String key, Parameter p) {
        rows.compare(
                file + ":" + key,
                golden.doubles(file, key),
                p.view().toDoubles(),
                Rows.OUTPUT,
                noise("regrad-eval-official", p),
                "g + wd p below " + TINY_GRADIENT);
    }

    /**
     * Where the first step is of no account.
     *
     * @param file the gradients that it was made from
     */
    private boolean[] noise(String file, Parameter p) {
        boolean[] noise = new boolean[(int) View.count(p.shape())];
        if (golden.has(file, p.name())) {
            double[] before = golden.doubles("weights", p.name());
            double[] g = golden.doubles(file, p.name());
            for (int i = 0; i < g.length; i++) {
                noise[i] = Math.abs(g[i] + reference.json().number("weight_decay") * before[i]) < TINY_GRADIENT;
            }
        }
        return noise;
    }
}
