package io.aegis.cli;

import io.aegis.image.Image;
import io.aegis.image.Png;
import io.aegis.tokenizer.BpeTrainer;
import io.aegis.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A FaceShield of a few kilobytes that has learned nothing yet, and faces for it: bona fide ones are gray and attacks white,
 * in turn.
 *
 * @param base the model's folder, without weights
 * @param images folder of the pictures
 * @param data instructions about them, the last of them about a picture that is missing
 */
record TinyFaceShield(Path base, Path images, Path data) {
    private static final String BOS = "<|begin_of_text|>";
    private static final String EOS = "<|end_of_text|>";
    private static final int SIDE = 16;

    /** Writes all of it. */
    static TinyFaceShield in(Path folder, int faces) throws IOException {
        Path base = Files.createDirectory(folder.resolve("base"));
        Path images = Files.createDirectory(folder.resolve("images"));
        List<String> entries = new ArrayList<>();
        for (int i = 0; i <= faces; i++) {
            boolean attack = i % 2 == 1;
            byte[] bytes = new byte[3 * SIDE * SIDE];
            Arrays.fill(bytes, (byte) (attack ? 250 : 60 + i));
            if (i < faces) {
                Png.write(images.resolve(i + ".png"), Image.of(SIDE, SIDE, 3, bytes));
            }
            entries.add(String.format(
                    "{\"id\": \"%d\", \"image\": \"%d.png\", \"label\": \"%s\", \"conversations\": [{\"from\": \"human\","
                            + " \"value\": \"<image>\\nReal or spoof ?\"}, {\"from\": \"gpt\", \"value\": \"It is a %s.\"}]}",
                    i, i, attack ? "attack" : "bonafide", attack ? "spoof" : "real"));
        }
        Path data = Files.writeString(folder.resolve("sft.json"), "[" + String.join(",", entries) + "]");
        Files.writeString(
                base.resolve("tokenizer.json"),
                new BpeTrainer(300, List.of(BOS, EOS), BOS)
                        .train(List.of("Real or spoof ? It is a spoof. It is a real.")));
        Files.writeString(base.resolve("config.json"), """
                {"model_type": "bunny-llama", "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1,
                 "num_attention_heads": 2, "num_key_value_heads": 2, "max_position_embeddings": 256, "rms_norm_eps": 1e-5,
                 "rope_theta": 10000.0, "tie_word_embeddings": true, "vocab_size": %d, "mm_hidden_size": 16,
                 "vision_config": {"model_type": "siglip_vision_model", "hidden_size": 16, "intermediate_size": 24,
                  "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 16, "patch_size": 8},
                 "faceshield": {"prompts": {"coarse": "Real or spoof ?", "answer_real": " It is a real", "answer_spoof": " It is a spoof"}}}
                """.formatted(
                        Tokenizer.open(base.resolve("tokenizer.json")).size()));
        return new TinyFaceShield(base, images, data);
    }
}
