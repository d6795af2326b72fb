package io.aegis.bench.peers;

import io.aegis.cli.bench.FaceShieldSection;
import io.aegis.cli.bench.LanguageModel;
import io.aegis.cli.bench.Shapes;
import io.aegis.cli.workload.Compute;
import io.aegis.cli.workload.DadmWorkload;
import io.aegis.cli.workload.Operands;
import io.aegis.cli.workload.RandomWeights;
import io.aegis.cli.workload.VisionWorkload;
import io.aegis.cli.workload.WeightType;
import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.layers.Parameters;
import io.aegis.models.dadm.DadmConfig;
import io.aegis.models.dadm.DadmNetwork;
import io.aegis.models.llama.KeyValueCache;
import io.aegis.models.vit.VisionTransformer;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import io.aegis.training.Adam;
import io.aegis.training.dadm.Batch;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.function.DoubleSupplier;

/** Ourselves, in this virtual machine. */
final class Aegis implements Contender {
    private final DoubleSupplier run;
    private final Deque<AutoCloseable> open;

    private Aegis(DoubleSupplier run, Deque<AutoCloseable> open) {
        this.run = run;
        this.open = open;
    }

    /**
     * One picture through the whole tower.
     *
     * @param type of the weights
     * @throws AbsentException where the processor does not compute so; all others here as well
     */
    static Aegis vision(String shape, WeightType type, Compute compute) {
        Deque<AutoCloseable> open = computing(compute);
        Operands operands = opened(open, new Operands(Backends.best()));
        Parameters parameters = opened(open, new Parameters());
        VisionTransformer network = new VisionTransformer(parameters, Shapes.VISION.get(shape));
        RandomWeights.fill(parameters, operands, type);
        VisionWorkload work = new VisionWorkload(network, 0, true);
        opened(open, Scope.open());
        Tensor picture = work.pictures(1);
        return new Aegis(timed(() -> Tape.withoutRecording(() -> work.forward(picture))), open);
    }

    /** A prompt. */
    static Aegis prefill(String shape, WeightType type, Compute compute, int tokens) {
        Deque<AutoCloseable> open = computing(compute);
        LanguageModel model = opened(open, LanguageModel.random(Backends.best(), shape, type));
        return new Aegis(
                timed(() -> Tape.withoutRecording(() -> {
                    try (KeyValueCache cache = model.work().cache(tokens)) {
                        model.work().read(cache, tokens);
                    }
                })),
                open);
    }

    /** A token behind others, the median of so many. */
    static Aegis decode(String shape, WeightType type, int context, int tokens) {
        Deque<AutoCloseable> open = new ArrayDeque<>();
        LanguageModel model = opened(open, LanguageModel.random(Backends.best(), shape, type));
        double[] taken = new double[tokens];
        return new Aegis(
                () -> {
                    Tape.withoutRecording(() -> {
                        try (KeyValueCache cache = model.work().cache(context + tokens)) {
                            double[][] scores = {model.work().read(cache, context)};
                            for (int i = 0; i < tokens; i++) {
                                taken[i] = timed(() -> scores[0] = model.work().say(cache, scores[0]))
                                        .getAsDouble();
                            }
                        }
                    });
                    Arrays.sort(taken);
                    return taken[tokens / 2];
                },
                open);
    }

    /** Scores of so many samples. */
    static Aegis scores(int samples, Compute compute) {
        Deque<AutoCloseable> open = computing(compute);
        DadmWorkload work = dadm(open);
        opened(open, Scope.open());
        Tensor[] pictures = work.pictures(samples);
        return new Aegis(timed(() -> Tape.withoutRecording(() -> work.forward(pictures))), open);
    }

    /** A training step of four samples, with the total loss, or with all four. */
    static Aegis step(int backwards, Compute compute) {
        Deque<AutoCloseable> open = computing(compute);
        DadmWorkload work = dadm(open);
        Adam adam = opened(open, new Adam(work.parameters().trainable(), Adam.Constants.DADM));
        opened(open, Scope.open());
        Batch batch = work.batch(4);
        return new Aegis(timed(() -> work.step(adam, batch, backwards)), open);
    }

    /** A picture, the whole prompt and an answer by a FaceShield of random weights. */
    static Aegis faceShield(String shape, WeightType type, Compute compute, int tokens) {
        FaceShieldSection.tooLarge(shape, type, tokens).ifPresent(why -> {
            throw new AbsentException(why);
        });
        Deque<AutoCloseable> open = computing(compute);
        var model = opened(open, new FaceShieldSection.Random(Backends.chosen(), shape, type));
        return new Aegis(timed(() -> model.answer(tokens)), open);
    }

    /** Everybody's kernels compute so until what is opened is closed. */
    private static Deque<AutoCloseable> computing(Compute compute) {
        Kernels best = Backends.best();
        Kernels kernels = compute.of(best).orElseThrow(() -> new AbsentException(Compute.absence(best)));
        Deque<AutoCloseable> open = new ArrayDeque<>();
        open.push(() -> Backends.choose(null));
        Backends.choose(kernels);
        return open;
    }

    private static DadmWorkload dadm(Deque<AutoCloseable> open) {
        Parameters parameters = opened(open, new Parameters());
        DadmNetwork network = new DadmNetwork(parameters, DadmConfig.BASE);
        parameters.initialize(DType.F32, 1);
        return new DadmWorkload(network, parameters, DadmConfig.BASE);
    }

    private static <T extends AutoCloseable> T opened(Deque<AutoCloseable> open, T what) {
        open.push(what);
        return what;
    }

    private static DoubleSupplier timed(Runnable work) {
        return () -> {
            long start = System.nanoTime();
            work.run();
            return (System.nanoTime() - start) / 1e6;
        };
    }

    @Override
    public String name() {
        return "Aegis";
    }

    @Override
    public double run() {
        return run.getAsDouble();
    }

    @Override
    public void close() {
        while (!open.isEmpty()) {
            try {
                open.pop().close();
            } catch (Exception e) {
                throw new IllegalStateException("a model could not be closed", e);
            }
        }
    }
}
