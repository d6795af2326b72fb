package io.aegis.bench.peers;

import io.aegis.cli.bench.LanguageModel;
import io.aegis.cli.bench.Shapes;
import io.aegis.cli.bench.VisionSection;
import io.aegis.cli.workload.Compute;
import io.aegis.cli.workload.WeightType;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/**
 * A row of the table.
 *
 * @param name of the work
 * @param ours how we are made ready
 * @param compute what our products round to
 * @param peers the peers, by who they are
 * @param operations that it has; NaN where they are not counted
 * @param bytes that it reads, where reading bounds it; else 0
 * @param tokens whose rate is told instead of the time; 0 for none
 */
record Work(
        String name,
        Supplier<Contender> ours,
        Compute compute,
        List<Other> peers,
        double operations,
        double bytes,
        int tokens) {
    /** A peer, and how it is made ready. */
    record Other(String name, Supplier<Contender> peer) {}

    private static final int PROMPT = 512;
    private static final int CONTEXT = 64;
    private static final int SAID = 24;
    private static final double DADM = 2 * 85.2e9;
    private static final String FACESHIELD = "bunny-llama3-8b";
    private static final int ANSWER = 30;
    private static final String LLAMA3 =
            "one source file on GitHub and no artifact of a repository, so that no build can bring it;"
                    + " where it was tried it read prompts 17 times and answered 3 times slower than llama.cpp";

    /** All rows. */
    static List<Work> all(Tools tools) {
        List<Work> rows = new ArrayList<>();
        for (String shape : List.of("siglip-so400m-384", "clip-l-336")) {
            vision(rows, tools, shape);
        }
        language(rows, tools, "llama-3.2-1b", "prefill", WeightType.F32, Compute.F32);
        language(rows, tools, "llama-3.2-1b", "prefill", WeightType.BF16, Compute.F32);
        language(rows, tools, "llama-3.2-1b", "prefill", WeightType.BF16, Compute.BF16);
        for (WeightType type : List.of(WeightType.BF16, WeightType.INT8, WeightType.INT4)) {
            language(rows, tools, "llama-3.2-1b", "decode", type, Compute.F32);
        }
        for (Compute compute : Compute.values()) {
            language(rows, tools, "llama-3.2-3b", "prefill", WeightType.INT8, compute);
        }
        language(rows, tools, "llama-3.2-3b", "decode", WeightType.INT8, Compute.F32);
        for (Compute compute : Compute.values()) {
            dadm(rows, tools, compute);
        }
        for (Compute compute : Compute.values()) {
            faceShield(rows, compute);
        }
        return rows;
    }

    private static void vision(List<Work> rows, Tools tools, String shape) {
        var config = Shapes.VISION.get(shape);
        double operations = VisionSection.operations(config, config.layers());
        rows.add(new Work(
                shape + ", one picture, f32",
                () -> Aegis.vision(shape, WeightType.F32, Compute.F32),
                Compute.F32,
                List.of(tools.onnx(shape), tools.torch(shape, "f32"), tools.djl(shape, Compute.F32)),
                operations,
                0,
                0));
        rows.add(new Work(
                shape + ", one picture, bf16",
                () -> Aegis.vision(shape, WeightType.BF16, Compute.BF16),
                Compute.BF16,
                List.of(tools.torch(shape, "bf16"), tools.djl(shape, Compute.BF16)),
                operations,
                0,
                0));
    }

    private static void dadm(List<Work> rows, Tools tools, Compute compute) {
        for (int n : new int[] {1, 8}) {
            rows.add(new Work(
                    "dadm forward of " + n + ", " + compute,
                    () -> Aegis.scores(n, compute),
                    compute,
                    List.of(tools.torch("dadm-forward-" + n, compute.toString())),
                    n * DADM,
                    0,
                    0));
        }
        for (int backwards : new int[] {1, 4}) {
            rows.add(new Work(
                    "dadm step of 4, " + backwards + " of its losses back, " + compute,
                    () -> Aegis.step(backwards, compute),
                    compute,
                    List.of(tools.torch("dadm-step-4-" + backwards, compute.toString())),
                    Double.NaN,
                    0,
                    0));
        }
    }

    private static void faceShield(List<Work> rows, Compute compute) {
        rows.add(new Work(
                FACESHIELD + ", int4, RGB and SAV, prompt of 1522, answer of " + ANSWER + compute.suffix(),
                () -> Aegis.faceShield(FACESHIELD, WeightType.INT4, compute, ANSWER),
                compute,
                List.of(Tools.absent("any peer", "none runs this model")),
                Double.NaN,
                0,
                0));
    }

    private static void language(
            List<Work> rows, Tools tools, String shape, String what, WeightType type, Compute compute) {
        boolean prefill = what.equals("prefill");
        List<Other> peers = new ArrayList<>();
        // A prompt in bf16 meets PyTorch's where ours is computed in it too.
        if (type.format() == null && (!prefill || type.toString().equals(compute.toString()))) {
            peers.add(tools.torch(shape + "-" + what, type.toString()));
        }
        if (type != WeightType.F32) {
            String gguf =
                    switch (type) {
                        case INT8 -> "q8_0";
                        case INT4 -> "q4_0";
                        default -> "bf16";
                    };
            List<String> options =
                    prefill ? List.of("-p", "" + PROMPT, "-n", "0") : List.of("-p", "0", "-n", "" + SAID);
            peers.add(tools.llama(shape, gguf, options, prefill ? PROMPT : 1));
        }
        if (type.format() != null && shape.equals("llama-3.2-1b")) {
            peers.add(Tools.absent("llama3.java", LLAMA3));
        }
        var config = Shapes.LANGUAGE.get(shape);
        rows.add(new Work(
                shape + ", " + (prefill ? "a prompt of " + PROMPT : "a token") + ", " + type + compute.suffix(),
                () -> prefill ? Aegis.prefill(shape, type, compute, PROMPT) : Aegis.decode(shape, type, CONTEXT, SAID),
                compute,
                peers,
                prefill ? LanguageModel.operations(config, PROMPT) : 0,
                prefill ? 0 : LanguageModel.bytes(config, type),
                prefill ? PROMPT : 1));
    }
}
