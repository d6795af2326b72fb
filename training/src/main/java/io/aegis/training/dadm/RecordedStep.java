package io.aegis.training.dadm;

import io.aegis.kernels.Elementwise;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Recording;
import io.aegis.kernels.View;
import io.aegis.layers.BatchCounts;
import io.aegis.layers.Pass;
import io.aegis.models.dadm.DadmNetwork;
import io.aegis.models.dadm.Modality;
import io.aegis.models.dadm.Permutations;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/**
 * A training step that a device does by itself but for the losses, each part one launch of what was recorded: the prototypes' pass, the way
 * forward, and, from the losses' gradients, the way back with all updates. What changes from step to step is written into memory that
 * stays where it is, and is read there: pictures, who the samples are, the step's number, permutations, the losses' gradients, mu.
 *
 * <p>What the way back needs of the way forward lies in memory of the recording, also between steps.
 */
final class RecordedStep implements AutoCloseable {
    private static final int PICTURES = Modality.COUNT;

    /**
     * What a recording is for.
     *
     * @param batch B
     * @param infrared whether prototypes see infrared otherwise
     * @param identified whether it is known who the samples are
     */
    record Shape(Kernels kernels, long batch, boolean infrared, boolean identified) {
        /**
         * That of a batch, with the kernels of the current scope.
         *
         * @param infrared whether prototypes see infrared otherwise
         */
        static Shape of(Batch batch, boolean infrared) {
            Kernels kernels = Scope.current().kernels();
            return new Shape(kernels, batch.pictures()[0].size(0), infrared, batch.samples() != null);
        }
    }

    /** How gradients become updates, as it is recorded. */
    @FunctionalInterface
    interface WayBack {
        /** @param information mu, F64 [3], read whenever it is launched */
        void go(Learned learned, Cotangents cotangents, Tensor information);
    }

    private final DadmNetwork network;
    private final Shape shape;
    private final boolean training;
    private final long seed;
    private final BatchCounts counts;
    private final FixedTensors fixed;
    private final StepPlaces at;
    private List<Recording> recordings = List.of();
    private Learned learned;

    /**
     * Records; nothing has run then, and what the host counts is as it was.
     *
     * @param training whether batch norm and dropout are
     * @throws RuntimeException when the device cannot do all of it
     * @throws OutOfMemoryError when memory is short; all has been given back
     */
    RecordedStep(DadmNetwork network, Shape shape, boolean training, long seed, BatchCounts counts, WayBack back) {
        this.network = network;
        this.shape = shape;
        this.training = training;
        this.seed = seed;
        this.counts = counts;
        this.fixed = new FixedTensors(shape.kernels);
        long[] before = counts.values();
        try {
            at = StepPlaces.of(network.config(), shape.batch, shape.infrared, fixed);
            recordings = shape.kernels.recordInTurn(List.of(this::evaluate, this::learn, () -> goBack(back)));
        } catch (RuntimeException | Error e) {
            close();
            throw e;
        } finally {
            counts.restore(before);
        }
    }

    // What is recorded.

    private void evaluate() {
        try (Scope scope = Scope.open(shape.kernels)) {
            Tensor[] seen = at.pictures().subList(0, PICTURES).toArray(Tensor[]::new);
            seen[PICTURES - 1] = at.pictures().getLast();
            Tensor[] features = Learned.evaluated(network, seen);
            copies(views(features), each(at.evaluated()));
        }
    }

    private void learn() {
        try (Scope scope = Scope.open(shape.kernels)) {
            Tensor samples = shape.identified ? Tensor.wrap(samples(), false) : null;
            Tensor counter = training ? Tensor.wrap(counter(), false) : null;
            Pass pass = new Pass(training, training, training, seed, 0, samples, counter);
            Tensor[] seen = at.pictures().subList(0, PICTURES).toArray(Tensor[]::new);
            learned = Learned.by(network, seen, pass, Permutations.in(permutations()));
            copies(views(parts(learned.output())), views(parts(at.output())));
        }
    }

    private void goBack(WayBack back) {
        try (Scope scope = Scope.open(shape.kernels)) {
            back.go(learned, at.cotangents(), at.information());
        }
    }

    private static Tensor[] parts(DadmNetwork.Output o) {
        return Stream.of(o.features(), o.information(), o.mutualInformation())
                .flatMap(Arrays::stream)
                .toArray(Tensor[]::new);
    }

    private static View[] views(Tensor[] tensors) {
        return Arrays.stream(tensors).map(Tensor::view).toArray(View[]::new);
    }

    private static View[] each(View along) {
        View[] parts = new View[(int) along.size(0)];
        Arrays.setAll(parts, i -> along.select(0, i));
        return parts;
    }

    private void copies(View[] from, View[] to) {
        Elementwise e = shape.kernels.elementwise();
        e.copies(from, to);
    }

    // What a step does.

    /**
     * Hands in what a step is of.
     *
     * @param seen of the modalities
     * @param infrared as prototypes see it
     * @param who the samples; null where that is not known
     */
    void write(Tensor[] seen, Tensor infrared, Tensor who, long step, Permutations given) {
        List<Tensor> all = new ArrayList<>(List.of(seen));
        if (shape.infrared) {
            all.add(infrared);
        }
        copies(views(all.toArray(Tensor[]::new)), views(at.pictures().toArray(Tensor[]::new)));
        counter().setLongAt(counter().offset(), step);
        for (long i = 0; shape.identified && i < shape.batch; i++) {
            samples().setLongAt(samples().index(i), who.view().getLong(i));
        }
        given.write(permutations());
    }

    /** Queues the prototypes' pass and the way forward. */
    void goForward() {
        recordings.get(0).launch();
        recordings.get(1).launch();
        if (training) {
            counts.passed();
        }
    }

    /** Queues the way back. */
    void goBack(double[] information) {
        View mu = at.information().view();
        for (int k = 0; k < information.length; k++) {
            mu.set(information[k], k);
        }
        recordings.get(2).launch();
    }

    /** Features of the prototypes' pass, one [B, D] a modality. */
    Tensor[] evaluated() {
        return Arrays.stream(each(at.evaluated()))
                .map(v -> Tensor.wrap(v, false))
                .toArray(Tensor[]::new);
    }

    /** What the way forward gave; its features and mutual-information losses are leaves. */
    DadmNetwork.Output output() {
        return at.output();
    }

    /** Where the losses' gradients belong. */
    Cotangents cotangents() {
        return at.cotangents();
    }

    private View counter() {
        return at.numbers().slice(0, 0, 1);
    }

    private View samples() {
        return at.numbers().slice(0, 1, 1 + shape.batch);
    }

    private View permutations() {
        long[] all = Permutations.shape(network.config().layers(), shape.batch);
        return at.numbers().slice(0, 1 + shape.batch, at.numbers().size(0)).reshape(all);
    }

    @Override
    public void close() {
        recordings.forEach(Recording::close);
        if (learned != null) {
            learned.close();
            learned = null;
        }
        fixed.close();
    }
}
