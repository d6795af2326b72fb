package io.aegis.cli.gpu.bench;

import io.aegis.cli.bench.Shapes;
import io.aegis.cli.workload.DadmWorkload;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.layers.Parameters;
import io.aegis.models.dadm.DadmConfig;
import io.aegis.models.dadm.DadmNetwork;
import io.aegis.models.dadm.Recipe;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import io.aegis.training.Adam;
import io.aegis.training.dadm.Batch;
import io.aegis.training.dadm.DadmMemory;
import io.aegis.training.dadm.DadmStep;
import io.aegis.training.dadm.DadmTrainingOptions;
import io.aegis.training.memory.MemoryPlan;
import io.aegis.training.memory.Workspace;
import java.nio.file.Path;

/**
 * DADM: scoring, or a whole training step with all four backward passes.
 *
 * @param shape of {@link Shapes#DADM}
 * @param batch samples of three modalities each
 * @param graphs whether a training step is launched as recorded graphs, where there are graphs; else kernel by kernel
 */
public record DadmWork(String shape, int batch, boolean training, boolean graphs) implements ModelWork {
    private static final double RATE = 5e-5;

    @Override
    public String name() {
        return shape
                + (training ? ", training step, batch " : ", forward, batch ")
                + batch
                + (training && !graphs ? ", without graphs" : "");
    }

    /** A step's graphs are of the kernels that recorded them, and there is one recording at a time. */
    @Override
    public boolean oneAfterAnother() {
        return training && graphs;
    }

    /** Of a training step; its plan counts memory as if it went kernel by kernel. */
    @Override
    public Footprint foreseen(Kernels kernels) {
        if (!training) {
            return Footprint.NONE;
        }
        DadmTrainingOptions usual = DadmTrainingOptions.published(Shapes.DADM.get(shape), Path.of("run"));
        Workspace device = Workspace.of(kernels);
        MemoryPlan plan =
                DadmMemory.plan(usual.withRecipe("intended").withFit(usual.fit().withBatch(batch)), device);
        long places = graphs ? 0 : plan.of(DadmMemory.PLACES);
        return new Footprint(0, plan.total() - device.beside().bytes() - places, 0);
    }

    @Override
    public Subject open(Kernels kernels) {
        DadmConfig config = Shapes.DADM.get(shape);
        Parameters parameters = new Parameters();
        DadmNetwork network = new DadmNetwork(parameters, config);
        parameters.initialize(DType.F32, 1);
        DadmWorkload work = new DadmWorkload(network, parameters, config);
        Scope scope = Scope.open(kernels);
        return training
                ? training(network, parameters, scope, work.batch(batch), graphs)
                : scoring(work, parameters, scope, work.pictures(batch));
    }

    private static Subject scoring(DadmWorkload work, Parameters parameters, Scope scope, Tensor[] pictures) {
        return new Subject() {
            @Override
            public void run(Kernels k) {
                try (Scope inner = Scope.open(k)) {
                    work.forward(pictures);
                }
            }

            @Override
            public void close() {
                scope.close();
                parameters.close();
            }
        };
    }

    private static Subject training(
            DadmNetwork network, Parameters parameters, Scope scope, Batch samples, boolean graphs) {
        Adam adam = new Adam(parameters.trainable(), Adam.Constants.DADM);
        DadmStep step = new DadmStep(network, parameters, Recipe.INTENDED, adam, 1, graphs);
        return new Subject() {
            private int steps;

            @Override
            public void run(Kernels k) {
                try (Scope inner = Scope.open(k)) {
                    step.run(samples, 0, steps++, RATE);
                }
            }

            @Override
            public void close() {
                step.close();
                adam.close();
                scope.close();
                parameters.close();
            }
        };
    }
}
