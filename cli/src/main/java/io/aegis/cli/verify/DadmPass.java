package io.aegis.cli.verify;

import io.aegis.layers.Parameter;
import io.aegis.layers.Pass;
import io.aegis.layers.Probe;
import io.aegis.models.dadm.DadmNetwork;
import io.aegis.models.dadm.LiteralLosses;
import io.aegis.tensor.Ops;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The forward pass in evaluation and training mode: every layer, the outputs, the losses and their gradients; and the pass
 * that scoring takes.
 */
final class DadmPass {
    private final DadmReference reference;
    private final Golden golden;
    private final Rows rows;

    DadmPass(DadmReference reference) {
        this.reference = reference;
        golden = reference.golden();
        rows = reference.rows();
    }

    /**
     * One forward pass with everything that comes of it.
     *
     * @param mode eval or train
     */
    void run(String mode) {
        boolean train = mode.equals("train");
        Pass pass = new Pass(train, train, false, 0, 0, null);
        try (DadmReference.Model model = reference.model();
                Scope scope = Scope.open(reference.computing().kernels());
                Tape tape = Tape.record()) {
            String inter = "inter-" + mode;
            Probe probe = (name, value) -> {
                if (golden.has(inter, name)) {
                    rows.compare(inter + ":" + name, golden.doubles(inter, name), value.toDoubles(), Rows.OUTPUT);
                }
            };
            DadmNetwork.Output out = model.network.forward(reference.pictures(), pass, reference.permutations(), probe);
            LiteralLosses literal =
                    LiteralLosses.of(model.network, out, reference.labels(), reference.prototypes(), false);
            outputs("outputs-" + mode, out, literal);
            if (train && golden.has("bn-after-train")) {
                for (String key : golden.keys("bn-after-train")) {
                    Parameter p = model.parameters.get(key);
                    if (p != null) {
                        reference.compare("bn-after-train", key, p.view().toDoubles(), Rows.OUTPUT);
                    }
                }
            }
            new DadmGradients(reference, mode).run(model, tape, out, literal.losses());
        }
        shortPass(mode);
    }

    /** The pass that scoring takes, which leaves out what only losses and probes need. */
    private void shortPass(String mode) {
        String file = "outputs-" + mode;
        if (!golden.has(file)) {
            return;
        }
        try (DadmReference.Model model = reference.model();
                Scope scope = Scope.open(reference.computing().kernels())) {
            Pass pass = new Pass(mode.equals("train"), false, false, 0, 0, null);
            DadmNetwork.Output out = model.network.forward(reference.pictures(), pass, null, Probe.NONE);
            compareShort(file, "out_all", out.logits());
            for (int k = 1; k <= 3; k++) {
                compareShort(file, "feat_" + k, out.features()[k - 1]);
            }
        }
    }

    private void compareShort(String file, String key, Tensor ours) {
        if (golden.has(file, key)) {
            rows.compare(
                    file + ":" + key + " (scoring pass)", golden.doubles(file, key), ours.toDoubles(), Rows.OUTPUT);
        }
    }

    private void outputs(String file, DadmNetwork.Output out, LiteralLosses literal) {
        if (!golden.has(file)) {
            return;
        }
        Map<String, Tensor> ours = new LinkedHashMap<>();
        ours.put("out_all", out.logits());
        ours.put("loss/total", literal.losses().total());
        ours.put("loss/angle", literal.angle());
        for (int k = 1; k <= 3; k++) {
            ours.put("feat_" + k, out.features()[k - 1]);
            ours.put("mi_" + k, out.information()[k - 1]);
            ours.put("mi_loss" + k, out.mutualInformation()[k - 1]);
            ours.put("out_d" + k, literal.domainLogits()[k - 1]);
            ours.put("loss/m" + k, literal.losses().modal()[k - 1]);
            ours.put("loss/ce_d" + k, literal.domain()[k - 1]);
            ours.put("loss/ssp_" + k, literal.singleSide()[k - 1]);
            ours.put(
                    "scalar/mi_" + k,
                    Ops.total(Ops.affine(out.information()[k - 1], 1.0 / out.information()[k - 1].elements(), 0)));
        }
        Tensor softmax = Ops.softmax(out.logits());
        ours.put("score", softmax.slice(1, 1, 2));
        ours.forEach((key, tensor) -> {
            if (golden.has(file, key)) {
                reference.compare(file, key, tensor == null ? new double[1] : tensor.toDoubles(), Rows.OUTPUT);
            }
        });
    }
}
