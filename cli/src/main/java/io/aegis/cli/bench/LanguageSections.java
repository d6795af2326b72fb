package io.aegis.cli.bench;

import io.aegis.cli.workload.Measurement;
import io.aegis.cli.workload.WeightType;
import io.aegis.kernels.Kernels;
import io.aegis.models.llama.KeyValueCache;
import io.aegis.tensor.Tape;
import java.util.List;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.function.Consumer;

/** A Llama: how fast a prompt is read, and how fast it is answered. */
final class LanguageSections {
    /** What is measured when no shape is asked for. */
    private static final String SHAPE = "llama-3.2-1b";

    /** Tokens that are in the cache before those that are timed, and said before them. */
    private static final int CONTEXT = 64;

    private LanguageSections() {}

    /** Prompts, beside what the registers multiply. */
    static void prefill(Kernels kernels, Request request, Ceilings ceilings, Consumer<Figure> out) {
        List<WeightType> types = List.of(WeightType.F32, WeightType.BF16);
        each(kernels, request, types, request.prompt(), "prefill", out, (model, work) -> {
            Runnable read = () -> {
                try (KeyValueCache cache = model.work().cache(request.prompt())) {
                    model.work().read(cache, request.prompt());
                }
            };
            double operations = LanguageModel.operations(model.config(), request.prompt());
            Scaling.measure(
                    kernels,
                    request,
                    read,
                    ceilings.arithmetic(request.compute()),
                    m -> Figure.speed(
                            work + ", " + request.prompt() + " tokens"
                                    + request.compute().suffix(),
                            m,
                            request.prompt(),
                            "token",
                            operations,
                            ceilings.most(request.compute()),
                            "scores of the last token only"),
                    out);
        });
    }

    /** Answers, beside what the memory gives. */
    static void decode(Kernels kernels, Request request, Ceilings ceilings, Consumer<Figure> out) {
        List<WeightType> types = List.of(WeightType.BF16, WeightType.INT8, WeightType.INT4);
        int all = CONTEXT + request.tokens() + request.tokens() / 2;
        each(kernels, request, types, all, "decode", out, (model, work) -> {
            try (KeyValueCache cache = model.work().cache(all)) {
                double[][] scores = {model.work().read(cache, CONTEXT)};
                Measurement.Plan plan = new Measurement.Plan(request.tokens() / 2, request.tokens());
                Measurement m =
                        Measurement.of(plan, () -> scores[0] = model.work().say(cache, scores[0]));
                out.accept(Figure.speed(
                        work,
                        m,
                        1,
                        "token",
                        model.weightBytes(),
                        ceilings.read(),
                        "behind " + CONTEXT + " tokens; GB/s of weights, the cache not counted"));
            }
        });
    }

    private static void each(
            Kernels kernels,
            Request request,
            List<WeightType> usual,
            int tokens,
            String what,
            Consumer<Figure> out,
            BiConsumer<LanguageModel, String> measure) {
        if (request.model() != null) {
            try (LanguageModel model = LanguageModel.open(request.model())) {
                Tape.withoutRecording(() -> measure.accept(model, model.name() + ", " + what));
            }
            return;
        }
        String shape = request.shape() == null ? SHAPE : request.shape();
        for (WeightType type : request.types().isEmpty() ? usual : request.types()) {
            String work = shape + ", " + type + ", " + what;
            Optional<String> tooLarge =
                    Request.tooLarge(LanguageModel.memory(Shapes.LANGUAGE.get(shape), type, tokens));
            if (tooLarge.isPresent()) {
                out.accept(Figure.leftOut(work, tooLarge.get()));
                continue;
            }
            try (LanguageModel model = LanguageModel.random(kernels, shape, type)) {
                Tape.withoutRecording(() -> measure.accept(model, work));
            }
        }
    }
}
