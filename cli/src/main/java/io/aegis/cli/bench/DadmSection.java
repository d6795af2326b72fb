package io.aegis.cli.bench;

import io.aegis.cli.workload.DadmWorkload;
import io.aegis.cli.workload.Measurement;
import io.aegis.kernels.DType;
import io.aegis.layers.Parameters;
import io.aegis.models.dadm.Dadm;
import io.aegis.models.dadm.DadmConfig;
import io.aegis.models.dadm.DadmNetwork;
import io.aegis.models.dadm.Recipe;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import io.aegis.training.Adam;
import io.aegis.training.dadm.Batch;
import io.aegis.training.dadm.DadmStep;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/** DADM: scores, and training steps with random weights, beside what the registers multiply. */
public final class DadmSection {
    private static final String SHAPE = "dadm-b16";
    private static final List<Integer> BATCHES = List.of(1, 8);
    private static final int STEP = 4;
    private static final double RATE = 5e-5;

    /** Multiply-adds of one sample through the literal graph at the published size. */
    private static final double LITERAL = 85.2e9;

    /** Weights, gradients and both moments; then activations of a step of four at the published size. */
    private static final int COPIES = 4;

    private static final double STEP_BYTES = 3.7e9;
    private static final double SCORING_BYTES = 1e9;

    private DadmSection() {}

    static void run(Request request, Ceilings ceilings, Consumer<Figure> out) {
        if (request.model() != null) {
            try (Dadm dadm = Dadm.load(request.model())) {
                DadmWorkload work = new DadmWorkload(
                        dadm.network(), dadm.parameters(), dadm.info().config());
                scores(request.model().toString(), work, request, ceilings, out);
            }
            return;
        }
        String shape = request.shape() == null ? SHAPE : request.shape();
        DadmConfig config = Shapes.DADM.get(shape);
        try (Parameters parameters = new Parameters()) {
            DadmNetwork network = new DadmNetwork(parameters, config);
            double weights = (double) parameters.count() * Float.BYTES;
            boolean large = config.equals(DadmConfig.BASE);
            Optional<String> scoring = Request.tooLarge(weights + (large ? SCORING_BYTES : 0));
            if (scoring.isPresent()) {
                out.accept(Figure.leftOut(shape, scoring.get()));
                return;
            }
            Optional<String> training = Request.tooLarge(COPIES * weights + (large ? STEP_BYTES : 0));
            parameters.initialize(DType.F32, 1);
            DadmWorkload work = new DadmWorkload(network, parameters, config);
            scores(shape, work, request, ceilings, out);
            if (training.isPresent()) {
                out.accept(Figure.leftOut(shape + ", training step of " + STEP, training.get()));
                return;
            }
            steps(shape, work, request, ceilings, out);
        }
    }

    private static void scores(
            String name, DadmWorkload work, Request request, Ceilings ceilings, Consumer<Figure> out) {
        for (int b : request.batches().isEmpty() ? BATCHES : request.batches()) {
            Tape.withoutRecording(() -> {
                try (Scope scope = Scope.open()) {
                    Tensor[] pictures = work.pictures(b);
                    Measurement m = Measurement.of(request.plan(), () -> work.forward(pictures));
                    out.accept(Figure.time(
                            name + ", scores of " + b + request.compute().suffix(),
                            m,
                            b,
                            "sample",
                            b * operations(work.config()),
                            ceilings.most(request.compute()),
                            "GFLOP/s as if the literal graph were computed"));
                }
            });
        }
    }

    private static void steps(
            String name, DadmWorkload work, Request request, Ceilings ceilings, Consumer<Figure> out) {
        try (Adam adam = new Adam(work.parameters().trainable(), Adam.Constants.DADM);
                Scope scope = Scope.open()) {
            Batch batch = work.batch(STEP);
            for (int backwards : new int[] {1, STEP}) {
                Measurement m = Measurement.of(request.plan(), () -> work.step(adam, batch, backwards));
                out.accept(Figure.time(
                        name + ", step of " + STEP + ", " + backwards
                                + (backwards == 1 ? " loss back" : " losses back")
                                + request.compute().suffix(),
                        m,
                        STEP,
                        "sample",
                        (1 + 2 * backwards) * STEP * operations(work.config()),
                        ceilings.most(request.compute()),
                        "forward, losses, one backward pass for all, Adam; GFLOP/s as if there were as many"));
            }
            try (DadmStep step = new DadmStep(work.network(), work.parameters(), Recipe.INTENDED, adam, 1)) {
                long[] n = new long[1];
                Measurement m = Measurement.of(request.plan(), () -> step.run(batch, 0, n[0]++, RATE));
                out.accept(Figure.time(
                        name + ", whole step of " + STEP + request.compute().suffix(),
                        m,
                        STEP,
                        "sample",
                        Double.NaN,
                        ceilings.most(request.compute()),
                        "prototypes, ReGrad and hyperplanes included"));
            }
        }
    }

    /** Multiply-adds times two of one sample, where they are known. */
    private static double operations(DadmConfig config) {
        return config.equals(DadmConfig.BASE) ? 2 * LITERAL : Double.NaN;
    }
}
