package io.aegis.cli.verify;

import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.models.dadm.DadmConfig;
import io.aegis.models.dadm.Hyperplanes;

/** The alignment of the heads: of the initial ones, and after the Adam step of each recipe. */
final class DadmHyperplanes {
    private final DadmReference reference;
    private final Golden golden;

    DadmHyperplanes(DadmReference reference) {
        this.reference = reference;
        golden = reference.golden();
    }

    /** @param mode eval or train */
    void run(String mode) {
        String file = "hyperplane-" + mode;
        if (!golden.has(file)) {
            return;
        }
        for (String state : new String[] {"initial", "official", "fixed"}) {
            try (DadmReference.Model model = reference.model()) {
                if (!state.equals("initial")) {
                    for (int j = 0; j < DadmConfig.DOMAINS; j++) {
                        Parameter head = model.network.domainHead(j);
                        View after = golden.view("step-" + mode + "-" + state, head.name());
                        reference.computing().kernels().elementwise().copy(after, head.view());
                    }
                }
                double agreement = Hyperplanes.align(model.network);
                reference.compare(file, state + "/return", new double[] {agreement}, Rows.OUTPUT);
                reference.compare(file, state + "/" + model.network.head().name(), model.network.head(), Rows.OUTPUT);
                for (int j = 0; j < DadmConfig.DOMAINS; j++) {
                    Parameter head = model.network.domainHead(j);
                    reference.compare(file, state + "/" + head.name(), head, Rows.OUTPUT);
                }
            }
        }
    }
}
