package io.aegis.models.dadm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.kernels.DType;
import io.aegis.layers.Parameters;
import io.aegis.weights.SafetensorsWriter;
import io.aegis.weights.StoredTensor;
import io.aegis.weights.StoredType;
import io.aegis.weights.WeightsException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PretrainedVitTest {
    private static final int D = SmallDadm.CONFIG.width();
    private static final int MLP = SmallDadm.CONFIG.mlp();
    private static final int PATCH = SmallDadm.CONFIG.patch();

    @TempDir
    Path folder;

    /** Tensors of a file by name. */
    private static final class Vit extends LinkedHashMap<String, Vit.Values> {
        private static final long serialVersionUID = 1L;

        private record Values(float[] values, long[] shape) {
            static Values random(long seed, long... shape) {
                int n = (int) Arrays.stream(shape).reduce(1, (a, b) -> a * b);
                float[] values = new float[n];
                SplittableRandom random = new SplittableRandom(seed);
                for (int i = 0; i < n; i++) {
                    values[i] = (float) random.nextDouble(-1, 1);
                }
                return new Values(values, shape);
            }

            /** Rows of a third: 0 query, 1 key, 2 value. */
            Values third(int part) {
                int n = values.length / 3;
                long[] own = shape.clone();
                own[0] /= 3;
                return new Values(Arrays.copyOfRange(values, part * n, (part + 1) * n), own);
            }
        }

        Vit random(String name, long seed, long... shape) {
            put(name, Values.random(seed, shape));
            return this;
        }

        Vit linear(String name, long seed, long out, long in) {
            return random(name + ".weight", seed, out, in).random(name + ".bias", seed + 1, out);
        }

        Vit norm(String name, long seed) {
            return random(name + ".weight", seed, D).random(name + ".bias", seed + 1, D);
        }
    }

    /** As torchvision names them; what DADM does not use is there as well. */
    private static Vit torchvision(String mlp1, String mlp2) {
        Vit v = new Vit()
                .random("class_token", 1, 1, 1, D)
                .random("conv_proj.weight", 2, D, 3, PATCH, PATCH)
                .random("conv_proj.bias", 3, D)
                .random("encoder.pos_embedding", 4, 1, 5, D);
        for (int i = 0; i < SmallDadm.CONFIG.layers(); i++) {
            String layer = "encoder.layers.encoder_layer_" + i + ".";
            int seed = 100 * (i + 1);
            v.norm(layer + "ln_1", seed)
                    .random(layer + "self_attention.in_proj_weight", seed + 10, 3 * D, D)
                    .random(layer + "self_attention.in_proj_bias", seed + 11, 3 * D)
                    .linear(layer + "self_attention.out_proj", seed + 20, D, D)
                    .norm(layer + "ln_2", seed + 30)
                    .linear(layer + mlp1, seed + 40, MLP, D)
                    .linear(layer + mlp2, seed + 50, D, MLP);
        }
        return v.norm("encoder.ln", 5).linear("heads.head", 6, 10, D);
    }

    private static Vit timm() {
        Vit out = new Vit();
        torchvision("mlp.0", "mlp.3")
                .forEach((name, values) -> out.put(
                        name.replace("class_token", "cls_token")
                                .replace("conv_proj", "patch_embed.proj")
                                .replace("encoder.pos_embedding", "pos_embed")
                                .replace("encoder.layers.encoder_layer_", "blocks.")
                                .replace("self_attention.in_proj_", "attn.qkv.")
                                .replace("self_attention.out_proj", "attn.proj")
                                .replace("ln_1", "norm1")
                                .replace("ln_2", "norm2")
                                .replace("mlp.0", "mlp.fc1")
                                .replace("mlp.3", "mlp.fc2")
                                .replace("encoder.ln", "norm")
                                .replace("heads.head", "head"),
                        values));
        return out;
    }

    private static Vit huggingFace(String model) {
        Vit out = new Vit();
        torchvision("mlp.0", "mlp.3").forEach((name, values) -> {
            String renamed = model
                    + name.replace("class_token", "embeddings.cls_token")
                            .replace("conv_proj", "embeddings.patch_embeddings.projection")
                            .replace("encoder.pos_embedding", "embeddings.position_embeddings")
                            .replace("encoder.layers.encoder_layer_", "encoder.layer.")
                            .replace("self_attention.out_proj", "attention.output.dense")
                            .replace("ln_1", "layernorm_before")
                            .replace("ln_2", "layernorm_after")
                            .replace("mlp.0", "intermediate.dense")
                            .replace("mlp.3", "output.dense")
                            .replace("encoder.ln", "layernorm")
                            .replace("heads.head", "pooler.dense");
            if (name.contains("in_proj_")) {
                for (int part = 0; part < 3; part++) {
                    String projection = "attention.attention."
                            + List.of("query", "key", "value").get(part) + ".";
                    out.put(renamed.replace("self_attention.in_proj_", projection), values.third(part));
                }
            } else {
                out.put(renamed, values);
            }
        });
        return out;
    }

    @Test
    void everyLayoutGivesTheSameParameters() {
        Map<String, double[]> expected = expected();
        Map<String, Vit> layouts = new LinkedHashMap<>();
        layouts.put("torchvision", torchvision("mlp.0", "mlp.3"));
        layouts.put("torchvision before 0.13", torchvision("mlp.linear_1", "mlp.linear_2"));
        layouts.put("timm", timm());
        layouts.put("ViTModel", huggingFace(""));
        Vit classifier = huggingFace("vit.").linear("classifier", 6, 10, D);
        classifier.keySet().removeIf(n -> n.startsWith("vit.pooler"));
        layouts.put("ViTForImageClassification", classifier);
        layouts.forEach((title, vit) -> {
            try (Parameters p = initialized()) {
                String found = PretrainedVit.into(p, SmallDadm.CONFIG, write(vit, StoredType.F32));
                assertThat(found).isNotBlank();
                SmallDadm.values(p)
                        .forEach((name, values) ->
                                assertThat(values).as(title + ": " + name).isEqualTo(expected.get(name)));
            }
        });
    }

    /** The initialisation, and over it what the torchvision tensors should become, written out. */
    private static Map<String, double[]> expected() {
        Vit v = torchvision("mlp.0", "mlp.3");
        Map<String, double[]> out;
        try (Parameters p = initialized()) {
            out = SmallDadm.values(p);
        }
        for (int m = 1; m <= 3; m++) {
            out.put("class_token" + m, doubles(v.get("class_token")));
            out.put("conv_proj" + m + ".weight", doubles(v.get("conv_proj.weight")));
            out.put("conv_proj" + m + ".bias", doubles(v.get("conv_proj.bias")));
        }
        for (String w : List.of(
                "ln_1.weight",
                "ln_1.bias",
                "self_attention.in_proj_weight",
                "self_attention.in_proj_bias",
                "self_attention.out_proj.weight",
                "self_attention.out_proj.bias",
                "ln_2.weight",
                "ln_2.bias",
                "mlp.0.weight",
                "mlp.0.bias",
                "mlp.3.weight",
                "mlp.3.bias")) {
            out.put("ViT_Encoder.1." + w, doubles(v.get("encoder.layers.encoder_layer_0." + w)));
            out.put("ViT_Encoder.2." + w, doubles(v.get("encoder.layers.encoder_layer_1." + w)));
        }
        out.put("ViT_Encoder.3.weight", doubles(v.get("encoder.ln.weight")));
        out.put("ViT_Encoder.3.bias", doubles(v.get("encoder.ln.bias")));
        return out;
    }

    @Test
    void halvesAreWidened() {
        try (Parameters p = initialized()) {
            PretrainedVit.into(p, SmallDadm.CONFIG, write(timm(), StoredType.F16));
            float[] stored = timm().get("patch_embed.proj.weight").values;
            double[] values = p.get("conv_proj2.weight").view().toDoubles();
            for (int i = 0; i < stored.length; i++) {
                assertThat(values[i]).isEqualTo(Float.float16ToFloat(Float.floatToFloat16(stored[i])));
            }
        }
    }

    @Test
    void whatDoesNotFitIsListedInOneMessageAndNothingChanges() {
        Vit vit = huggingFace("vit.");
        vit.remove("vit.encoder.layer.1.attention.attention.key.bias");
        vit.remove("vit.embeddings.cls_token");
        vit.random("vit.encoder.layer.0.attention.attention.query.weight", 1, D, 2 * D)
                .random("vit.embeddings.patch_embeddings.projection.weight", 2, D, 3, 2 * PATCH, 2 * PATCH)
                .random("vit.encoder.layer.2.layernorm_before.weight", 3, D)
                .random("lora.down", 4, 2);
        refused(
                vit,
                "does not fit the model",
                "Hugging Face",
                "missing tensor vit.encoder.layer.1.attention.attention.key.bias[24]",
                "missing tensor vit.embeddings.cls_token[1, 1, 24]",
                "tensor vit.encoder.layer.0.attention.attention.query.weight has shape [24, 48], expected [24, 24]",
                "projection.weight has shape [24, 3, 8, 8], expected [24, 3, 4, 4]",
                "unknown tensor vit.encoder.layer.2.layernorm_before.weight F32[24]",
                "unknown tensor lora.down F32[2]");
    }

    @Test
    void aDifferenceThatAllModalitiesShareIsToldOnce() {
        Vit vit = timm();
        vit.remove("cls_token");
        try (Parameters p = initialized()) {
            assertThatThrownBy(() -> PretrainedVit.into(p, SmallDadm.CONFIG, write(vit, StoredType.F32)))
                    .hasMessageEndingWith("does not fit the model: missing tensor cls_token[1, 1, 24]");
        }
    }

    @Test
    void aTensorUnderBothItsOldAndItsNewNameIsRefused() {
        Vit vit = torchvision("mlp.0", "mlp.3").linear("encoder.layers.encoder_layer_1.mlp.linear_1", 9, MLP, D);
        refused(vit, "unknown tensor encoder.layers.encoder_layer_1.mlp.linear_1.weight");
    }

    @Test
    void notANumberIsRefused() {
        Vit vit = torchvision("mlp.0", "mlp.3");
        vit.get("encoder.layers.encoder_layer_1.mlp.3.weight").values[MLP + 2] = Float.NaN;
        refused(vit, "tensor encoder.layers.encoder_layer_1.mlp.3.weight has NaN at [1, 2], expected numbers");
    }

    @Test
    void integersAreNoWeights() {
        try (Parameters p = initialized()) {
            assertThatThrownBy(() -> PretrainedVit.into(p, SmallDadm.CONFIG, write(timm(), StoredType.I8)))
                    .isInstanceOf(WeightsException.class)
                    .hasMessageContaining("tensor cls_token is stored as I8, expected a floating type");
        }
    }

    @Test
    void anUnknownLayoutIsToldWhichAreKnown() {
        refused(
                new Vit().random("conv1.weight", 1, 2, 3).random("norm.weight", 2, D),
                "holds no ViT of a known layout, expected one of Hugging Face (ViTModel, ViTForImageClassification), "
                        + "timm (vit_base_patch16_224), torchvision (vit_b_16); its first tensor is conv1.weight");
        refused(new Vit(), "it has no tensors");
    }

    private void refused(Vit vit, String... messages) {
        try (Parameters p = initialized();
                Parameters fresh = initialized()) {
            Path file = write(vit, StoredType.F32);
            assertThatThrownBy(() -> PretrainedVit.into(p, SmallDadm.CONFIG, file))
                    .isInstanceOf(WeightsException.class)
                    .hasMessageStartingWith(file.toString())
                    .hasMessageContainingAll(messages);
            SmallDadm.values(p).forEach((name, values) -> assertThat(values)
                    .as(name)
                    .isEqualTo(fresh.get(name).view().toDoubles()));
        }
    }

    private static Parameters initialized() {
        Parameters p = new Parameters();
        new DadmNetwork(p, SmallDadm.CONFIG);
        p.initialize(DType.F32, 11);
        return p;
    }

    private Path write(Vit vit, StoredType type) {
        Path file = folder.resolve("vit.safetensors");
        try (Arena arena = Arena.ofConfined()) {
            List<StoredTensor> tensors = vit.entrySet().stream()
                    .map(e -> stored(e.getKey(), e.getValue(), type, arena))
                    .toList();
            SafetensorsWriter.write(file, Map.of(), tensors);
        }
        return file;
    }

    private static StoredTensor stored(String name, Vit.Values v, StoredType type, Arena arena) {
        MemorySegment bytes = arena.allocate((long) v.values.length * type.bits() / 8, 8);
        for (int i = 0; i < v.values.length; i++) {
            switch (type) {
                case F32 -> bytes.setAtIndex(ValueLayout.JAVA_FLOAT, i, v.values[i]);
                case F16 -> bytes.setAtIndex(ValueLayout.JAVA_SHORT, i, Float.floatToFloat16(v.values[i]));
                default -> bytes.set(ValueLayout.JAVA_BYTE, i, (byte) (100 * v.values[i]));
            }
        }
        return StoredTensor.of(name, type, v.shape, bytes);
    }

    private static double[] doubles(Vit.Values v) {
        double[] out = new double[v.values.length];
        Arrays.setAll(out, i -> v.values[i]);
        return out;
    }
}
