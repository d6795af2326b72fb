package io.aegis.cli;

import static io.aegis.cli.Typed.aegis;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.aegis.image.Image;
import io.aegis.image.Png;
import io.aegis.tokenizer.BpeTrainer;
import io.aegis.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A FaceShield of random weights is quantised, judges faces, and is the base of what learns, as a person types it. */
class QuantizeCommandTest {
    private static final String BOS = "<|begin_of_text|>";
    private static final String EOS = "<|end_of_text|>";

    @TempDir
    static Path folder;

    private static Path model;
    private static Path images;
    private static Path data;
    private static Path quantized;
    private static Typed made;

    @BeforeAll
    static void quantize() throws IOException {
        Path config = folder.resolve("config.json");
        Path tokenizer = folder.resolve("tokenizer.json");
        Files.writeString(
                tokenizer,
                new BpeTrainer(300, List.of(BOS, EOS), BOS)
                        .train(List.of("Real or spoof ? It is a spoof. It is a real.")));
        Files.writeString(config, """
                {"model_type": "bunny-llama", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1,
                 "num_attention_heads": 2, "num_key_value_heads": 2, "max_position_embeddings": 256, "rms_norm_eps": 1e-5,
                 "rope_theta": 10000.0, "tie_word_embeddings": true, "vocab_size": %d, "mm_hidden_size": 32,
                 "vision_config": {"model_type": "siglip_vision_model", "hidden_size": 32, "intermediate_size": 64,
                  "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 16, "patch_size": 8},
                 "faceshield": {"prompts": {"coarse": "Real or spoof ?", "answer_real": " It is a real", "answer_spoof": " It is a spoof"}}}
                """.formatted(Tokenizer.open(tokenizer).size()));
        model = folder.resolve("model");
        assertThat(aegis("synthesize", "--config", config, "--out", model, "--tokenizer", tokenizer)
                        .err())
                .isEmpty();
        images = Files.createDirectory(folder.resolve("images"));
        List<String> entries = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            byte[] bytes = new byte[3 * 16 * 16];
            Arrays.fill(bytes, (byte) (i % 2 == 1 ? 250 : 60 + i));
            Png.write(images.resolve(i + ".png"), Image.of(16, 16, 3, bytes));
            entries.add(String.format(
                    "{\"id\": \"%d\", \"image\": \"%d.png\", \"label\": \"%s\", \"conversations\": [{\"from\": \"human\","
                            + " \"value\": \"<image>\\nReal or spoof ?\"}, {\"from\": \"gpt\", \"value\": \"It is a %s.\"}]}",
                    i, i, i % 2 == 1 ? "attack" : "bonafide", i % 2 == 1 ? "spoof" : "real"));
        }
        data = Files.writeString(folder.resolve("sft.json"), "[" + String.join(",", entries) + "]");
        quantized = folder.resolve("quantized");
        made = aegis(
                "quantize",
                "--model",
                model,
                "--format",
                "int4",
                "--out",
                quantized,
                "--data",
                data,
                "--images",
                images);
    }

    @Test
    void itSaysWhatWasLostAndKeepsThatInTheFolder() throws IOException {
        assertThat(made.status()).as(made.err()).isZero();
        assertThat(made.out())
                .contains("int4, groups of 64, id ", "relative error of weights, the worst", "all 23 matrices")
                .contains("mean KL divergence of the next token", "same greedy token", "real or spoof, AUC");
        JsonNode report = new ObjectMapper()
                .readTree(quantized.resolve("quantization.json").toFile());
        assertThat(report.path("tensors").size()).isEqualTo(23);
        assertThat(report.path("relative_error").asDouble()).isBetween(0.001, 0.12);
        assertThat(report.path("end_to_end").path("greedy_agreement").asDouble())
                .isBetween(0.0, 1.0);
        assertThat(report.path("evaluation_after").path("scored").path("auc").isNumber())
                .isTrue();
    }

    @Test
    void aQuantisedFolderIsAModelLikeAnyOther() {
        Typed words = aegis("analyze", "--model", quantized, "--image", images.resolve("1.png"), "--task", "coarse");
        assertThat(words.status()).as(words.err()).isZero();
        assertThat(words.out()).contains("probability of bona fide 0.");
        Typed table = aegis("evaluate", "faceshield", "--model", quantized, "--data", data, "--images", images);
        assertThat(table.status()).as(table.err()).isZero();
    }

    /** Adapters and a projector learn on it; its own weights do not, and nothing is merged into them. */
    @Test
    void adaptersLearnOnItAndNothingElse() {
        Path run = folder.resolve("run");
        Typed trained = train("2", run);
        assertThat(trained.status()).as(trained.err()).isZero();
        Path adapter = run.resolve("adapter");
        Typed adapted = aegis(
                "analyze",
                "--model",
                quantized,
                "--adapter",
                adapter,
                "--image",
                images.resolve("1.png"),
                "--task",
                "coarse");
        assertThat(adapted.status()).as(adapted.err()).isZero();

        Typed merged = aegis("merge", "--model", quantized, "--adapter", adapter, "--out", folder.resolve("merged"));
        assertThat(merged.status()).isEqualTo(1);
        assertThat(merged.err())
                .contains(quantized + ": is quantised, and rounding would swallow")
                .contains("then quantise the result");

        Typed full = train("full", folder.resolve("full"));
        assertThat(full.status()).isEqualTo(1);
        assertThat(full.err()).contains("would be trained, but quantised weights cannot be: train adapters on them");
    }

    private static Typed train(String stage, Path out) {
        return aegis(
                "train",
                "faceshield",
                "--stage",
                stage,
                "--model",
                quantized,
                "--data",
                data,
                "--images",
                images,
                "--out",
                out,
                "--epochs",
                1,
                "--batch",
                2,
                "--dev-share",
                0.4);
    }

    @Test
    void whatCannotBeIsSaidInOneSentence() throws IOException {
        Path out = folder.resolve("other");
        assertThat(aegis("quantize", "--model", quantized, "--format", "int8", "--out", out)
                        .err())
                .contains(quantized + ": is quantised already (int4, groups of 64, id ");
        assertThat(aegis("quantize", "--model", model, "--format", "int8", "--out", out, "--group", 48)
                        .err())
                .contains("--group 48: a group of 48 weights, expected a power of two from 32 on");
        assertThat(aegis("quantize", "--model", model, "--format", "int8", "--out", out, "--data", data)
                        .err())
                .contains("--data and --images belong together");
        assertThat(aegis("quantize", "--model", model, "--format", "int5", "--out", out)
                        .status())
                .isEqualTo(2);
        assertThat(out).doesNotExist();

        Path mixed = Files.createDirectory(folder.resolve("mixed"));
        for (String name : List.of("config.json", "tokenizer.json", "model.safetensors")) {
            Files.copy(quantized.resolve(name), mixed.resolve(name));
        }
        Files.copy(
                model.resolve("model.safetensors"),
                mixed.resolve("model.safetensors"),
                StandardCopyOption.REPLACE_EXISTING);
        assertThat(aegis("analyze", "--model", mixed, "--image", images.resolve("1.png"))
                        .err())
                .contains("model.safetensors: is not quantised, but config.json says int4, groups of 64, id ");
    }
}
