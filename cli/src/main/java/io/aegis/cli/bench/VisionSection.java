package io.aegis.cli.bench;

import io.aegis.cli.workload.Operands;
import io.aegis.cli.workload.RandomWeights;
import io.aegis.cli.workload.VisionWorkload;
import io.aegis.cli.workload.WeightType;
import io.aegis.kernels.Kernels;
import io.aegis.layers.Parameters;
import io.aegis.models.checkpoint.VisionLanguageCheckpoint;
import io.aegis.models.checkpoint.VisionLanguageConfig;
import io.aegis.models.vit.VisionTransformer;
import io.aegis.models.vit.VitConfig;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import io.aegis.weights.WeightsException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/** Vision towers: one picture, and two as FaceShield looks at them, beside what the registers multiply. */
public final class VisionSection {
    private static final List<String> SHAPES = List.of("siglip-so400m-384", "clip-l-336");
    private static final List<Integer> BATCHES = List.of(1, 2);

    private VisionSection() {}

    static void run(Kernels kernels, Request request, Ceilings ceilings, Consumer<Figure> out) {
        if (request.model() != null) {
            stored(kernels, request, ceilings, out);
            return;
        }
        for (String shape : request.shape() == null ? SHAPES : List.of(request.shape())) {
            for (WeightType type : request.types().isEmpty() ? List.of(WeightType.F32) : request.types()) {
                random(kernels, request, shape, type, ceilings, out);
            }
        }
    }

    private static void random(
            Kernels kernels, Request request, String shape, WeightType type, Ceilings ceilings, Consumer<Figure> out) {
        VitConfig config = Shapes.VISION.get(shape);
        Optional<String> tooLarge = Request.tooLarge(memory(config, type));
        if (tooLarge.isPresent()) {
            out.accept(Figure.leftOut(shape + ", " + type, tooLarge.get()));
            return;
        }
        try (Operands operands = new Operands(kernels);
                Parameters parameters = new Parameters()) {
            VisionTransformer network = new VisionTransformer(parameters, config);
            RandomWeights.fill(parameters, operands, type);
            VisionWorkload work = new VisionWorkload(network, config.layers(), true);
            measure(kernels, shape + ", " + type, work, request, ceilings, out);
        }
    }

    /** A checkpoint's tower, as far as its language model wants it. */
    private static void stored(Kernels kernels, Request request, Ceilings ceilings, Consumer<Figure> out) {
        Path folder = request.model();
        try (VisionLanguageCheckpoint checkpoint = VisionLanguageCheckpoint.open(folder);
                Parameters parameters = new Parameters()) {
            VisionLanguageConfig all = checkpoint.config();
            VitConfig config = all.vision().orElseThrow(() -> new WeightsException(folder + ": holds no vision tower"));
            int layer = all.feature() == null ? config.layers() : all.feature().layer();
            VisionTransformer network = new VisionTransformer(parameters.at("vis"), config, layer);
            checkpoint.load(parameters);
            measure(kernels, folder.toString(), new VisionWorkload(network, layer, false), request, ceilings, out);
        }
    }

    private static void measure(
            Kernels kernels,
            String name,
            VisionWorkload work,
            Request request,
            Ceilings ceilings,
            Consumer<Figure> out) {
        VitConfig config = work.network().config();
        int blocks = work.whole() ? config.layers() : config.blocks(work.layer());
        for (int b : request.batches().isEmpty() ? BATCHES : request.batches()) {
            Tape.withoutRecording(() -> {
                try (Scope scope = Scope.open()) {
                    Tensor pictures = work.pictures(b);
                    String what = name + ", " + (b == 1 ? "1 picture" : b + " pictures")
                            + request.compute().suffix();
                    Scaling.measure(
                            kernels,
                            request,
                            () -> work.forward(pictures),
                            ceilings.arithmetic(request.compute()),
                            m -> Figure.time(
                                    what,
                                    m,
                                    b,
                                    "picture",
                                    b * operations(config, blocks),
                                    ceilings.most(request.compute()),
                                    work.whole() ? "the whole tower" : blocks + " blocks"),
                            out);
                }
            });
        }
    }

    /** Multiply-adds times two of a picture's blocks and patches. */
    public static double operations(VitConfig c, int blocks) {
        double n = c.tokens();
        double d = c.width();
        double block = 2 * n * (4 * d * d + 2 * d * c.mlp()) + 4 * n * n * d;
        return blocks * block + 2.0 * c.patches() * d * 3 * c.patch() * c.patch();
    }

    static double memory(VitConfig c, WeightType type) {
        double d = c.width();
        double weights = c.layers() * (4 * d * d + 2 * d * c.mlp()) * type.bytes();
        double activations = 2.0 * c.tokens() * (c.layers() * d + 6 * d + 2 * c.mlp()) * Float.BYTES;
        return weights + activations;
    }
}
