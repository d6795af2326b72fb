package io.aegis.training.dadm;

import io.aegis.kernels.Kernels;
import io.aegis.kernels.Recording;
import io.aegis.kernels.View;
import io.aegis.layers.BatchCounts;
import io.aegis.models.dadm.DadmConfig;
import io.aegis.models.dadm.LabelTensors;
import io.aegis.models.dadm.Permutations;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * A training step that a device does by itself, as one launch of what was recorded: prototypes, the way forward, the losses, the way back,
 * all updates. What changes from step to step is written into memory that stays where it is, before the launch, and is read there: pictures, who
 * the samples are and what is known of them, the step's number, permutations. Where a loss is no number it updates nothing by itself.
 */
final class RecordedStep implements AutoCloseable {
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

    /**
     * What a recording is made with.
     *
     * @param learned number of parameters that learn
     * @param training whether batch norm and dropout are
     */
    record Of(DadmConfig config, long learned, boolean training, long seed) {}

    /** A step as it is recorded. */
    @FunctionalInterface
    interface Work {
        /**
         * Queues it.
         *
         * @param results where losses and mu are wanted
         * @param guarded room for Adam's steps
         */
        void go(StepInputs inputs, StepResults results, View guarded);
    }

    private final Shape shape;
    private final boolean training;
    private final BatchCounts counts;
    private final FixedTensors fixed;
    private final StepPlaces at;
    private Recording recording;

    /**
     * Records; nothing has run then, and what the host counts is as it was.
     *
     * @throws RuntimeException when the device cannot do all of it
     * @throws OutOfMemoryError when memory is short; all has been given back
     */
    RecordedStep(Of of, Shape shape, BatchCounts counts, Work work) {
        this.shape = shape;
        this.training = of.training;
        this.counts = counts;
        this.fixed = new FixedTensors(shape.kernels);
        long[] before = counts.values();
        try {
            at = StepPlaces.of(of.config, shape.batch, shape.infrared, of.learned, fixed);
            recording = shape.kernels.record(() -> {
                try (Scope scope = Scope.open(shape.kernels)) {
                    work.go(at.inputs(shape.identified, training, of.seed), at.results(), at.guarded());
                }
            });
        } catch (RuntimeException | Error e) {
            close();
            throw e;
        } finally {
            counts.restore(before);
        }
    }

    /**
     * Hands in what a step is of.
     *
     * @param infrared as prototypes see it
     * @param momentum whether prototypes have it
     */
    void write(Batch batch, Tensor infrared, boolean momentum, long step, Permutations given) {
        List<Tensor> all = new ArrayList<>(List.of(batch.pictures()));
        if (shape.infrared) {
            all.add(infrared);
        }
        shape.kernels.elementwise().copies(views(all), views(at.pictures()));
        set(at.counter(), step);
        set(at.momentum(), momentum ? 1 : 0);
        for (long i = 0; shape.identified && i < shape.batch; i++) {
            View samples = at.samples();
            samples.setLongAt(samples.index(i), batch.samples().view().getLong(i));
        }
        LabelTensors.write(batch.labels(), at.labels());
        given.write(at.permutations());
    }

    private static View[] views(List<Tensor> tensors) {
        return tensors.stream().map(Tensor::view).toArray(View[]::new);
    }

    private static void set(View one, long value) {
        one.setLongAt(one.offset(), value);
    }

    /** Queues the step. */
    void launch() {
        recording.launch();
        if (training) {
            counts.passed();
        }
    }

    /** What the launch leaves. */
    StepResults results() {
        return at.results();
    }

    @Override
    public void close() {
        if (recording != null) {
            recording.close();
            recording = null;
        }
        fixed.close();
    }
}
