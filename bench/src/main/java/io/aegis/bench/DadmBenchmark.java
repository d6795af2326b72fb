package io.aegis.bench;

import io.aegis.cli.bench.Shapes;
import io.aegis.cli.workload.Compute;
import io.aegis.cli.workload.DadmWorkload;
import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.layers.Parameters;
import io.aegis.models.dadm.DadmConfig;
import io.aegis.models.dadm.DadmNetwork;
import io.aegis.models.dadm.Recipe;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import io.aegis.training.Adam;
import io.aegis.training.dadm.Batch;
import io.aegis.training.dadm.DadmStep;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * DADM with random weights: scores, training steps of one backward pass for one loss or for all four, and whole steps. {@code
 * compute} BF16 fails where the processor has no such products, and says why.
 */
public class DadmBenchmark extends SingleShotBenchmark {
    private static final int STEP = 4;
    private static final double RATE = 5e-5;

    /** The network. */
    @State(org.openjdk.jmh.annotations.Scope.Benchmark)
    public static class Model {
        @Param("dadm-b16")
        String shape;

        @Param("F32")
        Compute compute;

        private Parameters parameters;
        private Scope scope;
        private DadmWorkload work;

        @Setup
        public void open() {
            Backends.choose(compute.of(Backends.best())
                    .orElseThrow(() -> new IllegalStateException(Compute.absence(Backends.best()))));
            DadmConfig config = Shapes.DADM.get(shape);
            parameters = new Parameters();
            DadmNetwork network = new DadmNetwork(parameters, config);
            parameters.initialize(DType.F32, 1);
            work = new DadmWorkload(network, parameters, config);
            scope = Scope.open();
        }

        @TearDown
        public void close() {
            scope.close();
            parameters.close();
            Backends.choose(null);
        }
    }

    /** What is scored. */
    @State(org.openjdk.jmh.annotations.Scope.Benchmark)
    public static class Pictures {
        @Param({"1", "8"})
        int samples;

        private Tensor[] modalities;

        @Setup
        public void make(Model m) {
            modalities = m.work.pictures(samples);
        }
    }

    /** What is learned from, and by. */
    @State(org.openjdk.jmh.annotations.Scope.Benchmark)
    public static class Training {
        private Adam adam;
        private Batch batch;
        private DadmStep whole;
        private long steps;

        @Setup
        public void open(Model m) {
            adam = new Adam(m.work.parameters().trainable(), Adam.Constants.DADM);
            batch = m.work.batch(STEP);
            whole = new DadmStep(m.work.network(), m.work.parameters(), Recipe.INTENDED, adam, 1);
        }

        @TearDown
        public void close() {
            whole.close();
            adam.close();
        }
    }

    @Benchmark
    public void forward(Model m, Pictures p) {
        Tape.withoutRecording(() -> m.work.forward(p.modalities));
    }

    @Benchmark
    public void stepOf4OneLossBack(Model m, Training t) {
        m.work.step(t.adam, t.batch, 1);
    }

    @Benchmark
    public void stepOf4FourLossesBack(Model m, Training t) {
        m.work.step(t.adam, t.batch, STEP);
    }

    @Benchmark
    public void wholeStepOf4(Model m, Training t) {
        t.whole.run(t.batch, 0, t.steps++, RATE);
    }
}
