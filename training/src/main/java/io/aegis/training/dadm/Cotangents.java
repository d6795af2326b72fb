package io.aegis.training.dadm;

import io.aegis.kernels.DType;
import io.aegis.models.dadm.DadmNetwork;
import io.aegis.models.dadm.Modality;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;

/**
 * Gradients of the four losses (three modal ones, the total) with respect to what the network gave. Whatever the labels are, modal loss k is
 * computed from features k and from mutual information k, and the total from all features.
 *
 * @param modal of modal loss k with respect to features k, [B, D]
 * @param information of modal loss k with respect to mutual-information loss k, [1]
 * @param total of the total loss with respect to features k, [B, D]
 */
record Cotangents(Tensor[] modal, Tensor[] information, Tensor[] total) {
    static final int LOSSES = Modality.COUNT + 1;
    private static final int TOTAL = Modality.COUNT;

    /** Memory for them. */
    @FunctionalInterface
    interface Maker {
        Tensor make(DType dtype, long... shape);
    }

    /** Room for those of some output, with any content. */
    static Cotangents of(DadmNetwork.Output output, Maker maker) {
        int n = Modality.COUNT;
        Cotangents room = new Cotangents(new Tensor[n], new Tensor[n], new Tensor[n]);
        for (int k = 0; k < n; k++) {
            room.modal[k] = like(output.features()[k], maker);
            room.information[k] = like(output.mutualInformation()[k], maker);
            room.total[k] = like(output.features()[k], maker);
        }
        return room;
    }

    private static Tensor like(Tensor x, Maker maker) {
        return maker.make(x.dtype(), x.shape());
    }

    /**
     * Takes over the gradients of a part of an output.
     *
     * @param gradients one a loss
     * @return false when it is no part of that output
     */
    boolean take(DadmNetwork.Output output, Tensor part, Tensor[] gradients) {
        for (int k = 0; k < Modality.COUNT; k++) {
            boolean features = part == output.features()[k];
            if (!features && part != output.mutualInformation()[k]) {
                continue;
            }
            for (int loss = 0; loss < LOSSES; loss++) {
                boolean reaches = loss == k || features && loss == TOTAL;
                if (reaches != (gradients[loss] != null)) {
                    throw new IllegalStateException("loss " + loss + (reaches ? " does not reach " : " reaches ")
                            + (features ? "features " : "mutual information ") + k);
                }
            }
            copy(gradients[k], features ? modal[k] : information[k]);
            if (features) {
                copy(gradients[TOTAL], total[k]);
            }
            return true;
        }
        return false;
    }

    private static void copy(Tensor from, Tensor to) {
        Scope.current().kernels().elementwise().copy(from.view(), to.view());
    }

    /** What each loss is asked for: gradients of these parameters, and of the parts of an output. */
    static List<Set<Tensor>> wanted(DadmNetwork.Output output, List<Set<Tensor>> parameters) {
        return parameters.stream()
                .map(some -> {
                    Set<Tensor> all = Collections.newSetFromMap(new IdentityHashMap<>());
                    all.addAll(some);
                    all.addAll(List.of(output.features()));
                    all.addAll(List.of(output.mutualInformation()));
                    return all;
                })
                .toList();
    }

    /** Where the way back through the network begins. */
    List<Tape.Start> starts(DadmNetwork.Output output) {
        List<Tape.Start> starts = new ArrayList<>();
        for (int k = 0; k < Modality.COUNT; k++) {
            Tensor[] ofFeatures = new Tensor[LOSSES];
            ofFeatures[k] = modal[k];
            ofFeatures[TOTAL] = total[k];
            starts.add(new Tape.Start(output.features()[k], ofFeatures));
            Tensor[] ofInformation = new Tensor[LOSSES];
            ofInformation[k] = information[k];
            starts.add(new Tape.Start(output.mutualInformation()[k], ofInformation));
        }
        return starts;
    }
}
