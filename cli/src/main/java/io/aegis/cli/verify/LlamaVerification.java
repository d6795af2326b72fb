package io.aegis.cli.verify;

import io.aegis.layers.Parameters;
import io.aegis.layers.Pass;
import io.aegis.layers.Probe;
import io.aegis.models.checkpoint.VisionLanguageCheckpoint;
import io.aegis.models.llama.LlamaConfig;
import io.aegis.models.llama.LlamaNetwork;
import io.aegis.models.llama.Rotary;
import io.aegis.tensor.Gradients;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.LongStream;

/**
 * Compares a Llama: rotary angles; every batch of the reference, with hidden states behind each block, logits and loss, and if it is
 * padded the last states and logits of the same sequences packed; gradients {@code grads_GROUP} of a batch's loss for all weights; and
 * greedy answers. Weights are used as they are stored, but for the gradients. Padding does not count.
 */
final class LlamaVerification {
    private static final String IO = "io";
    private static final String IDS = "input_ids";

    private final Golden golden;
    private final Verification.Computing computing;
    private final Rows rows;
    private final VisionLanguageCheckpoint checkpoint;
    private final LlamaConfig config;

    private LlamaVerification(
            Golden golden, Verification.Computing computing, Rows rows, VisionLanguageCheckpoint checkpoint) {
        this.golden = golden;
        this.computing = computing;
        this.rows = rows;
        this.checkpoint = checkpoint;
        this.config = checkpoint.config().language().orElseThrow();
    }

    static void run(Golden golden, Verification.Computing computing, Rows rows) throws IOException {
        try (VisionLanguageCheckpoint checkpoint =
                VisionLanguageCheckpoint.open(computing.weights().of(golden.directory()))) {
            new LlamaVerification(golden, computing, rows, checkpoint).run();
        }
    }

    private void run() throws IOException {
        rotary();
        try (Parameters p = new Parameters()) {
            LlamaNetwork network = new LlamaNetwork(p.at("llm"), config);
            computing.weights().load(checkpoint, p, computing.dtype());
            AnswerVerification answers = new AnswerVerification(golden, computing, rows, network);
            for (String group : golden.groups(IO, "." + IDS)) {
                if (golden.has(IO, group + ".new_tokens")) {
                    answers.compare(IO, group + ".");
                } else {
                    batch(network, group, group);
                }
            }
            for (String group : golden.groups(IO, ".position_ids")) {
                owner(group).ifPresent(owner -> batch(network, group, owner));
            }
            answers.compareListed();
        }
        for (String group : golden.groups(IO, "." + IDS)) {
            if (golden.has("grads_" + group)) {
                gradients(group);
            }
        }
    }

    /** The group whose tokens one with positions alone has: its name begins with that of the other. */
    private Optional<String> owner(String group) {
        return golden.groups(IO, "." + IDS).stream()
                .filter(other -> group.startsWith(other) && !group.equals(other))
                .max(Comparator.comparingInt(String::length));
    }

    private void rotary() {
        Rotary rotary = new Rotary(config.headSize(), config.theta(), config.scaling());
        RotaryVerification angles = new RotaryVerification(golden, computing, rows);
        angles.frequencies(IO, "inv_freq", rotary);
        if (golden.has(IO, "rope.cos")) {
            long positions = golden.view(IO, "rope.cos").size(-2);
            angles.angles(IO, "rope.", rotary, LongStream.range(0, positions).toArray());
        }
    }

    private void batch(LlamaNetwork network, String group, String owner) {
        TokenBatch batch = TokenBatch.of(golden, rows, IO, owner + ".", group + ".");
        try (Scope scope = Scope.open(computing.kernels())) {
            Tensor x = network.embed(batch.idTensor());
            batch.compare(golden, rows, IO, group + ".hidden_states.0", x);
            Probe probe = (name, value) -> {
                batch.compare(golden, rows, IO, group + "." + name, value);
                int layer = Integer.parseInt(name.substring("layer_out.".length())) + 1;
                // The last hidden state of the reference is behind the last norm.
                if (layer < config.layers()) {
                    batch.compare(golden, rows, IO, group + ".hidden_states." + layer, value);
                }
            };
            Tensor hidden = network.hidden(x, batch.positionTensor(), batch.attention(), null, probe);
            batch.compare(golden, rows, IO, group + ".hidden_states." + config.layers(), hidden);
            batch.compare(golden, rows, IO, group + ".logits", network.logits(hidden));
            if (batch.labels() != null && golden.has(IO, group + ".loss")) {
                rows.compare(
                        IO + ":" + group + ".loss",
                        golden.doubles(IO, group + ".loss"),
                        network.loss(hidden, batch.labelTensor()).toDoubles(),
                        Rows.OUTPUT);
            }
        }
        if (batch.isPadded()) {
            packed(network, group, batch);
        }
    }

    /** The same without padding. */
    private void packed(LlamaNetwork network, String group, TokenBatch batch) {
        TokenBatch.Packed packed = batch.packed();
        try (Scope scope = Scope.open(computing.kernels())) {
            Tensor x = network.embed(packed.idTensor());
            Tensor hidden = network.hidden(x, packed.positionTensor(), packed.attention(), null, Probe.NONE);
            batch.compare(golden, rows, IO, group + ".hidden_states." + config.layers(), packed, hidden);
            batch.compare(golden, rows, IO, group + ".logits", packed, network.logits(hidden));
        }
    }

    /** For all weights, each of which is trained here; blocks are computed again in the backward pass. */
    private void gradients(String group) {
        TokenBatch batch = TokenBatch.of(golden, rows, IO, group + ".", group + ".");
        try (Parameters p = new Parameters()) {
            LlamaNetwork network = new LlamaNetwork(p.at("llm"), config);
            computing.weights().loadTrainable(checkpoint, p, computing.dtype());
            try (Scope scope = Scope.open(computing.kernels());
                    Tape tape = Tape.record()) {
                Tensor hidden = network.hidden(
                        network.embed(batch.idTensor()),
                        batch.positionTensor(),
                        batch.attention(),
                        Pass.EVALUATION,
                        true);
                Tensor loss = network.loss(hidden, batch.labelTensor());
                List<Tensor> leaves = new ArrayList<>();
                p.trainable().forEach(q -> leaves.add(q.tensor()));
                try (Gradients g = tape.gradients(loss, leaves)) {
                    new GradientRows(golden, rows, "grads_" + group).compare(p.trainable(), g, checkpoint::nameInFile);
                }
            }
        }
    }
}
