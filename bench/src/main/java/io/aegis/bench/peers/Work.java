package io.aegis.bench.peers;

import io.aegis.cli.bench.LanguageModel;
import io.aegis.cli.bench.Shapes;
import io.aegis.cli.bench.VisionSection;
import io.aegis.cli.workload.WeightType;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/**
 * A row of the table.
 *
 * @param name of the work
 * @param ours how we are made ready
 * @param peers the peers, by who they are
 * @param operations that it has; NaN where they are not counted
 * @param bytes that it reads, where reading bounds it; else 0
 * @param tokens whose rate is told instead of the time; 0 for none
 */
record Work(String name, Supplier<Contender> ours, List<Other> peers, double operations, double bytes, int tokens) {
    /** A peer, and how it is made ready. */
    record Other(String name, Supplier<Contender> peer) {}

    private static final int PROMPT = 512;
    private static final int CONTEXT = 64;
    private static final int SAID = 24;
    private static final double DADM = 2 * 85.2e9;

    /** All rows. */
    static List<Work> all(Tools tools) {
        List<Work> rows = new ArrayList<>();
        for (String shape : List.of("siglip-so400m-384", "clip-l-336")) {
            var config = Shapes.VISION.get(shape);
            List<Other> peers = new ArrayList<>();
            peers.add(tools.onnx(shape));
            peers.add(tools.torch(shape, "f32"));
            peers.add(tools.torch(shape, "bf16"));
            rows.add(new Work(
                    shape + ", one picture, f32",
                    () -> Aegis.vision(shape),
                    peers,
                    VisionSection.operations(config, config.layers()),
                    0,
                    0));
        }
        for (WeightType type : List.of(WeightType.F32, WeightType.BF16)) {
            language(rows, tools, "llama-3.2-1b", "prefill", type);
        }
        for (WeightType type : List.of(WeightType.BF16, WeightType.INT8, WeightType.INT4)) {
            language(rows, tools, "llama-3.2-1b", "decode", type);
        }
        language(rows, tools, "llama-3.2-3b", "prefill", WeightType.INT8);
        language(rows, tools, "llama-3.2-3b", "decode", WeightType.INT8);
        for (int n : new int[] {1, 8}) {
            rows.add(new Work(
                    "dadm forward of " + n + ", f32",
                    () -> Aegis.scores(n),
                    List.of(tools.torch("dadm-forward-" + n, "f32")),
                    n * DADM,
                    0,
                    0));
        }
        for (int backwards : new int[] {1, 4}) {
            rows.add(new Work(
                    "dadm step of 4, " + backwards + " of its losses back, f32",
                    () -> Aegis.step(backwards),
                    List.of(tools.torch("dadm-step-4-" + backwards, "f32")),
                    Double.NaN,
                    0,
                    0));
        }
        return rows;
    }

    private static void language(List<Work> rows, Tools tools, String shape, String what, WeightType type) {
        boolean prefill = what.equals("prefill");
        List<Other> peers = new ArrayList<>();
        if (type.format() == null) {
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
        var config = Shapes.LANGUAGE.get(shape);
        rows.add(new Work(
                shape + ", " + (prefill ? "a prompt of " + PROMPT : "a token") + ", " + type,
                () -> prefill ? Aegis.prefill(shape, type, PROMPT) : Aegis.decode(shape, type, CONTEXT, SAID),
                peers,
                prefill ? LanguageModel.operations(config, PROMPT) : 0,
                prefill ? 0 : LanguageModel.bytes(config, type),
                prefill ? PROMPT : 1));
    }
}
