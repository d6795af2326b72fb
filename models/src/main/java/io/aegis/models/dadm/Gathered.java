package io.aegis.models.dadm;

import io.aegis.tensor.Ops;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;

/** What the layers of one pass add up beside what they hand on: information means, and mutual information. */
final class Gathered {
    private final int layers;
    private final Permutations permutations;
    private final Tensor[] information = new Tensor[Modality.COUNT];
    private final Tensor[] losses = new Tensor[Modality.Pair.ALL.size()];

    /** @param permutations of the mutual-information losses, or null to leave them out */
    Gathered(int layers, Permutations permutations) {
        this.layers = layers;
        this.permutations = permutations;
    }

    /** Takes the information tokens of one pair of one layer, [B, 1, D]. */
    void add(int layer, int pair, Tensor tokenA, Tensor tokenB) {
        if (permutations != null) {
            long width = tokenA.size(2);
            add(
                    losses,
                    pair,
                    Ops.mutualInformation(
                            tokenA.reshape(-1, width),
                            tokenB.reshape(-1, width),
                            permutations.of(layer, pair, 0),
                            permutations.of(layer, pair, 1)));
        }
        // Each modality meets two others.
        Tape.withoutRecording(() -> {
            add(information, Modality.Pair.ALL.get(pair).a().ordinal(), tokenA.times(0.5 / layers));
            add(information, Modality.Pair.ALL.get(pair).b().ordinal(), tokenB.times(0.5 / layers));
        });
    }

    /** Hands everything to the scope around this one. */
    void keep(Scope scope) {
        for (Tensor t : information) {
            scope.keep(t);
        }
        if (permutations != null) {
            for (Tensor t : losses) {
                scope.keep(t);
            }
        }
    }

    DadmNetwork.Output output(Tensor logits, Tensor[] features) {
        return new DadmNetwork.Output(logits, features, information, permutations == null ? null : losses);
    }

    private static void add(Tensor[] sums, int i, Tensor term) {
        sums[i] = sums[i] == null ? term : sums[i].plus(term);
    }
}
