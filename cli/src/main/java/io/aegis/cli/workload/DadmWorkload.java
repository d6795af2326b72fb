package io.aegis.cli.workload;

import io.aegis.kernels.DType;
import io.aegis.kernels.Philox;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.layers.Pass;
import io.aegis.layers.Probe;
import io.aegis.models.dadm.DadmConfig;
import io.aegis.models.dadm.DadmNetwork;
import io.aegis.models.dadm.LabelTensors;
import io.aegis.models.dadm.Labels;
import io.aegis.models.dadm.Losses;
import io.aegis.models.dadm.Permutations;
import io.aegis.models.dadm.Prototypes;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import io.aegis.training.Adam;
import io.aegis.training.dadm.Batch;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a DADM is measured by. A whole training step is {@link io.aegis.training.dadm.DadmStep}'s.
 *
 * @param network filled
 * @param parameters its own
 * @param config its sizes
 */
public record DadmWorkload(DadmNetwork network, Parameters parameters, DadmConfig config) {
    private static final double RATE = 5e-5;

    /** The scores of these pictures, as they are asked for in use. */
    public void forward(Tensor[] pictures) {
        try (Scope scope = Scope.open()) {
            network.forward(pictures, Pass.EVALUATION, null, Probe.NONE);
        }
    }

    /**
     * Forward in training mode, the losses, one backward pass that carries some of them, Adam; neither prototypes nor hyperplanes.
     *
     * @param backwards 1, the total alone, or 4, the three modal losses as well
     */
    public void step(Adam adam, Batch batch, int backwards) {
        Map<Tensor, Parameter> leaves = new IdentityHashMap<>();
        parameters.trainable().forEach(p -> leaves.put(p.tensor(), p));
        adam.begin(RATE);
        try (Scope scope = Scope.open();
                Tape tape = Tape.record()) {
            Pass pass = Pass.training(1, 1, batch.samples());
            DadmNetwork.Output out = network.forward(batch.pictures(), pass, Permutations.random(pass), Probe.NONE);
            double[][] zero = new double[3][config.classes() * config.width()];
            Tensor[] p = Prototypes.of(zero, config.classes(), config.width()).tensors(DType.F32);
            Tensor labels =
                    Tensor.empty(DType.I64, LabelTensors.shape(batch.labels().live().length));
            LabelTensors.write(batch.labels(), labels.view());
            Losses losses = Losses.of(network, out, LabelTensors.in(labels.view()), p, true);
            List<Tensor> all = new ArrayList<>(List.of(losses.modal()).subList(0, backwards - 1));
            all.add(losses.total());
            tape.backward(all, Collections.nCopies(backwards, leaves.keySet()), (leaf, g) -> {
                if (g[backwards - 1] != null) {
                    adam.update(leaves.get(leaf), g[backwards - 1]);
                }
            });
        }
    }

    /** A batch whose labels and domains take turns, in the current scope. */
    public Batch batch(int b) {
        long[] ids = new long[b];
        long[] live = new long[b];
        long[] prototype = new long[b];
        long[] domain = new long[b];
        for (int i = 0; i < b; i++) {
            ids[i] = i;
            live[i] = i % 2 == 0 ? 1 : 0;
            prototype[i] = i % 2 == 0 ? 1 : i % 4 == 1 ? 0 : 2;
            domain[i] = i % 3;
        }
        return new Batch(pictures(b), null, new Labels(live, prototype, domain), Tensor.of(ids, b));
    }

    /** Three modalities of so many samples, in the current scope. */
    public Tensor[] pictures(int b) {
        Tensor[] x = new Tensor[3];
        for (int k = 0; k < 3; k++) {
            x[k] = noise(k, b, config.image());
        }
        return x;
    }

    /** Pictures [B, 3, S, S] of noise in [-1, 1], in the current scope. */
    static Tensor noise(int seed, int b, int side) {
        Tensor x = Tensor.empty(DType.F32, b, 3, side, side);
        View v = x.view();
        for (long i = 0; i < v.elements(); i++) {
            v.setAt(i, 2 * Philox.uniform(7, seed, 0, 0, i) - 1);
        }
        return x;
    }
}
