package io.aegis.models.dadm;

import io.aegis.image.DadmPictures;
import io.aegis.image.Image;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.layers.Parameters;
import io.aegis.layers.Pass;
import io.aegis.layers.Probe;
import io.aegis.models.DecisionThreshold;
import io.aegis.models.HeatValues;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import io.aegis.weights.Checkpoint;
import io.aegis.weights.WeightsException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Supplier;

/**
 * A trained DADM, ready to judge faces.
 *
 * <pre>{@code
 * try (Dadm dadm = Dadm.load(Path.of("run/best"))) {
 *     double live = dadm.score(rgb, depth, infrared);
 * }
 * }</pre>
 *
 * <p>It does not change once loaded and may be used by any number of threads at once. {@link #close} waits for those
 * inside and frees the weights; any use afterwards is an {@link IllegalStateException}.
 */
public final class Dadm implements AutoCloseable {
    /** Samples that go through the network together: enough to keep it busy, few enough to bound memory. */
    private static final int BATCH = 8;

    private final Path folder;
    private final DadmInfo info;
    private final Optional<DecisionThreshold> threshold;
    private final Parameters parameters;
    private final DadmNetwork network;

    /** Held shared while the weights are in use, and exclusively to free them. */
    private final ReadWriteLock lease = new ReentrantReadWriteLock();

    private boolean closed;

    private Dadm(
            Path folder,
            DadmInfo info,
            Optional<DecisionThreshold> threshold,
            Parameters parameters,
            DadmNetwork network) {
        this.folder = folder;
        this.info = info;
        this.threshold = threshold;
        this.parameters = parameters;
        this.network = network;
    }

    /**
     * Reads a model folder (see {@link DadmFolder}) into memory; its files are not needed afterwards.
     *
     * @throws WeightsException when {@code config.json} or the weights are missing, damaged or do not fit each other
     */
    public static Dadm load(Path folder) {
        DadmInfo info = DadmFolder.readInfo(folder);
        Parameters parameters = new Parameters();
        try {
            DadmNetwork network = new DadmNetwork(parameters, info.config());
            try (Checkpoint weights = Checkpoint.open(folder)) {
                Optional<DecisionThreshold> threshold = DecisionThreshold.of(weights);
                DadmFolder.readWeights(weights, parameters);
                return new Dadm(folder, info, threshold, parameters, network);
            }
        } catch (RuntimeException | Error e) {
            parameters.close();
            throw e;
        }
    }

    /** What the model's {@code config.json} says. */
    public DadmInfo info() {
        return info;
    }

    /** The threshold that came with the weights; empty when none was chosen. */
    public Optional<DecisionThreshold> threshold() {
        return threshold;
    }

    /** The graph, for whoever wants more than a score. */
    public DadmNetwork network() {
        return whileOpen(() -> network);
    }

    /** The weights; whoever writes into them gives up sharing the model between threads. */
    public Parameters parameters() {
        return whileOpen(() -> parameters);
    }

    /**
     * The probability that a face is bona fide, in [0, 1]. Pictures may have any size, channels and bits; each is resized
     * to the model's. One that is null is a missing modality: zeros, as in the published loaders.
     *
     * @throws IllegalArgumentException when all three are missing
     */
    public double score(Image rgb, Image depth, Image infrared) {
        return score(List.of(pictures(rgb, depth, infrared)))[0];
    }

    /** The pictures of one sample at the model's size, null being a missing modality, as {@link #score} makes them. */
    public DadmPictures pictures(Image rgb, Image depth, Image infrared) {
        if (rgb == null && depth == null && infrared == null) {
            throw new IllegalArgumentException(
                    "a sample without any picture, expected at least one of three modalities");
        }
        int side = info.config().image();
        Image colour = rgb != null ? rgb : Image.of(side, side, 3, new byte[3 * side * side]);
        return DadmPictures.of(DadmPictures.Files.of(colour, depth, infrared), side);
    }

