package io.aegis.models.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.QuantizedWeight.Format;
import io.aegis.kernels.View;
import io.aegis.layers.Parameters;
import io.aegis.models.llama.LlamaNetwork;
import io.aegis.weights.Checkpoint;
import io.aegis.weights.ConfigJson;
import io.aegis.weights.Quantization;
import io.aegis.weights.SafetensorsWriter;
import io.aegis.weights.ShardedWriter;
import io.aegis.weights.StoredTensor;
import io.aegis.weights.StoredType;
import io.aegis.weights.TensorInfo;
import io.aegis.weights.Views;
import io.aegis.weights.WeightsException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class QuantizedModelTest {
    private static final String TOWER = "model.vision_tower.vision_tower.";

    @TempDir
    Path folder;

    private Path synthesized(String config, StoredType dtype) {
        Path out = folder.resolve(config);
        new Synthesis(Synthesis.config(config), dtype, 1).write(out, null, done -> {});
        return out;
    }

    private static QuantizedModel.Result quantize(Path from, Path to, Format format) {
        try (VisionLanguageCheckpoint source = VisionLanguageCheckpoint.open(from)) {
            QuantizationRecipe recipe =
                    new QuantizationRecipe(format, Optional.of(format), Optional.of(Format.INT8), 64);
            return new QuantizedModel(from, source, recipe).write(to, done -> {});
        }
    }

    /** Every tensor of the source is there: as it was, or near it. */
    private static int compare(Path before, Path after, double most) {
        int quantized = 0;
        try (VisionLanguageCheckpoint a = VisionLanguageCheckpoint.open(before);
                VisionLanguageCheckpoint b = VisionLanguageCheckpoint.open(after);
                Arena arena = Arena.ofShared()) {
            for (String name : a.tensors().names()) {
                if (!b.tensors().has(name + Quantization.SCALE)) {
                    assertThat(b.tensors().bytes(name).mismatch(a.tensors().bytes(name)))
                            .isEqualTo(-1);
                    continue;
                }
                QuantizedWeight w = new QuantizedWeight(
                        Views.of(b.tensors(), name), Views.of(b.tensors(), name + Quantization.SCALE));
                View wide = View.allocate(arena, DType.F32, w.rows(), w.columns());
                Backends.best().quantizedMatmul().widen(w, wide);
                double[] x = Views.of(a.tensors(), name).toDoubles();
                double[] y = wide.toDoubles();
                double error = 0;
                double square = 0;
                for (int i = 0; i < x.length; i++) {
                    error += (y[i] - x[i]) * (y[i] - x[i]);
                    square += x[i] * x[i];
                }
                assertThat(Math.sqrt(error / square)).as(name).isBetween(1e-4, most);
                quantized++;
            }
        }
        return quantized;
    }

    /** Three blocks of seven linears, the output matrix, and of the tower's linears those whose rows groups divide. */
    @ParameterizedTest
    @CsvSource({"bunny-tiny, F16, INT8, 26", "bunny-tiny, BF16, INT4, 26", "llava-tiny, F32, INT4, 40"})
    void everyLayoutAndTypeIsQuantised(String config, StoredType dtype, Format format, int matrices)
            throws IOException {
        Path from = synthesized(config, dtype);
        Files.writeString(from.resolve("tokenizer.json"), "{}");
        Path to = folder.resolve("out");
        QuantizedModel.Result result = quantize(from, to, format);
        assertThat(result.matrices()).hasSize(matrices);
        assertThat(result.bytes()).isLessThan(result.sourceBytes());
        assertThat(compare(from, to, format == Format.INT8 ? 0.006 : 0.12)).isEqualTo(matrices);
        assertThat(to.resolve("tokenizer.json")).exists();
        ConfigJson told = ConfigJson.read(to).object("quantization_config");
        assertThat(told.text("quant_method")).isEqualTo("aegis");
        assertThat(told.text("id")).isEqualTo(result.quantization().id());
        try (VisionLanguageCheckpoint c = VisionLanguageCheckpoint.open(to);
                Parameters p = new Parameters()) {
            new LlamaNetwork(p.at("llm"), c.config().language().orElseThrow());
            c.load(p);
            assertThat(p.get("llm.layers.0.mlp.down_proj.weight").isQuantized()).isTrue();
            assertThat(p.get("llm.lm_head.weight").quantized().weight().format())
                    .isEqualTo(Format.INT8);
            assertThat(p.get("llm.embed_tokens.weight").isQuantized()).isFalse();
        }
    }

    /** Linears of 48 inputs have no group, and say so. */
    @Test
    void whatNoGroupDividesIsLeftAndNamed() {
        Path from = synthesized("bunny-tiny", StoredType.F16);
        QuantizedModel.Result result = quantize(from, folder.resolve("out"), Format.INT4);
        assertThat(result.left())
                .extracting(TensorInfo::name)
                .contains(TOWER + "vision_model.encoder.layers.0.mlp.fc1.weight");
        assertThat(result.matrices())
                .filteredOn(m -> m.name().endsWith("down_proj.weight"))
                .allMatch(m -> m.group() == 32);
    }

    @Test
    void equalSourcesGiveEqualFilesAndOthersAnotherId() throws IOException {
        Path from = synthesized("llava-tiny", StoredType.BF16);
        quantize(from, folder.resolve("a"), Format.INT4);
        quantize(from, folder.resolve("b"), Format.INT4);
        assertThat(folder.resolve("a").resolve("model.safetensors"))
                .hasSameBinaryContentAs(folder.resolve("b").resolve("model.safetensors"));
        String id =
                quantize(from, folder.resolve("c"), Format.INT8).quantization().id();
        assertThat(ConfigJson.read(folder.resolve("a"))
                        .object("quantization_config")
                        .text("id"))
                .isNotEqualTo(id);
    }

    /** A checkpoint written anew: some of its tensors under other names, into shards. */
    private static void rewrite(
            Checkpoint from, Path to, long largest, Predicate<String> which, UnaryOperator<String> rename)
            throws IOException {
        Files.createDirectories(to);
        List<TensorInfo> tensors = from.names().stream()
                .filter(which)
                .map(n -> new TensorInfo(
                        rename.apply(n), from.info(n).dtype(), from.info(n).shape()))
                .toList();
        ShardedWriter.write(
                to,
                Map.of("format", "pt"),
                tensors,
                largest,
                (t, sink) -> sink.accept(from.bytes(from.names().stream()
                        .filter(which)
                        .filter(n -> rename.apply(n).equals(t.name()))
                        .findFirst()
                        .orElseThrow())));
    }

    /** Shards stay shards, and all carry the id; one of another run is found. */
    @Test
    void shardsBelongTogether() throws IOException {
        Path from = synthesized("llava-tiny", StoredType.F16);
        Path sharded = folder.resolve("sharded");
        try (Checkpoint c = Checkpoint.open(from)) {
            rewrite(c, sharded, 200_000, n -> true, n -> n);
        }
        Files.copy(from.resolve("config.json"), sharded.resolve("config.json"));
        quantize(sharded, folder.resolve("four"), Format.INT4);
        assertThat(compare(sharded, folder.resolve("four"), 0.12)).isEqualTo(40);
        quantize(sharded, folder.resolve("eight"), Format.INT8);
        List<Path> shards;
        try (var files = Files.list(folder.resolve("four"))) {
            shards = files.filter(f -> f.toString().matches(".*-of-.*safetensors"))
                    .sorted()
                    .toList();
        }
        assertThat(shards).hasSizeGreaterThan(1);
        Path last = shards.getLast();
        Files.copy(
                folder.resolve("eight").resolve(last.getFileName()),
                last,
                java.nio.file.StandardCopyOption.REPLACE_EXISTING);
        assertThatThrownBy(() -> VisionLanguageCheckpoint.open(folder.resolve("four")))
                .isInstanceOf(WeightsException.class)
                .hasMessageStartingWith(last + ": is of another quantisation (int8, groups of 64, id ")
                .hasMessageEndingWith("files of two models are mixed");
        byte[] bytes = Files.readAllBytes(folder.resolve("eight").resolve(last.getFileName()));
        Files.write(last, Arrays.copyOf(bytes, bytes.length - 100));
        assertThatThrownBy(() -> VisionLanguageCheckpoint.open(folder.resolve("four")))
                .isInstanceOf(WeightsException.class)
                .hasMessageContaining(last.toString());
    }

    /** A file of the right run that ends too early: within its values, its header, or the header's length. */
    @Test
    void aFileThatIsCutIsRefusedByName() throws IOException {
        Path from = synthesized("llava-tiny", StoredType.F16);
        Path out = folder.resolve("out");
        quantize(from, out, Format.INT4);
        Path file = out.resolve("model.safetensors");
        byte[] whole = Files.readAllBytes(file);
        int header = (int) MemorySegment.ofArray(whole).get(ValueLayout.JAVA_LONG_UNALIGNED, 0);
        for (int length : new int[] {whole.length - 1, whole.length - 100, 8 + header, 8 + header / 2, 8, 4, 0}) {
            Files.write(file, Arrays.copyOf(whole, length));
            assertThatThrownBy(() -> VisionLanguageCheckpoint.open(out))
                    .as("%d of %d bytes", length, whole.length)
                    .isInstanceOf(WeightsException.class)
                    .hasMessageStartingWith(file + ": ");
        }
        Files.write(file, whole);
        VisionLanguageCheckpoint.open(out).close();
    }

    /** A matrix without the scales of its groups, in a file that is sound otherwise. */
    @Test
    void aMatrixWithoutItsScalesIsRefusedByName() throws IOException {
        Path from = synthesized("llava-tiny", StoredType.F16);
        Path out = folder.resolve("out");
        quantize(from, out, Format.INT4);
        String scale = "language_model.model.layers.1.mlp.up_proj.weight" + Quantization.SCALE;
        Path bad = Files.createDirectory(folder.resolve("bad"));
        Files.copy(out.resolve("config.json"), bad.resolve("config.json"));
        try (Checkpoint c = Checkpoint.open(out)) {
            assertThat(c.has(scale)).isTrue();
            SafetensorsWriter.write(
                    bad.resolve("model.safetensors"),
                    c.metadata(),
                    c.names().stream()
                            .filter(n -> !n.equals(scale))
                            .map(n -> new StoredTensor(c.info(n), c.bytes(n)))
                            .toList());
        }
        assertThatThrownBy(() -> VisionLanguageCheckpoint.open(bad))
                .isInstanceOf(WeightsException.class)
                .hasMessageContaining(bad.resolve("model.safetensors").toString())
                .hasMessageContaining("layers.1.mlp.up_proj.weight");
    }

    /** LLaVA's own releases keep the tower in a folder of its own, which goes along. */
    @Test
    void aTowerInAFolderOfItsOwnIsQuantisedToo() throws IOException {
        Path from = synthesized("bunny-tiny", StoredType.F16);
        Path parted = folder.resolve("parted");
        ObjectNode config = ConfigJson.read(from).json().deepCopy();
        try (Checkpoint c = Checkpoint.open(from)) {
            rewrite(c, parted, Long.MAX_VALUE, n -> !n.startsWith(TOWER), n -> n);
            rewrite(
                    c,
                    parted.resolve("siglip"),
                    Long.MAX_VALUE,
                    n -> n.startsWith(TOWER),
                    n -> n.substring(TOWER.length()));
        }
        Files.writeString(
                parted.resolve("siglip").resolve("config.json"),
                config.get("vision_config").toString());
        config.remove("vision_config");
        config.put("mm_vision_tower", "siglip");
        Files.writeString(parted.resolve("config.json"), config.toString());
        Path to = folder.resolve("out");
        QuantizedModel.Result result = quantize(parted, to, Format.INT8);
        assertThat(compare(parted, to, 0.006)).isEqualTo(result.matrices().size());
        assertThat(result.matrices()).anyMatch(m -> m.name().equals("vision_model.encoder.layers.2.mlp.fc2.weight"));
    }

    @Test
    void weightsThatAreNoneAreRefusedByName() throws IOException {
        Path from = synthesized("llava-tiny", StoredType.F32);
        String name = "language_model.model.layers.1.mlp.up_proj.weight";
        try (Checkpoint c = Checkpoint.open(from);
                Arena arena = Arena.ofShared()) {
            Path bad = Files.createDirectory(folder.resolve("bad"));
            Files.copy(from.resolve("config.json"), bad.resolve("config.json"));
            SafetensorsWriter.write(
                    bad.resolve("model.safetensors"),
                    Map.of(),
                    c.names().stream()
                            .map(n -> {
                                MemorySegment copy = arena.allocateFrom(
                                        ValueLayout.JAVA_BYTE, c.bytes(n).toArray(ValueLayout.JAVA_BYTE));
                                if (n.equals(name)) {
                                    copy.set(ValueLayout.JAVA_FLOAT_UNALIGNED, 4 * 65, Float.NaN);
                                }
                                return new StoredTensor(c.info(n), copy);
                            })
                            .toList());
            Path out = folder.resolve("out");
            assertThatThrownBy(() -> quantize(bad, out, Format.INT8))
                    .isInstanceOf(WeightsException.class)
                    .hasMessageContaining("tensor " + name + " has NaN at [1, 1]");
            assertThat(out).doesNotExist();
        }
    }

    @Test
    void aQuantisedOneIsNotQuantisedAgain() {
        Path from = synthesized("llava-tiny", StoredType.F16);
        Path once = folder.resolve("once");
        quantize(from, once, Format.INT8);
        assertThatThrownBy(() -> quantize(once, folder.resolve("twice"), Format.INT4))
                .isInstanceOf(WeightsException.class)
                .hasMessageStartingWith(once + ": is quantised already (int8, groups of 64, id ");
    }
}
