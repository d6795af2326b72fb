package io.aegis.models.dadm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.kernels.DType;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.models.DecisionThreshold;
import io.aegis.weights.Checkpoint;
import io.aegis.weights.SafetensorsWriter;
import io.aegis.weights.StoredTensor;
import io.aegis.weights.StoredType;
import io.aegis.weights.Views;
import io.aegis.weights.WeightsException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DadmFolderTest {
    @TempDir
    Path folder;

    @Test
    void infoComesBackAsItWasWritten() {
        for (DadmInfo info : List.of(
                SmallDadm.INFO,
                new DadmInfo(DadmConfig.BASE, List.of(), "official"),
                new DadmInfo(new DadmConfig(8, 2, 1, 4, 2, 12, 3, 1, 2), List.of("ünïcode \"x\""), "intended"))) {
            DadmFolder.writeInfo(folder.resolve("new/folder"), info);
            assertThat(DadmFolder.readInfo(folder.resolve("new/folder"))).isEqualTo(info);
        }
    }

    @Test
    void configHasThePublishedSizesUnderTheirNames() throws IOException {
        DadmFolder.writeInfo(folder, new DadmInfo(DadmConfig.BASE, List.of("SURF", "CeFA", "USC"), "intended"));
        assertThat(new ObjectMapper().readTree(folder.resolve("config.json").toFile()))
                .isEqualTo(new ObjectMapper().readTree("""
                        {"model_type": "dadm", "D": 768, "heads": 12, "L": 12, "G": 14, "image": 224, "patch": 16,
                         "mlp": 3072, "mim_h1": 128, "mim_h2": 256, "adapter_dim": 8, "n_classes": 5,
                         "domains": ["SURF", "CeFA", "USC"], "recipe": "intended"}"""));
    }

    @Test
    void aFolderThatSaysNothingOfDomainsAndRecipeIsThePublishedCodes() throws IOException {
        change(json -> json.remove(List.of("domains", "recipe")));
        assertThat(DadmFolder.readInfo(folder)).isEqualTo(new DadmInfo(SmallDadm.CONFIG, List.of(), "official"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "model_type | 'vit'   | 'model_type \"vit\" is not known here, expected \"dadm\"'",
                "model_type |         | 'model_type is missing, expected text'",
                "model_type | 7       | 'model_type is 7, expected text'",
                "D          |         | 'D is missing, expected a whole number above 0'",
                "D          | 2.5     | 'D is 2.5, expected a whole number above 0'",
                "D          | 'big'   | 'D is \"big\", expected a whole number above 0'",
                "D          | 25      | 'heads 3 does not divide D 25'",
                "heads      | 0       | 'heads is 0, expected a whole number above 0'",
                "L          | -1      | 'L is -1, expected a whole number above 0'",
                "L          | 2000000 | 'L 2000000 is too large, expected at most 1000'",
                "G          | 4       | 'image 12 is not G 4 times patch 4'",
                "image      | 13      | 'image 13 is not G 3 times patch 4'",
                "mim_h2     | 17      | 'mim_h2 17 is not twice mim_h1 8'",
                "mim_h1     | 9       | 'mim_h2 16 is not twice mim_h1 9'",
                "domains    | 'SURF'  | 'domains is \"SURF\", expected a list of texts'",
                "recipe     | 'fast'  | 'recipe ''fast'': expected intended or official'",
            })
    void aConfigThatDoesNotFitIsRefusedWithFileKeyAndValue(String key, String value, String message)
            throws IOException {
        change(json -> {
            if (value == null) {
                json.remove(key);
            } else if (value.matches("-?[\\d.]+")) {
                json.put(key, Double.parseDouble(value));
                if (!value.contains(".")) {
                    json.put(key, Long.parseLong(value));
                }
            } else {
                json.put(key, value);
            }
        });
        assertThatThrownBy(() -> DadmFolder.readInfo(folder))
                .isInstanceOf(WeightsException.class)
                .hasMessage(folder.resolve("config.json") + ": " + message);
    }

    @Test
    void domainsNeedNamesOfTheirOwn() throws IOException {
        change(json -> json.putArray("domains").add("SURF").add("SURF"));
        assertThatThrownBy(() -> DadmFolder.readInfo(folder))
                .isInstanceOf(WeightsException.class)
                .hasMessageContaining("config.json: domains [SURF, SURF]: expected a name of its own for each");
    }

    @Test
    void aFolderThatIsNoneIsRefused() throws IOException {
        Path file = Files.createFile(folder.resolve("model.safetensors"));
        assertThatThrownBy(() -> DadmFolder.readInfo(file))
                .isInstanceOf(WeightsException.class)
                .hasMessage(file + ": is a file, expected a folder with config.json and model.safetensors");
        assertThatThrownBy(() -> DadmFolder.readInfo(folder.resolve("absent")))
                .isInstanceOf(WeightsException.class)
                .hasMessageContaining("absent: does not exist, expected a folder with");
        assertThatThrownBy(() -> DadmFolder.readInfo(folder))
                .isInstanceOf(WeightsException.class)
                .hasMessageContaining("config.json");
    }

    @Test
    void weightsComeBackExactlyInTheirOrderRowMajorAndWithWhatGoesWithThem() {
        try (Parameters p = parameters(DType.F32)) {
            DadmFolder.writeWeights(folder, p, Map.of("epoch", "7"));
            try (Checkpoint c = Checkpoint.open(folder);
                    Parameters read = new Parameters()) {
                assertThat(c.names())
                        .containsExactlyElementsOf(
                                p.all().stream().map(Parameter::name).toList());
                assertThat(c.metadata())
                        .containsExactlyInAnyOrderEntriesOf(Map.of("format", "aegis-dadm", "epoch", "7"));
                for (Parameter q : p.all()) {
                    boolean counter = q.name().endsWith("num_batches_tracked");
                    assertThat(c.info(q.name()).dtype()).isEqualTo(counter ? StoredType.I64 : StoredType.F32);
                    assertThat(c.info(q.name()).shape()).isEqualTo(q.shape());
                    assertThat(Views.of(c, q.name()).toDoubles())
                            .as(q.name())
                            .isEqualTo(q.view().toDoubles());
                }
                new DadmNetwork(read, SmallDadm.CONFIG);
                DadmFolder.readWeights(c, read);
                SmallDadm.values(read).forEach((name, values) -> assertThat(values)
                        .as(name)
                        .isEqualTo(p.get(name).view().toDoubles()));
            }
        }
    }

    @Test
    void parametersInDoubleAreWrittenAsFloats() {
        try (Parameters p = parameters(DType.F64)) {
            DadmFolder.writeWeights(folder, p, Map.of());
            try (Checkpoint c = Checkpoint.open(folder)) {
                double[] exact = p.get("conv_proj2.weight").view().toDoubles();
                double[] stored = Views.of(c, "conv_proj2.weight").toDoubles();
                assertThat(c.info("conv_proj2.weight").dtype()).isEqualTo(StoredType.F32);
                for (int i = 0; i < exact.length; i++) {
                    assertThat(stored[i]).isEqualTo((float) exact[i]);
                }
            }
        }
    }

    @Test
    void weightsThatAreNotNumbersDoNotReplaceGoodOnes() throws IOException {
        try (Parameters p = parameters(DType.F32)) {
            DadmFolder.writeWeights(folder, p, Map.of());
            byte[] good = Files.readAllBytes(folder.resolve("model.safetensors"));
            // Lies channels last in memory: the index told is the tensor's.
            p.get("mim_13.1.interactive_block.1.weight").view().set(Double.NaN, 3, 2, 1, 0);
            assertThatThrownBy(() -> DadmFolder.writeWeights(folder, p, Map.of()))
                    .isInstanceOf(WeightsException.class)
                    .hasMessage(folder.resolve("model.safetensors")
                            + ": tensor mim_13.1.interactive_block.1.weight has NaN at [3, 2, 1, 0], expected numbers");
            assertThat(Files.readAllBytes(folder.resolve("model.safetensors"))).isEqualTo(good);
            try (var files = Files.list(folder)) {
                assertThat(files).hasSize(1);
            }
        }
    }

    @Test
    void aThresholdComesBackExactly() {
        DecisionThreshold threshold = new DecisionThreshold(0.1 + 0.2, "equal error rate on the development set");
        try (Parameters p = parameters(DType.F32)) {
            DadmFolder.writeWeights(folder, p, threshold.metadata());
        }
        try (Checkpoint c = Checkpoint.open(folder)) {
            assertThat(DecisionThreshold.of(c)).contains(threshold);
        }
        assertThat(threshold.accepts(0.1 + 0.2)).isTrue();
        assertThat(threshold.accepts(0.3)).isFalse();
    }

    @Test
    void aThresholdThatIsNoNumberIsRefused() {
        for (String text : List.of("half", "NaN", "Infinity", "")) {
            SafetensorsWriter.write(folder.resolve("model.safetensors"), Map.of("threshold", text), List.of());
            try (Checkpoint c = Checkpoint.open(folder)) {
                assertThatThrownBy(() -> DecisionThreshold.of(c))
                        .isInstanceOf(WeightsException.class)
                        .hasMessage(c.path() + ": metadata threshold is \"" + text
                                + "\", expected a finite decimal number");
            }
        }
        SafetensorsWriter.write(folder.resolve("model.safetensors"), Map.of("threshold_origin", "x"), List.of());
        try (Checkpoint c = Checkpoint.open(folder)) {
            assertThat(DecisionThreshold.of(c)).isEmpty();
        }
    }

    @Test
    void unknownMissingAndMisshapenTensorsAreAllInOneMessage() {
        changeWeights((tensors, arena) -> {
            tensors.removeIf(t -> t.info().name().equals("fc_d2.weight"));
            tensors.removeIf(t -> t.info().name().equals("class_token1"));
            tensors.add(StoredTensor.of("class_token1", StoredType.F32, new long[] {1, 1, 12}, arena.allocate(48)));
            tensors.add(StoredTensor.of("fc_d4.weight", StoredType.F32, new long[] {2, 72}, arena.allocate(576)));
        });
        assertThatThrownBy(() -> Dadm.load(folder))
                .isInstanceOf(WeightsException.class)
                .hasMessageContaining("model.safetensors does not fit the model: ")
                .hasMessageContaining("unknown tensor fc_d4.weight[2, 72]")
                .hasMessageContaining("missing tensor fc_d2.weight[2, 72]")
                .hasMessageContaining("tensor class_token1 has shape [1, 1, 12], expected [1, 1, 24]");
    }

    @Test
    void weightsOfAnotherConfigurationAreRefused() throws IOException {
        SmallDadm.write(folder, SmallDadm.INFO, 1);
        change(json -> json.put("L", 3));
        assertThatThrownBy(() -> Dadm.load(folder))
                .isInstanceOf(WeightsException.class)
                .hasMessageContaining("missing tensor ViT_Encoder.3.ln_1.weight[24]")
                .hasMessageContaining(" more");
    }

    @Test
    void notANumberIsRefusedWithItsPlace() {
        changeWeights((tensors, arena) -> {
            var bytes = arena.allocate(96);
            bytes.set(java.lang.foreign.ValueLayout.JAVA_FLOAT, 20, Float.POSITIVE_INFINITY);
            tensors.removeIf(t -> t.info().name().equals("conv_proj3.bias"));
            tensors.add(StoredTensor.of("conv_proj3.bias", StoredType.F32, new long[] {24}, bytes));
        });
        assertThatThrownBy(() -> Dadm.load(folder))
                .isInstanceOf(WeightsException.class)
                .hasMessageContaining("tensor conv_proj3.bias has Infinity at [5], expected numbers");
    }

    @Test
    void aTruncatedFileIsRefused() throws IOException {
        SmallDadm.write(folder, SmallDadm.INFO, 1);
        Path file = folder.resolve("model.safetensors");
        byte[] whole = Files.readAllBytes(file);
        for (int length : new int[] {0, 7, 100, whole.length / 2, whole.length - 1}) {
            Files.write(file, java.util.Arrays.copyOf(whole, length));
            assertThatThrownBy(() -> Dadm.load(folder))
                    .isInstanceOf(WeightsException.class)
                    .hasMessageContaining(file.toString());
        }
        Files.delete(file);
        assertThatThrownBy(() -> Dadm.load(folder))
                .isInstanceOf(WeightsException.class)
                .hasMessageContaining("the folder holds no weights");
    }

    private static Parameters parameters(DType dtype) {
        Parameters p = new Parameters();
        new DadmNetwork(p, SmallDadm.CONFIG);
        SmallDadm.fill(p, dtype, 3);
        return p;
    }

    private void change(Consumer<ObjectNode> edit) throws IOException {
        DadmFolder.writeInfo(folder, SmallDadm.INFO);
        Path file = folder.resolve("config.json");
        ObjectNode json = (ObjectNode) new ObjectMapper().readTree(file.toFile());
        edit.accept(json);
        Files.writeString(file, json.toString());
    }

    private interface Edit {
        void of(List<StoredTensor> tensors, Arena arena);
    }

    private void changeWeights(Edit edit) {
        DadmFolder.writeInfo(folder, SmallDadm.INFO);
        try (Parameters p = parameters(DType.F32);
                Arena arena = Arena.ofShared()) {
            List<StoredTensor> tensors = new ArrayList<>(DadmFolder.tensors(p, arena));
            edit.of(tensors, arena);
            SafetensorsWriter.write(folder.resolve("model.safetensors"), Map.of(), tensors);
        }
    }
}
