package io.aegis.cli.verify;

import io.aegis.layers.Pass;
import io.aegis.layers.Probe;
import io.aegis.models.dadm.Prototypes;
import io.aegis.models.dadm.Recipe;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;

/** The prototypes of a batch, and the published and the mended average over epochs. */
final class DadmPrototypes {
    /** The reference's fixed prototypes mend the exchange of modalities only; absent classes still decay. */
    private static final Recipe DECAYING = new Recipe(true, Recipe.Regrad.FIXED, false, false, false, true, true);

    private final DadmReference reference;
    private final Golden golden;
    private final Rows rows;

    DadmPrototypes(DadmReference reference) {
        this.reference = reference;
        golden = reference.golden();
        rows = reference.rows();
    }

    void run() {
        try (DadmReference.Model model = reference.model();
                Scope scope = Scope.open(reference.computing().kernels())) {
            Tensor[] x = reference.pictures();
            x[2] = reference.compositeInfrared();
            Tensor[] features =
                    model.network.forward(x, Pass.EVALUATION, null, Probe.NONE).features();
            Prototypes fresh = Prototypes.ofBatch(
                    features, reference.labels().prototype(), reference.config().classes());
            double[][] before = new double[3][];
            for (int k = 0; k < 3; k++) {
                before[k] = golden.doubles("inputs", "proto_prev_" + DadmReference.MODALITIES[k]);
            }
            Prototypes previous = Prototypes.of(
                    before, reference.config().classes(), reference.config().width());
            comparePrototypes("epoch0", fresh);
            comparePrototypes("epoch1_official", fresh.withMomentum(previous, Recipe.OFFICIAL));
            comparePrototypes("epoch1_fixed", fresh.withMomentum(previous, DECAYING));
        }
    }

    private void comparePrototypes(String name, Prototypes p) {
        for (int k = 0; k < 3; k++) {
            String key = name + "/" + DadmReference.MODALITIES[k];
            if (golden.has("prototypes", key)) {
                rows.compare("prototypes:" + key, golden.doubles("prototypes", key), p.values(k), Rows.OUTPUT);
            }
        }
    }
}
