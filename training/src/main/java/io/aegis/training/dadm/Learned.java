package io.aegis.training.dadm;

import io.aegis.layers.Pass;
import io.aegis.layers.Probe;
import io.aegis.models.dadm.DadmNetwork;
import io.aegis.models.dadm.Permutations;
import io.aegis.tensor.GradientSink;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.Set;

/**
 * A training pass through the network as far as gradients come back through it. The losses behind it are a tape of their own: they depend
 * on what the host knows of the labels, and this does not.
 *
 * @param output in the scope that it was computed in; for {@link #goBack} its features and mutual-information losses only stand for themselves, and may be gone
 */
record Learned(Tape tape, DadmNetwork.Output output) implements AutoCloseable {
    /** Goes forward, in the current scope. */
    static Learned by(DadmNetwork network, Tensor[] pictures, Pass pass, Permutations permutations) {
        Tape tape = Tape.record();
        try {
            DadmNetwork.Output output = network.forward(pictures, pass, permutations, Probe.NONE);
            tape.stop();
            return new Learned(tape, output);
        } catch (RuntimeException | Error e) {
            tape.close();
            throw e;
        }
    }

    /** Features [B, D] a modality, in evaluation, in the current scope. */
    static Tensor[] evaluated(DadmNetwork network, Tensor[] pictures) {
        try (Scope scope = Scope.open()) {
            Tensor[] features =
                    network.forward(pictures, Pass.EVALUATION, null, Probe.NONE).features();
            return Arrays.stream(features).map(scope::keep).toArray(Tensor[]::new);
        }
    }

    /** An output as the losses see it: what they are computed from are leaves of whatever tape they are on. */
    static DadmNetwork.Output leaves(DadmNetwork.Output output) {
        return new DadmNetwork.Output(
                null, leaves(output.features()), output.information(), leaves(output.mutualInformation()));
    }

    private static Tensor[] leaves(Tensor[] some) {
        return Arrays.stream(some).map(t -> Tensor.wrap(t.view(), true)).toArray(Tensor[]::new);
    }

    /**
     * Goes back from what the losses gave.
     *
     * @param wanted of each loss
     */
    void goBack(Cotangents cotangents, List<Set<Tensor>> wanted, GradientSink.OfSeveral sink) {
        tape.backwardFrom(cotangents.starts(output), wanted, sink);
    }

    /** Gives back what the way back would have needed. */
    @Override
    public void close() {
        tape.close();
    }
}
