package io.aegis.models.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.View;
import io.aegis.weights.ConfigJson;
import io.aegis.weights.Quantization;
import io.aegis.weights.StoredType;
import io.aegis.weights.Views;
import io.aegis.weights.WeightsException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class SynthesisTest {
    @TempDir
    Path folder;

    private static Synthesis of(String name, StoredType dtype) {
        return new Synthesis(Synthesis.config(name), dtype, 3);
    }

    private Path written(String name, StoredType dtype, long seed, String out) {
        new Synthesis(Synthesis.config(name), dtype, seed).write(folder.resolve(out), null, done -> {});
        return folder.resolve(out);
    }

    /** Gigabytes of the shards, as the pages of the published checkpoints show them. */
    private static List<String> gigabytes(Synthesis s) {
        return s.files().values().stream()
                .map(b -> String.format("%.2f", b / 1e9))
                .toList();
    }

    @Test
    void bunnyHasThePublishedTensorsAndShards() {
        Synthesis bunny = of("bunny-llama3-8b", StoredType.F16);
        assertThat(bunny.count()).isEqualTo(743);
        assertThat(bunny.bytes()).isEqualTo(2 * 8_479_990_848L);
        assertThat(gigabytes(bunny)).containsExactly("4.98", "5.00", "4.92", "2.07");
        assertThat(bunny.files().keySet()).first().isEqualTo("model-00001-of-00004.safetensors");
    }

    @Test
    void llavaHasThePublishedShards() {
        assertThat(gigabytes(of("llava-1.5-7b", StoredType.F16))).containsExactly("4.99", "4.96", "4.18");
    }

    @ParameterizedTest
    @EnumSource(names = {"F16", "BF16", "F32"})
    void whatIsWrittenCanBeOpened(StoredType dtype) {
        for (String name : List.of("bunny-tiny", "llava-tiny")) {
            Path out = written(name, dtype, 0, name);
            try (VisionLanguageCheckpoint c = VisionLanguageCheckpoint.open(out)) {
                assertThat(c.tensors().info("llm.norm.weight").dtype()).isEqualTo(dtype);
                assertThat(c.config().language()).isPresent();
                assertThat(c.config().vision()).isPresent();
                View embedding = Views.of(c.tensors(), "llm.embed_tokens.weight");
                double[] values = embedding.toDoubles();
                double mean = Arrays.stream(values).average().orElseThrow();
                double square = Arrays.stream(values).map(x -> x * x).average().orElseThrow();
                assertThat(Math.abs(mean)).isLessThan(1e-3);
                assertThat(Math.sqrt(square)).isBetween(0.019, 0.021);
                assertThat(Views.of(c.tensors(), "llm.norm.weight").get(0)).isBetween(0.9, 1.1);
            }
        }
    }

    /** Codes and scales are spread so that the matrix is as one that was never quantised; what is small stays bfloat16. */
    @ParameterizedTest
    @EnumSource(QuantizedWeight.Format.class)
    void quantisedOnesCanBeOpened(QuantizedWeight.Format format) {
        Path out = folder.resolve("quantised");
        QuantizationRecipe recipe = new QuantizationRecipe(format, Optional.of(format), Optional.of(format), 32);
        new Synthesis(Synthesis.config("bunny-tiny"), StoredType.BF16, Optional.of(recipe), 3)
                .write(out, null, done -> {});
        try (VisionLanguageCheckpoint c = VisionLanguageCheckpoint.open(out);
                Arena arena = Arena.ofShared()) {
            assertThat(c.quantization().orElseThrow().format()).isEqualTo(format);
            assertThat(c.tensors().info("llm.norm.weight").dtype()).isEqualTo(StoredType.BF16);
            String name = "llm.layers.0.mlp.up_proj.weight";
            QuantizedWeight w =
                    new QuantizedWeight(Views.of(c.tensors(), name), Views.of(c.tensors(), name + Quantization.SCALE));
            assertThat(w.format()).isEqualTo(format);
            View wide = View.allocate(arena, DType.F32, w.rows(), w.columns());
            Backends.best().quantizedMatmul().widen(w, wide);
            double[] values = wide.toDoubles();
            double square = Arrays.stream(values).map(x -> x * x).average().orElseThrow();
            assertThat(Math.sqrt(square * w.columns())).isBetween(0.98, 1.02);
            assertThat(Arrays.stream(values).average().orElseThrow() * Math.sqrt(w.columns()))
                    .isBetween(-0.15, 0.15);
        }
    }

    @Test
    void llama1BHasAQuarterOfTheBytes() {
        ConfigJson json = Synthesis.config("llama-3.2-1b");
        assertThat(new Synthesis(json, StoredType.BF16, 0).bytes()).isEqualTo(2 * 1_235_814_400L);
        QuantizationRecipe recipe = QuantizationRecipe.of(QuantizedWeight.Format.INT4);
        long blocks = 1_235_814_400L - 128256L * 2048 - 33 * 2048;
        assertThat(new Synthesis(json, StoredType.BF16, Optional.of(recipe), 0).bytes())
                .isEqualTo(blocks * 9 / 16 + 128256L * 2048 * 17 / 16 + 33 * 2048 * 2);
    }

    @Test
    void equalSeedsGiveEqualFiles() throws IOException {
        byte[] one =
                Files.readAllBytes(written("llava-tiny", StoredType.F16, 1, "a").resolve("model.safetensors"));
        byte[] same =
                Files.readAllBytes(written("llava-tiny", StoredType.F16, 1, "b").resolve("model.safetensors"));
        byte[] other =
                Files.readAllBytes(written("llava-tiny", StoredType.F16, 2, "c").resolve("model.safetensors"));
        assertThat(same).isEqualTo(one);
        assertThat(other).isNotEqualTo(one);
    }

    @Test
    void configsStandBesideTheWeights() throws IOException {
        Path out = written("llava-tiny", StoredType.BF16, 0, "out");
        assertThat(names(out)).containsExactlyInAnyOrder("config.json", "generation_config.json", "model.safetensors");
        assertThat(ConfigJson.read(out).text("torch_dtype")).isEqualTo("bfloat16");
        ConfigJson generation = ConfigJson.read(out.resolve("generation_config.json"));
        assertThat(generation.integer("eos_token_id")).isEqualTo(2);
        assertThat(generation.integer("pad_token_id")).isEqualTo(318);
    }

    @Test
    void aTokenizerIsCopiedOnlyWhenItIsGiven() throws IOException {
        Path tokenizer = Files.createDirectory(folder.resolve("t"));
        Files.writeString(tokenizer.resolve("tokenizer.json"), "{}");
        Files.writeString(tokenizer.resolve("tokenizer_config.json"), "{}");
        Files.writeString(tokenizer.resolve("notes.txt"), "no");
        Path out = folder.resolve("out");
        of("bunny-tiny", StoredType.F16).write(out, tokenizer, done -> {});
        assertThat(names(out))
                .contains("tokenizer.json", "tokenizer_config.json")
                .doesNotContain("notes.txt");
        assertThatThrownBy(() -> of("bunny-tiny", StoredType.F16).write(folder.resolve("b"), folder, done -> {}))
                .isInstanceOf(WeightsException.class)
                .hasMessageContaining("is no tokenizer");
        assertThat(folder.resolve("b")).doesNotExist();
    }

    @Test
    void aFolderWithSomethingInItIsLeftAlone() throws IOException {
        Files.writeString(folder.resolve("mine"), "precious");
        assertThatThrownBy(() -> of("bunny-tiny", StoredType.F16).write(folder, null, done -> {}))
                .isInstanceOf(WeightsException.class)
                .hasMessage(folder + ": exists and is not empty; remove it, or give another folder");
        assertThat(names(folder)).containsExactly("mine");
    }

    /** 2^44 bytes of embedding. */
    @Test
    void aDiskThatIsTooSmallIsSaidSo() {
        ObjectNode node = Synthesis.config("bunny-tiny").json().deepCopy();
        node.put("vocab_size", Integer.MAX_VALUE).put("hidden_size", 4096);
        Synthesis huge = new Synthesis(ConfigJson.of(Path.of("config.json"), node), StoredType.F16, 0);
        Path out = folder.resolve("new").resolve("out");
        assertThatThrownBy(() -> huge.write(out, null, done -> {}))
                .isInstanceOf(WeightsException.class)
                .hasMessageContaining("needs 35184")
                .hasMessageContaining("GB, but the disk has");
        assertThat(folder.resolve("new")).doesNotExist();
    }

    /** What interrupts the writing leaves nothing behind. */
    @Test
    void afterAFailureNothingIsThere() throws IOException {
        List<Long> told = new ArrayList<>();
        Path out = folder.resolve("out");
        assertThatThrownBy(() -> of("bunny-tiny", StoredType.F16).write(out, null, done -> {
                    told.add(done);
                    if (told.size() == 5) {
                        throw new IllegalStateException("stop");
                    }
                }))
                .hasMessage("stop");
        assertThat(names(folder)).isEmpty();
    }

    @Test
    void unknownNamesAreRefusedWithTheKnownOnes() {
        assertThatThrownBy(() -> Synthesis.config("bunny-9b"))
                .isInstanceOf(WeightsException.class)
                .hasMessageContaining("bunny-9b is neither a config.json nor one of bunny-llama3-8b, llava-1.5-7b");
    }

    private static List<String> names(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(f -> f.getFileName().toString()).toList();
        }
    }
}