    /**
     * The probability that each face is bona fide: softmax of the common head, of the published evaluation.
     *
     * @throws IllegalArgumentException when a picture has another size than the model's
     */
    public double[] score(List<DadmPictures> samples) {
        for (int i = 0; i < samples.size(); i++) {
            check(samples.get(i), "sample " + i + ": ");
        }
        double[] out = new double[samples.size()];
        return whileOpen(() -> {
            // A tape that the caller may have open has no business here.
            Tape.withoutRecording(() -> {
                for (int from = 0; from < out.length; from += BATCH) {
                    int to = Math.min(from + BATCH, out.length);
                    try (Scope scope = Scope.open()) {
                        double[] scores = score(tensors(samples.subList(from, to)));
                        System.arraycopy(scores, 0, out, from, scores.length);
                    }
                }
            });
            return out;
        });
    }

    /** Pictures [B, 3, S, S], one a modality, in the current scope. */
    double[] score(Tensor[] pictures) {
        View logits = network.forward(pictures, Pass.EVALUATION, null, Probe.NONE)
                .logits()
                .view();
        double[] out = new double[(int) logits.size(0)];
        for (int i = 0; i < out.length; i++) {
            // Softmax over two, in double: scores near 0 and 1 keep their order.
            out[i] = 1 / (1 + Math.exp(logits.get(i, 0) - logits.get(i, 1)));
        }
        return out;
    }

    /**
     * Whether a score is that of a bona fide face, by the threshold that came with the weights.
     *
     * @throws IllegalStateException when none did
     */
    public boolean isBonaFide(double score) {
        return threshold
                .orElseThrow(() -> new IllegalStateException(
                        folder + ": these weights have no threshold; choose one on development data"))
                .accepts(score);
    }

    /**
     * Which patches the score of one sample rests on: RGB, depth, infrared, each G x G with values in [0, 1] that compare
     * between the three. The greatest is 1, unless nothing in the pictures matters at all.
     *
     * @throws IllegalArgumentException when a picture has another size than the model's
     */
    public List<HeatValues> importance(DadmPictures sample) {
        check(sample, "");
        return whileOpen(() -> {
            try (Scope scope = Scope.open()) {
                return Importance.of(network, tensors(List.of(sample)));
            }
        });
    }

    private Tensor[] tensors(List<DadmPictures> samples) {
        int side = info.config().image();
        Tensor[] out = new Tensor[Modality.COUNT];
        for (Modality m : Modality.values()) {
            out[m.ordinal()] = Tensor.empty(DType.F32, samples.size(), 3, side, side);
            MemorySegment memory = out[m.ordinal()].view().segment();
            long at = 0;
            for (DadmPictures sample : samples) {
                float[] values =
                        switch (m) {
                            case RGB -> sample.x1();
                            case DEPTH -> sample.x2();
                            case INFRARED -> sample.x3();
                        };
                MemorySegment.copy(values, 0, memory, ValueLayout.JAVA_FLOAT, at, values.length);
                at += (long) values.length * Float.BYTES;
            }
        }
        return out;
    }

    private void check(DadmPictures sample, String where) {
        check(sample.rgb(), where + "the RGB picture");
        check(sample.depth(), where + "the depth map");
        check(sample.infrared(), where + "the infrared picture");
    }

    private void check(Image picture, String what) {
        int side = info.config().image();
        if (picture.width() != side || picture.height() != side) {
            throw new IllegalArgumentException(what + " is " + picture.width() + "x" + picture.height() + ", expected "
                    + side + "x" + side + ", the model's size");
        }
    }

    private <T> T whileOpen(Supplier<T> work) {
        lease.readLock().lock();
        try {
            if (closed) {
                throw new IllegalStateException(folder + ": this model was closed");
            }
            return work.get();
        } finally {
            lease.readLock().unlock();
        }
    }

    /** Waits for those who use the model and frees its memory. */
    @Override
    public void close() {
        lease.writeLock().lock();
        try {
            if (!closed) {
                closed = true;
                parameters.close();
            }
        } finally {
            lease.writeLock().unlock();
        }
    }
}
