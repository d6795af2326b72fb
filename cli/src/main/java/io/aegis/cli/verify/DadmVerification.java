package io.aegis.cli.verify;

import io.aegis.weights.ConfigJson;

/**
 * Compares a whole DADM: the forward pass with every layer in evaluation and training mode, losses, the gradients of the
 * four losses, their combination, an Adam step, the hyperplanes, three iterations of the published loop, and the unit
 * cases. Losses take the prototypes of epoch 0, dropout is off, permutations are given.
 */
final class DadmVerification {
    private final DadmReference reference;

    DadmVerification(Golden golden, ConfigJson json, Verification.Computing computing, Rows rows) {
        reference = DadmReference.of(golden, json, computing, rows);
    }

    void run() {
        new DadmPrototypes(reference).run();
        DadmSteps steps = new DadmSteps(reference);
        for (String mode : new String[] {"eval", "train"}) {
            new DadmPass(reference).run(mode);
            for (String recipe : new String[] {"official", "fixed"}) {
                steps.first(mode, recipe);
            }
            new DadmHyperplanes(reference).run(mode);
        }
        steps.three();
        if (reference.golden().has("cases")) {
            new DadmCases(reference.golden(), reference.rows(), reference.json()).run();
        }
    }
}
