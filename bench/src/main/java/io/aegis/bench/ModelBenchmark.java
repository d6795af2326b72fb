package io.aegis.bench;

import io.aegis.cli.bench.LanguageModel;
import io.aegis.cli.bench.Shapes;
import io.aegis.cli.workload.Operands;
import io.aegis.cli.workload.RandomWeights;
import io.aegis.cli.workload.VisionWorkload;
import io.aegis.cli.workload.WeightType;
import io.aegis.kernels.Backends;
import io.aegis.layers.Parameters;
import io.aegis.models.llama.KeyValueCache;
import io.aegis.models.vit.VisionTransformer;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** Whole models with random weights, as JMH sees them: errors over forks, and with {@code -prof gc} what they allocate. */
public class ModelBenchmark extends SingleShotBenchmark {
    /** A tower. */
    @State(org.openjdk.jmh.annotations.Scope.Benchmark)
    public static class Tower {
        @Param({"siglip-so400m-384", "clip-l-336"})
        String tower;

        private Operands operands;
        private Parameters parameters;
        private Scope scope;
        private VisionWorkload work;
        private Tensor picture;

        @Setup
        public void open() {
            operands = new Operands(Backends.best());
            parameters = new Parameters();
            VisionTransformer network = new VisionTransformer(parameters, Shapes.VISION.get(tower));
            RandomWeights.fill(parameters, operands, WeightType.F32);
            work = new VisionWorkload(network, 0, true);
            scope = Scope.open();
            picture = work.pictures(1);
        }

        @TearDown
        public void close() {
            scope.close();
            parameters.close();
            operands.close();
        }
    }

    /** A Llama behind a prompt of 64 tokens. */
    @State(org.openjdk.jmh.annotations.Scope.Benchmark)
    public static class Llama {
        @Param({"BF16", "INT8", "INT4"})
        WeightType type;

        private LanguageModel model;
        private KeyValueCache cache;
        private double[] scores;

        @Setup
        public void open() {
            model = LanguageModel.random(Backends.best(), "llama-3.2-1b", type);
            cache = model.work().cache(128);
            Tape.withoutRecording(() -> scores = model.work().read(cache, 64));
        }

        @TearDown
        public void close() {
            cache.close();
            model.close();
        }
    }

    @Benchmark
    public void picture(Tower t) {
        Tape.withoutRecording(() -> t.work.forward(t.picture));
    }

    @Benchmark
    public void token(Llama l) {
        Tape.withoutRecording(() -> l.scores = l.model.work().say(l.cache, l.scores));
    }

    @Benchmark
    public void prompt512(Llama l) {
        Tape.withoutRecording(() -> {
            try (KeyValueCache cache = l.model.work().cache(512)) {
                l.model.work().read(cache, 512);
            }
        });
    }
}
