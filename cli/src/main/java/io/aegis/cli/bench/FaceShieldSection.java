package io.aegis.cli.bench;

import io.aegis.cli.workload.FaceShieldWorkload;
import io.aegis.cli.workload.HostMemory;
import io.aegis.cli.workload.LlamaWorkload;
import io.aegis.cli.workload.Measurement;
import io.aegis.cli.workload.Operands;
import io.aegis.cli.workload.RandomWeights;
import io.aegis.cli.workload.TestPicture;
import io.aegis.cli.workload.WeightType;
import io.aegis.image.Image;
import io.aegis.kernels.Kernels;
import io.aegis.layers.Parameters;
import io.aegis.models.faceshield.Examination;
import io.aegis.models.faceshield.FaceShield;
import io.aegis.models.faceshield.FaceShieldConfig;
import io.aegis.models.faceshield.FaceShieldNetwork;
import io.aegis.models.faceshield.FaceTask;
import io.aegis.models.faceshield.Reply;
import io.aegis.models.faceshield.Timings;
import io.aegis.models.faceshield.VisionTokens;
import io.aegis.models.llama.GenerationOptions;
import io.aegis.models.llama.KeyValueCache;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/**
 * A whole FaceShield: a picture and its auxiliary picture through the tower, the prompt, the answer, all of it, and the memory
 * that it took. A folder is opened and asked as a program would; a shape is filled with random weights in memory and its pixels
 * are ready, its prompt as long as the published model's.
 */
public final class FaceShieldSection {
    private static final String SHAPE = "bunny-llama3-8b";
    private static final WeightType TYPE = WeightType.INT4;

    /** Tokens of a prompt beside the picture's: 1522 in all at the published size. */
    private static final int TEXT = 64;

    private FaceShieldSection() {}

    static void run(Kernels kernels, Request request, Ceilings ceilings, Consumer<Figure> out) {
        String suffix = request.compute().suffix();
        if (request.model() != null) {
            stored(request, ceilings, out, suffix);
        } else {
            String shape = request.shape() == null ? SHAPE : request.shape();
            for (WeightType type : request.types().isEmpty() ? List.of(TYPE) : request.types()) {
                random(kernels, shape, type, suffix, request, ceilings, out);
            }
        }
        long peak = HostMemory.peakResident();
        if (peak > 0) {
            out.accept(Figure.gigabytes(
                    "most memory resident" + suffix, peak, "of this process since it began, mapped weights included"));
        }
    }

    private static void stored(Request request, Ceilings ceilings, Consumer<Figure> out, String suffix) {
        String name = request.model().toString() + suffix;
        double weights = LanguageModel.stored(request.model());
        long start = System.nanoTime();
        try (FaceShield shield = FaceShield.load(request.model())) {
            Measurement opened = Measurement.sorted(0, Double.NaN, Double.NaN, (System.nanoTime() - start) / 1e9);
            out.accept(Figure.time(name + ", opened", opened, 1, "folder", Double.NaN, null, "once"));
            Image picture = TestPicture.gradient();
            String question = shield.config().options().prompts().question(FaceTask.COARSE);
            GenerationOptions all =
                    shield.generation().withMaxNewTokens(request.tokens()).withStops(Set.of(), List.of());
            FaceShieldTimes times = new FaceShieldTimes(request.plan());
            times.take(() -> {
                try (Examination examination = shield.examine(picture)) {
                    Reply reply = examination.ask(question, all, text -> {}, () -> false);
                    return new Timings(examination.visionSeconds(), 0, 0, 0, 0).plus(reply.timings());
                }
            });
            times.tell(name, shield.config(), weights, request, ceilings, out);
        }
    }

    private static void random(
            Kernels kernels,
            String shape,
            WeightType type,
            String suffix,
            Request request,
            Ceilings ceilings,
            Consumer<Figure> out) {
        String name = shape + ", " + type + suffix;
        Optional<String> tooLarge = tooLarge(shape, type, request.tokens());
        if (tooLarge.isPresent()) {
            out.accept(Figure.leftOut(name, tooLarge.get()));
            return;
        }
        try (Random model = new Random(kernels, shape, type)) {
            FaceShieldTimes times = new FaceShieldTimes(request.plan());
            times.take(() -> model.answer(request.tokens()));
            FaceShieldConfig c = model.work.network().config();
            times.tell(name, c, LanguageModel.bytes(c.language(), type), request, ceilings, out);
        }
    }

    /** Why a shape does not fit into what memory there is; empty when it does. */
    public static Optional<String> tooLarge(String shape, WeightType type, int tokens) {
        FaceShieldConfig c = FaceShieldWorkload.sizes(shape);
        WeightType tower = type == WeightType.INT4 ? WeightType.INT8 : type;
        return Request.tooLarge(LanguageModel.memory(c.language(), type, c.visionTokens() + TEXT + tokens)
                + 2 * VisionSection.memory(c.vision(), tower));
    }

    /** Random weights, and pixels that are ready. */
    public static final class Random implements AutoCloseable {
        private final Operands operands;
        private final Parameters parameters = new Parameters();
        private final FaceShieldWorkload work;
        private final LlamaWorkload language;
        private final Scope scope;
        private final Tensor pixels;

        public Random(Kernels kernels, String shape, WeightType type) {
            FaceShieldConfig config = FaceShieldWorkload.sizes(shape);
            operands = new Operands(kernels);
            FaceShieldNetwork network = new FaceShieldNetwork(parameters, config);
            parameters.all().forEach(p -> p.frozen());
            RandomWeights.fill(parameters, operands, RandomWeights.form(shape, type), p -> false);
            work = new FaceShieldWorkload(network, TEXT);
            language = new LlamaWorkload(network.language());
            scope = Scope.open();
            pixels = work.pixels();
        }

        /** Tokens of the prompt. */
        public int prompt() {
            return work.tokens();
        }

        /** Looks at both pictures, reads the prompt, says so many tokens; the first comes with the prompt. */
        public Timings answer(int tokens) {
            Timings[] taken = new Timings[1];
            Tape.withoutRecording(() -> {
                try (Scope inner = Scope.open();
                        KeyValueCache cache = work.cache(tokens)) {
                    long start = System.nanoTime();
                    VisionTokens seen = work.see(pixels);
                    long saw = System.nanoTime();
                    double[] scores = work.read(seen, cache);
                    long read = System.nanoTime();
                    for (int i = 1; i < tokens; i++) {
                        scores = language.say(cache, scores);
                    }
                    long said = System.nanoTime();
                    taken[0] =
                            new Timings((saw - start) / 1e9, (read - saw) / 1e9, prompt(), (said - read) / 1e9, tokens);
                }
            });
            return taken[0];
        }

        @Override
        public void close() {
            scope.close();
            parameters.close();
            operands.close();
        }
    }
}
