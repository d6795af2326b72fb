package io.aegis.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.kernels.QuantizedWeight.Format;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What says that weights are quantised, and what is refused. */
class QuantizationTest {
    private static final Quantization INT4 = new Quantization(Format.INT4, 64, "0123");

    @TempDir
    Path folder;

    private final ObjectNode config = JsonNodeFactory.instance.objectNode();
    private final Map<String, String> metadata = new TreeMap<>();
    private final List<StoredTensor> tensors = new ArrayList<>();

    @BeforeEach
    void aWholeOne() {
        INT4.describe(config);
        metadata.putAll(INT4.metadata());
        tensor("a.weight", StoredType.U8, 3, 64);
        tensor("a.weight_scale", StoredType.F32, 3, 2);
        tensor("b.weight", StoredType.I8, 2, 96);
        tensor("b.weight_scale", StoredType.F32, 2, 3);
        tensor("norm.weight", StoredType.BF16, 7);
    }

    private void tensor(String name, StoredType dtype, long... shape) {
        tensors.removeIf(t -> t.info().name().equals(name));
        TensorInfo info = new TensorInfo(name, dtype, shape);
        tensors.add(new StoredTensor(info, MemorySegment.ofArray(new byte[(int) info.bytes()])));
    }

    private void without(String name) {
        tensors.removeIf(t -> t.info().name().equals(name));
    }

    private void open(Consumer<Checkpoint> then) {
        Path file = folder.resolve("model.safetensors");
        SafetensorsWriter.write(file, metadata, SafetensorsWriter.aligned(tensors));
        try (Checkpoint c = Checkpoint.open(file)) {
            then.accept(c);
        }
    }

    private Quantization read(Checkpoint c) {
        return Quantization.of(c, ConfigJson.of(Path.of("config.json"), config)).orElse(null);
    }

    private void refused(String... words) {
        open(c -> assertThatThrownBy(() -> read(c))
                .isInstanceOf(WeightsException.class)
                .hasMessageContainingAll(words));
    }

    @Test
    void aWholeOneIsRecognised() {
        open(c -> {
            assertThat(read(c)).isEqualTo(INT4);
            assertThat(Quantization.isIn(c)).isTrue();
            assertThat(Quantization.shape(c, "a.weight")).containsExactly(3, 128);
            assertThat(Quantization.shape(c, "b.weight")).containsExactly(2, 96);
            assertThat(Quantization.isScale(c, "a.weight_scale")).isTrue();
        });
    }

    @ParameterizedTest
    @CsvSource({"64, 4304, 0", "64, 1152, 64", "64, 352, 32", "128, 4096, 128", "256, 192, 64", "64, 16, 0"})
    void groupsDivideTheRows(int group, long columns, int expected) {
        assertThat(new Quantization(Format.INT8, group, "").groupOf(columns)).isEqualTo(expected);
    }

    @Test
    void groupsArePowersOfTwoFrom32On() {
        assertThatThrownBy(() -> new Quantization(Format.INT8, 48, "")).hasMessageContaining("a group of 48 weights");
        assertThatThrownBy(() -> new Quantization(Format.INT8, 16, "")).hasMessageContaining("a group of 16 weights");
    }

    @Test
    void anotherVersionIsRefused() {
        metadata.put("quantization_version", "2");
        refused("model.safetensors: quantization_version 2", "is not known, expected 1");
        metadata.putAll(INT4.metadata());
        config.withObject("/quantization_config").put("version", 2);
        refused("config.json: quantization_config.version 2", "is not known, expected 1");
    }

    @Test
    void filesOfAnotherRunAreRefused() {
        metadata.put("quantization_id", "4567");
        refused("model.safetensors", "id 4567", "config.json", "id 0123", "are mixed");
    }

    @Test
    void filesOfAnUnquantisedCheckpointAreRefused() {
        metadata.clear();
        refused("model.safetensors", "is not quantised, but config.json says int4, groups of 64, id 0123");
    }

    @Test
    void aConfigThatKnowsNothingIsRefused() {
        config.removeAll();
        refused("config.json: has no quantization_config, but model.safetensors is quantised");
    }

    @Test
    void codesWithoutScalesAndScalesWithoutCodesAreNamed() {
        without("a.weight_scale");
        without("b.weight");
        tensor("norm.weight_scale", StoredType.F32, 1, 1);
        refused(
                "tensor a.weight U8[3, 64] has no scales a.weight_scale",
                "tensor b.weight_scale has scales, but there are no codes",
                "tensor norm.weight_scale has the scales of norm.weight BF16[7], which is not quantised");
    }

    @Test
    void anotherGroupIsNamed() {
        tensor("a.weight_scale", StoredType.F32, 3, 4);
        refused("a.weight_scale F32[3, 4] does not belong to a.weight U8[3, 64], expected F32[3, 2] for groups of 64");
        tensor("a.weight_scale", StoredType.F16, 3, 2);
        refused("a.weight_scale F16[3, 2] does not belong");
    }

    @Test
    void othersMethodsAreNamed() {
        metadata.clear();
        config.withObject("/quantization_config").put("quant_method", "gptq");
        refused("config.json: quantization_config.quant_method \"gptq\" is not known, expected \"aegis\"");
        // Widened again, it is a checkpoint as any other.
        tensors.clear();
        tensor("norm.weight", StoredType.BF16, 7);
        open(c -> assertThat(read(c)).isNull());
    }
}
