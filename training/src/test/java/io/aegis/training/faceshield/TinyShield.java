package io.aegis.training.faceshield;

import io.aegis.image.Image;
import io.aegis.image.Png;
import io.aegis.kernels.Philox;
import io.aegis.training.report.ProgressBar;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Something to train on: a model's folder without weights, whose tokens are bytes; pictures of noise, of which attacks have
 * a bright square; questions about them.
 */
final class TinyShield {
    private static final int SIDE = 16;

    /** Says nothing. */
    static final ProgressBar.Surroundings SILENT = console(Long.MAX_VALUE, () -> {});

    private TinyShield() {}

    /** Says nothing, and does something when a progress bar has looked at the clock so often. */
    static ProgressBar.Surroundings console(long looks, Runnable then) {
        AtomicLong count = new AtomicLong();
        return new ProgressBar.Surroundings(
                new PrintStream(OutputStream.nullOutputStream()),
                false,
                80,
                () -> {
                    if (count.incrementAndGet() > looks) {
                        then.run();
                    }
                    return count.get();
                },
                () -> 0);
    }

    /** Writes {@code base/}, {@code images/} and {@code sft.json}, with an even number of pictures. */
    static void write(Path folder, int pictures) {
        try {
            Path base = Files.createDirectories(folder.resolve("base"));
            Files.writeString(base.resolve("config.json"), CONFIG);
            Files.writeString(base.resolve("tokenizer.json"), tokenizer());
            Path images = Files.createDirectories(folder.resolve("images"));
            List<String> entries = new ArrayList<>();
            for (int i = 0; i < pictures; i++) {
                boolean attack = i % 2 == 1;
                Png.write(images.resolve(i + ".png"), picture(i, attack));
                entries.add(entry(i, attack, "Is it real ?", attack ? "It is a spoof." : "It is a real."));
                if (attack) {
                    entries.add(entry(i, true, "Where ?", "At [ 4.0 4.0 9.0 9.0 ]."));
                }
            }
            Files.writeString(folder.resolve("sft.json"), "[" + String.join(",\n", entries) + "]");
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private static String entry(int i, boolean attack, String question, String answer) {
        String truth = attack ? "\"label\": \"attack\", \"attack\": \"print\"" : "\"label\": \"bonafide\"";
        return String.format(
                "{\"id\": \"%d\", \"image\": \"%d.png\", %s, \"conversations\": [{\"from\": \"human\", \"value\":"
                        + " \"<image>\\n%s\"}, {\"from\": \"gpt\", \"value\": \"%s\"}]}",
                i, i, truth, question, answer);
    }

    private static Image picture(int number, boolean attack) {
        byte[] bytes = new byte[3 * SIDE * SIDE];
        for (int i = 0; i < bytes.length; i++) {
            int x = i / 3 % SIDE;
            int y = i / 3 / SIDE;
            boolean square = attack && x >= 4 && x < 9 && y >= 4 && y < 9;
            bytes[i] = (byte) (square ? 250 : 80 + (Philox.bits(1, number, 0, 0, i) >>> 27));
        }
        return Image.of(SIDE, SIDE, 3, bytes);
    }

    /** The set in a folder, a quarter of its pictures held out. */
    static FaceShieldTrainingData data(Path folder) {
        Problems problems = new Problems();
        InstructionSet all = InstructionFile.read(folder.resolve("sft.json"), folder.resolve("images"), problems);
        return FaceShieldTrainingData.heldOut(all, 0.25, 1, problems);
    }

    /** Two epochs of updates of four questions, saved after each. */
    static FaceShieldTrainingOptions options(Stage stage, Path out) {
        FaceShieldTrainingOptions usual = FaceShieldTrainingOptions.of(stage, out);
        FaceShieldTrainingOptions.Fit f = usual.fit();
        return usual.withFit(new FaceShieldTrainingOptions.Fit(
                        2,
                        2,
                        2,
                        f.normalization(),
                        3e-3,
                        3e-3,
                        f.schedule(),
                        0.2,
                        f.beta2(),
                        f.weightDecay(),
                        f.clip()))
                .withLora(new FaceShieldTrainingOptions.Lora(2, 4, 0.1))
                .withRun(new FaceShieldTrainingOptions.Run(out, 1, null));
    }

    private static final String CONFIG = """
            {"model_type": "bunny-llama", "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
             "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8, "max_position_embeddings": 288,
             "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": false,
             "vocab_size": 258, "torch_dtype": "float32", "bos_token_id": 256, "eos_token_id": 257,
             "mm_hidden_size": 16, "mm_projector_type": "mlp2x_gelu", "mm_vision_tower": "siglip",
             "tokenizer_model_max_length": 288,
             "vision_config": {"model_type": "siglip_vision_model", "hidden_size": 16, "intermediate_size": 24,
              "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 16, "patch_size": 8, "num_channels": 3,
              "hidden_act": "gelu_pytorch_tanh", "layer_norm_eps": 1e-6},
             "faceshield": {"prompts": {"coarse": "Is it real ?", "answer_real": " It is a real", "answer_spoof": " It is a spoof"}}}
            """;

    /** Byte-level BPE without merges. */
    private static String tokenizer() {
        StringBuilder vocabulary = new StringBuilder();
        int moved = 0;
        for (int b = 0; b < 256; b++) {
            boolean itself = b >= 33 && b <= 126 || b >= 161 && b <= 172 || b >= 174;
            int shown = itself ? b : 256 + moved++;
            vocabulary.append(b == 0 ? "" : ", ").append(String.format("\"\\u%04x\": %d", shown, b));
        }
        return """
                {"version": "1.0", "truncation": null, "padding": null, "added_tokens": [
                 {"id": 256, "content": "<|begin_of_text|>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true},
                 {"id": 257, "content": "<|end_of_text|>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}],
                 "normalizer": null,
                 "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
                 "post_processor": {"type": "TemplateProcessing",
                  "single": [{"SpecialToken": {"id": "<|begin_of_text|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                  "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                  "special_tokens": {"<|begin_of_text|>": {"id": "<|begin_of_text|>", "ids": [256], "tokens": ["<|begin_of_text|>"]}}},
                 "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
                 "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                  "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "merges": [], "vocab": {""" + vocabulary + "}}}";
    }
}
