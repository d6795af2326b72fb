package io.aegis.models.dadm;

import io.aegis.weights.Checkpoint;
import io.aegis.weights.NameTable;
import io.aegis.weights.WeightsException;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * How a published ViT-B/16 names its tensors. The table leads to common names: {@code class_token}, {@code conv_proj.*},
 * {@code layer.{i}.*} with the rest as in DADM, and {@code norm.*} for the final layer norm. Position embeddings, heads
 * and poolers are passed over.
 *
 * @param title for people
 * @param layers how the names of encoder layers begin, by which the layout is recognised
 * @param table from its names to the common ones
 * @param splitAttention query, key and value are tensors of their own, {@code .q}, {@code .k}, {@code .v} in the table
 */
record VitLayout(String title, String layers, NameTable table, boolean splitAttention) {
    private static final List<VitLayout> KNOWN = List.of(torchvision(), timm(), huggingFace(""), huggingFace("vit."));

    /**
     * The layout of a checkpoint.
     *
     * @throws WeightsException when it is none of those known
     */
    static VitLayout of(Checkpoint c) {
        for (VitLayout layout : KNOWN) {
            if (c.names().stream().anyMatch(n -> n.startsWith(layout.layers))) {
                return layout;
            }
        }
        Set<String> titles =
                KNOWN.stream().map(VitLayout::title).collect(Collectors.toCollection(java.util.TreeSet::new));
        String first = c.names().isEmpty()
                ? "it has no tensors"
                : "its first tensor is " + c.names().getFirst();
        throw WeightsException.of(
                c.path(),
                "holds no ViT of a known layout, expected one of " + String.join(", ", titles) + "; " + first);
    }

    /** What a tensor of a common name is called here. */
    String nameOf(String common) {
        return table.inverse().apply(common).orElseThrow();
    }

    private static VitLayout torchvision() {
        String layer = "encoder.layers.encoder_layer_{i}.";
        NameTable t = NameTable.empty().rename("class_token", "class_token");
        t = both(t, "conv_proj", "conv_proj");
        t = both(t, layer + "ln_1", "layer.{i}.ln_1");
        for (String w : List.of("weight", "bias")) {
            t = t.rename(layer + "self_attention.in_proj_" + w, "layer.{i}.self_attention.in_proj_" + w);
        }
        t = both(t, layer + "self_attention.out_proj", "layer.{i}.self_attention.out_proj");
        t = both(t, layer + "ln_2", "layer.{i}.ln_2");
        t = both(t, layer + "mlp.0", "layer.{i}.mlp.0");
        t = both(t, layer + "mlp.3", "layer.{i}.mlp.3");
        // Before torchvision 0.13.
        t = both(t, layer + "mlp.linear_1", "layer.{i}.mlp.0");
        t = both(t, layer + "mlp.linear_2", "layer.{i}.mlp.3");
        t = both(t, "encoder.ln", "norm");
        t = t.ignore("encoder.pos_embedding").ignore("heads.{*}");
        return new VitLayout("torchvision (vit_b_16)", "encoder.layers.encoder_layer_", t, false);
    }

    private static VitLayout timm() {
        NameTable t = NameTable.empty().rename("cls_token", "class_token");
        t = both(t, "patch_embed.proj", "conv_proj");
        t = both(t, "blocks.{i}.norm1", "layer.{i}.ln_1");
        for (String w : List.of("weight", "bias")) {
            t = t.rename("blocks.{i}.attn.qkv." + w, "layer.{i}.self_attention.in_proj_" + w);
        }
        t = both(t, "blocks.{i}.attn.proj", "layer.{i}.self_attention.out_proj");
        t = both(t, "blocks.{i}.norm2", "layer.{i}.ln_2");
        t = both(t, "blocks.{i}.mlp.fc1", "layer.{i}.mlp.0");
        t = both(t, "blocks.{i}.mlp.fc2", "layer.{i}.mlp.3");
        t = both(t, "norm", "norm");
        t = t.ignore("pos_embed").ignore("pre_logits.{*}").ignore("head.{*}");
        return new VitLayout("timm (vit_base_patch16_224)", "blocks.", t, false);
    }

    /** @param model {@code vit.} where the model is part of another, such as a classifier */
    private static VitLayout huggingFace(String model) {
        String layer = model + "encoder.layer.{i}.";
        NameTable t = NameTable.empty().rename(model + "embeddings.cls_token", "class_token");
        t = both(t, model + "embeddings.patch_embeddings.projection", "conv_proj");
        t = both(t, layer + "layernorm_before", "layer.{i}.ln_1");
        for (String part : List.of("query", "key", "value")) {
            for (String w : List.of("weight", "bias")) {
                t = t.rename(
                        layer + "attention.attention." + part + "." + w,
                        "layer.{i}.self_attention.in_proj_" + w + "." + part.charAt(0));
            }
        }
        t = both(t, layer + "attention.output.dense", "layer.{i}.self_attention.out_proj");
        t = both(t, layer + "layernorm_after", "layer.{i}.ln_2");
        t = both(t, layer + "intermediate.dense", "layer.{i}.mlp.0");
        t = both(t, layer + "output.dense", "layer.{i}.mlp.3");
        t = both(t, model + "layernorm", "norm");
        t = t.ignore(model + "embeddings.position_embeddings")
                .ignore(model + "embeddings.mask_token")
                .ignore(model + "pooler.{*}")
                .ignore("classifier.{*}");
        return new VitLayout("Hugging Face (ViTModel, ViTForImageClassification)", model + "encoder.layer.", t, true);
    }

    private static NameTable both(NameTable table, String from, String to) {
        return table.rename(from + ".weight", to + ".weight").rename(from + ".bias", to + ".bias");
    }
}
