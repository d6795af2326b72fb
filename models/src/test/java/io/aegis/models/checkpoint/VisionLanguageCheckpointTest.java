package io.aegis.models.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.kernels.DType;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.models.llava.Projector;
import io.aegis.models.vit.VisionTransformer;
import io.aegis.weights.Checkpoint;
import io.aegis.weights.ConfigJson;
import io.aegis.weights.ShardedWriter;
import io.aegis.weights.StoredType;
import io.aegis.weights.TensorInfo;
import io.aegis.weights.Views;
import io.aegis.weights.WeightsException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class VisionLanguageCheckpointTest {
    private static final String BUNNY_TOWER = "model.vision_tower.vision_tower.vision_model.";

    @TempDir
    static Path originals;

    @TempDir
    Path folder;

    @BeforeAll
    static void write() {
        for (String name : List.of("bunny-tiny", "llava-tiny")) {
            Synthesis s = new Synthesis(Synthesis.config(name), StoredType.F16, 1);
            s.write(originals.resolve(name), null, done -> {});
        }
    }

    /** Tensors of a checkpoint on their way into another, by name. */
    private static final class Edited {
        final Map<String, TensorInfo> tensors = new LinkedHashMap<>();
        final ObjectNode config;

        Edited(Checkpoint from, ObjectNode config) {
            from.names().forEach(n -> tensors.put(n, from.info(n)));
            this.config = config;
        }

        void rename(UnaryOperator<String> rule) {
            Map<String, TensorInfo> old = new LinkedHashMap<>(tensors);
            tensors.clear();
            old.forEach((name, info) -> tensors.put(rule.apply(name), info));
        }

        void put(String name, long... shape) {
            tensors.put(name, new TensorInfo(name, StoredType.F32, shape));
        }
    }

    /** A copy of a small checkpoint with changes; tensors that were not in the original hold zeros. */
    private Path edited(String name, long shard, Consumer<Edited> change) throws IOException {
        Path from = originals.resolve(name);
        try (Checkpoint original = Checkpoint.open(from)) {
            Edited e = new Edited(original, ConfigJson.read(from).json());
            change.accept(e);
            List<TensorInfo> infos = e.tensors.entrySet().stream()
                    .map(t -> new TensorInfo(
                            t.getKey(), t.getValue().dtype(), t.getValue().shape()))
                    .toList();
            ShardedWriter.write(folder, Map.of(), infos, shard, (tensor, sink) -> {
                TensorInfo source = e.tensors.get(tensor.name());
                boolean copied = original.has(source.name())
                        && original.info(source.name()).equals(source);
                sink.accept(
                        copied ? original.bytes(source.name()) : MemorySegment.ofArray(new byte[(int) tensor.bytes()]));
            });
            Files.writeString(folder.resolve("config.json"), e.config.toString());
        }
        return folder;
    }

    private static double[] values(VisionLanguageCheckpoint c, String name) {
        return Views.of(c.tensors(), name).toDoubles();
    }

    private void assertRefused(String name, Consumer<Edited> change, String... parts) throws IOException {
        Path at = edited(name, Long.MAX_VALUE, change);
        assertThatThrownBy(() -> VisionLanguageCheckpoint.open(at))
                .isInstanceOf(WeightsException.class)
                .satisfies(e -> assertThat(e.getMessage()).contains(parts).hasLineCount(1));
    }

    @Test
    void bunnyIsOpenedUnderCanonicalNames() {
        try (VisionLanguageCheckpoint c = VisionLanguageCheckpoint.open(originals.resolve("bunny-tiny"))) {
            assertThat(c.layout()).isEqualTo(CheckpointLayout.ORIGINAL);
            assertThat(c.config().feature()).isEqualTo(new VisionLanguageConfig.Feature(-2, false, -200));
            assertThat(c.config().pictureRows()).isEqualTo(16);
            assertThat(c.tensors().names())
                    .contains("llm.layers.2.mlp.up_proj.weight", "proj.0.bias", "vis.head.probe", "llm.lm_head.weight");
            assertThat(c.nameInFile("proj.2.weight")).isEqualTo("model.mm_projector.2.weight");
            assertThat(c.nameInFile("vis.post_layernorm.bias")).isEqualTo(BUNNY_TOWER + "post_layernorm.bias");
        }
    }

    @ParameterizedTest
    @CsvSource({"model.vision_tower.vision_model.", "model.vision_tower."})
    void laterNamesOfLlavaMeanTheSame(String tower) throws IOException {
        Path later = edited(
                "llava-tiny",
                100_000,
                e -> e.rename(n -> n.replaceFirst("^vision_tower\\.vision_model\\.", tower)
                        .replaceFirst("^multi_modal_projector\\.", "model.multi_modal_projector.")
                        .replaceFirst("^language_model\\.lm_head\\.", "lm_head.")
                        .replaceFirst("^language_model\\.model\\.", "model.language_model.")));
        assertThat(later.resolve("model.safetensors.index.json")).exists();
        try (VisionLanguageCheckpoint one = VisionLanguageCheckpoint.open(originals.resolve("llava-tiny"));
                VisionLanguageCheckpoint two = VisionLanguageCheckpoint.open(later)) {
            assertThat(one.layout()).isEqualTo(CheckpointLayout.LLAVA_HF);
            assertThat(two.layout()).isEqualTo(CheckpointLayout.LLAVA_HF_NEW);
            assertThat(two.config()).isEqualTo(one.config());
            assertThat(two.config().feature()).isEqualTo(new VisionLanguageConfig.Feature(-2, true, 319));
            assertThat(two.tensors().names())
                    .containsExactlyInAnyOrderElementsOf(one.tensors().names());
            for (String name : one.tensors().names()) {
                assertThat(values(two, name)).as(name).isEqualTo(values(one, name));
                if (name.startsWith("vis.")) {
                    assertThat(two.nameInFile(name)).isEqualTo(name.replaceFirst("^vis\\.", tower));
                }
            }
        }
    }

    /** What old exporters wrote besides, and what nobody needs of a tower, may be there or not. */
    @Test
    void knownLeftoversArePassedOver() throws IOException {
        Path at = edited("bunny-tiny", Long.MAX_VALUE, e -> {
            e.put("model.layers.0.self_attn.rotary_emb.inv_freq", 8);
            e.put(BUNNY_TOWER + "embeddings.position_ids", 1, 16);
            e.tensors
                    .keySet()
                    .removeIf(n -> n.contains("vision_model.encoder.layers.2.")
                            || n.contains("vision_model.head.")
                            || n.contains("post_layernorm"));
        });
        try (VisionLanguageCheckpoint c = VisionLanguageCheckpoint.open(at)) {
            assertThat(c.tensors().names()).noneMatch(n -> n.contains("inv_freq") || n.contains("position_ids"));
        }
    }

    @Test
    void everythingThatDoesNotFitIsInOneMessage() throws IOException {
        assertRefused(
                "bunny-tiny",
                e -> {
                    e.put("model.mm_projector.4.weight", 3, 3);
                    e.put("lora.stray", 2);
                    e.tensors.remove("model.norm.weight");
                    e.put("model.layers.1.mlp.up_proj.weight", 7, 9);
                },
                "unknown tensor lora.stray",
                "unknown tensor model.mm_projector.4.weight[3, 3]",
                "missing tensor model.norm.weight[64]",
                "tensor model.layers.1.mlp.up_proj.weight has shape [7, 9], expected [160, 64]");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            hidden_size           | 128 | hidden_size is 128, but model.embed_tokens.weight has [3262, 64]
            intermediate_size     | 128 | intermediate_size is 128, but model.layers.0.mlp.gate_proj.weight has [160, 64]
            num_hidden_layers     | 4   | num_hidden_layers is 4, but the tensors have 3 layers, up to model.layers.2
            num_hidden_layers     | 2   | num_hidden_layers is 2, but the tensors have 3 layers, up to model.layers.2
            num_key_value_heads   | 4   | num_key_value_heads 4 of 16 channels make 64 rows, but model.layers.0.self_attn.k_proj.weight has [32, 64]
            mm_hidden_size        | 64  | mm_hidden_size 64 is not the width of the vision tower, 48
            """)
    void configsThatContradictTheTensorsAreRefusedWithBothNumbers(String key, int value, String message)
            throws IOException {
        assertRefused("bunny-tiny", e -> e.config.put(key, value), message);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            hidden_size         | 96 | hidden_size of the vision tower is 96
            intermediate_size   | 64 | intermediate_size of the vision tower is 64, but
            num_hidden_layers   | 9  | num_hidden_layers of the vision tower is 9, but the tensors have 3 layers
            image_size          | 70 | image_size 70 and patch_size 14 make 25 tokens, but
            patch_size          | 28 | patch_size is 28, but
            """)
    void theTowersConfigToo(String key, int value, String message) throws IOException {
        assertRefused(
                "bunny-tiny",
                e -> {
                    e.config.remove("mm_hidden_size");
                    ((ObjectNode) e.config.get("vision_config")).put(key, value);
                },
                message,
                BUNNY_TOWER);
    }

    @Test
    void aLanguageModelAloneIsNotItsVisionLanguageModel() throws IOException {
        assertRefused(
                "bunny-tiny",
                e -> {
                    e.config.put("mm_vision_tower", "google/siglip-so400m-patch14-384");
                    e.tensors.keySet().removeIf(n -> n.startsWith("model.mm_projector.") || n.startsWith(BUNNY_TOWER));
                },
                "has no vision tower: give the folder of google/siglip-so400m-patch14-384");
    }

    /** A wrong vocabulary was published once; the embedding is right. */
    @Test
    void theEmbeddingSaysTheVocabulary() throws IOException {
        Path at = edited("bunny-tiny", Long.MAX_VALUE, e -> e.config.put("vocab_size", 3263));
        try (VisionLanguageCheckpoint c = VisionLanguageCheckpoint.open(at)) {
            assertThat(c.config().language().orElseThrow().vocabulary()).isEqualTo(3262);
        }
    }

    @Test
    void aConfigWithoutTheTowersSizesTakesThoseOfThePublishedOne() throws IOException {
        // The tiny tower cannot be so400m; what is expected of it shows which sizes were taken.
        assertRefused(
                "bunny-tiny",
                e -> {
                    e.config.remove("vision_config");
                    e.config.remove("mm_hidden_size");
                    e.config.put("mm_vision_tower", "google/siglip-so400m-patch14-384");
                },
                "image_size 384 and patch_size 14 make 729 tokens, but " + BUNNY_TOWER
                        + "embeddings.position_embedding.weight has [16, 48]",
                "num_hidden_layers of the vision tower is 27, but the tensors have 3 layers");
    }

    @Test
    void aTowerThatNobodyKnowsNeedsItsSizes() throws IOException {
        assertRefused(
                "bunny-tiny",
                e -> e.config.remove("vision_config"),
                "mm_vision_tower \"siglip-tiny\" is no tower known here, and there is no vision_config");
    }

    @Test
    void thePaddedTowerOfMlxIsRefusedByName() throws IOException {
        assertRefused(
                "bunny-tiny",
                e -> {
                    e.config.remove("vision_config");
                    e.config.remove("mm_hidden_size");
                    e.config.put("mm_vision_tower", "google/siglip-so400m-patch14-384");
                    e.put(BUNNY_TOWER + "encoder.layers.0.mlp.fc1.weight", 4352, 1152);
                },
                "has 4352 rows, the zero-padded tower of an mlx-community conversion, which is not supported;"
                        + " SigLIP's has 4304");
    }

    /** LLaVA's own releases have no tower; it is found where the config says, or where the caller does. */
    @Test
    void aTowerOfItsOwnIsJoined() throws IOException {
        Path tower = folder.resolve("tower");
        try (Checkpoint original = Checkpoint.open(originals.resolve("bunny-tiny"))) {
            Files.createDirectory(tower);
            List<TensorInfo> infos = original.names().stream()
                    .filter(n -> n.startsWith(BUNNY_TOWER))
                    .map(n -> new TensorInfo(
                            "vision_model." + n.substring(BUNNY_TOWER.length()),
                            StoredType.F16,
                            original.info(n).shape()))
                    .toList();
            ShardedWriter.write(
                    tower,
                    Map.of(),
                    infos,
                    Long.MAX_VALUE,
                    (t, sink) -> sink.accept(original.bytes(t.name().replaceFirst("^vision_model\\.", BUNNY_TOWER))));
        }
        ObjectNode vision = ConfigJson.read(originals.resolve("bunny-tiny"))
                .object("vision_config")
                .json();
        Files.writeString(tower.resolve("config.json"), vision.toString());
        Path at = edited("bunny-tiny", Long.MAX_VALUE, e -> {
            e.config.put("model_type", "llava").put("mm_vision_tower", "tower");
            e.config.remove("vision_config");
            e.tensors.keySet().removeIf(n -> n.startsWith(BUNNY_TOWER));
        });
        try (VisionLanguageCheckpoint c = VisionLanguageCheckpoint.open(at);
                VisionLanguageCheckpoint whole = VisionLanguageCheckpoint.open(originals.resolve("bunny-tiny"))) {
            assertThat(c.config()).isEqualTo(whole.config());
            assertThat(values(c, "vis.head.probe")).isEqualTo(values(whole, "vis.head.probe"));
            assertThat(values(c, "llm.norm.weight")).isEqualTo(values(whole, "llm.norm.weight"));
        }
        Files.move(tower, folder.resolve("elsewhere"));
        assertThatThrownBy(() -> VisionLanguageCheckpoint.open(at))
                .hasMessage(at + ": has no vision tower: give the folder of tower");
        try (VisionLanguageCheckpoint c =
                VisionLanguageCheckpoint.open(at, folder.resolve("elsewhere"), Connector.PROJECTOR)) {
            assertThat(c.config().vision()).isPresent();
        }
        assertThatThrownBy(() -> VisionLanguageCheckpoint.open(
                        originals.resolve("bunny-tiny"), folder.resolve("elsewhere"), Connector.PROJECTOR))
                .hasMessageContaining("has a vision tower of its own, which may be fine-tuned");
    }

    @Test
    void matricesAreReadWhereTheyLie() {
        try (VisionLanguageCheckpoint c = VisionLanguageCheckpoint.open(originals.resolve("bunny-tiny"));
                Parameters p = new Parameters()) {
            var vision = c.config().vision().orElseThrow();
            new VisionTransformer(p.at("vis"), vision, -2);
            new Projector(p.at("proj"), vision.width(), 64);
            c.load(p);
            assertThat(p.get("proj.0.weight").view().dtype()).isEqualTo(DType.F16);
            assertThat(p.get("proj.0.bias").view().dtype()).isEqualTo(DType.F32);
            for (Parameter parameter : p.all()) {
                assertThat(parameter.view().toDoubles()).as(parameter.name()).isEqualTo(values(c, parameter.name()));
            }
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            model_type                    | bunny-phi   | model_type "bunny-phi" is not known here, expected bunny-llama, llava
            mm_projector_type             | linear      | mm_projector_type "linear" is not known, expected mlp2x_gelu
            mm_vision_select_feature      | cls_patch   | mm_vision_select_feature "cls_patch" is not known, expected patch
            """)
    void whatIsNotSupportedIsSaidSo(String key, String value, String message) throws IOException {
        assertRefused("bunny-tiny", e -> e.config.put(key, value), message);
    }

    @Test
    void aSelectedLayerThatIsNotThereIsRefused() throws IOException {
        assertRefused(
                "bunny-tiny", e -> e.config.put("mm_vision_select_layer", -9), "mm_vision_select_layer -9", "3 blocks");
        assertRefused("bunny-tiny", e -> e.config.put("use_s2", true), "use_s2 true is not supported");
    }

    @Test
    void somethingElseIsNamedAsSuch() throws IOException {
        assertRefused(
                "bunny-tiny",
                e -> e.rename(n -> "transformer." + n),
                "holds no model of a known layout, expected one of Bunny and LLaVA (original), llava-hf",
                "its first tensor is transformer.");
        assertThatThrownBy(() -> VisionLanguageCheckpoint.open(folder.resolve("none")))
                .hasMessageContaining("does not exist, expected a folder with config.json and weights");
    }
}
