package io.aegis.cli.bench;

import io.aegis.cli.workload.FaceShieldWorkload;
import io.aegis.cli.workload.Measurement;
import io.aegis.models.faceshield.FaceShieldConfig;
import io.aegis.models.faceshield.Timings;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;

/** Where the time of a FaceShield's answers went, run by run. */
final class FaceShieldTimes {
    private final Measurement.Plan plan;
    private final List<Timings> runs = new ArrayList<>();
    private Measurement whole;

    FaceShieldTimes(Measurement.Plan plan) {
        this.plan = plan;
    }

    /** Has a picture looked at and answered about, as often as is planned. */
    void take(Supplier<Timings> answer) {
        whole = Measurement.of(plan, () -> runs.add(answer.get()));
        runs.subList(0, plan.warmups()).clear();
    }

    /**
     * Tells all figures: of each phase, until the first token, and of the whole, which has what lies between as well.
     *
     * @param weightBytes of the matrices that a token reads
     */
    void tell(
            String name,
            FaceShieldConfig config,
            double weightBytes,
            Request request,
            Ceilings ceilings,
            Consumer<Figure> out) {
        Ceiling arithmetic = ceilings.most(request.compute());
        int prompt = Math.toIntExact(runs.getFirst().prefilled());
        int said = Math.toIntExact(runs.getFirst().decoded());
        out.accept(Figure.time(
                name + ", RGB and SAV",
                of(Timings::vision),
                1,
                "pair",
                FaceShieldWorkload.seeing(config),
                arithmetic,
                "tower and projector"));
        out.accept(Figure.speed(
                name + ", prompt of " + prompt,
                of(Timings::prefill),
                prompt,
                "token",
                FaceShieldWorkload.reading(config, prompt),
                arithmetic,
                prompt + " tokens, the picture's included"));
        out.accept(Figure.time(
                name + ", until the first token",
                of(t -> t.vision() + t.prefill()),
                1,
                "answer",
                Double.NaN,
                null,
                "the two above"));
        if (said > 1) {
            out.accept(Figure.speed(
                    name + ", answer of " + said,
                    of(Timings::decode),
                    said - 1,
                    "token",
                    (said - 1) * weightBytes,
                    ceilings.read(),
                    "the first comes with the prompt; GB/s of weights, the cache not counted"));
        }
        out.accept(Figure.time(
                name + ", all", whole, 1, "answer", Double.NaN, null, "picture to the last of " + said + " tokens"));
    }

    private Measurement of(ToDoubleFunction<Timings> phase) {
        double no = Double.NaN;
        return Measurement.sorted(
                plan.warmups(), no, no, runs.stream().mapToDouble(phase).toArray());
    }
}
