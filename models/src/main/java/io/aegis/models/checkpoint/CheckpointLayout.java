package io.aegis.models.checkpoint;

import io.aegis.weights.Checkpoint;
import io.aegis.weights.NameTable;
import io.aegis.weights.WeightsException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * How a project names the tensors of its checkpoints. The tables lead to the names of this package; those of layers are
 * translated by their beginning only, because within a layer all agree. What is known to be of no use is passed over:
 * rotary frequencies and position ids that old exporters stored, and the text halves of SigLIP and CLIP.
 */
public enum CheckpointLayout {
    /** Bunny and LLaVA's own repository, one naming: {@code model.layers}, {@code model.mm_projector}. */
    ORIGINAL(
            "Bunny and LLaVA (original)",
            List.of("model.mm_projector.", "model.vision_tower.vision_tower."),
            tower(llama(NameTable.empty(), "model.", "lm_head."), "model.vision_tower.vision_tower.vision_model.")
                    .rename("model.mm_projector.{i}.{*}", "proj.{i}.{*}")
                    // FaceShield's own, where its options ask for them.
                    .rename("model.mm_projector_sav.{i}.{*}", "proj_sav.{i}.{*}")
                    .rename("model.pvtm.{*}", "pvtm.{*}")),

    /** Hugging Face's LLaVA as files have it: {@code language_model.model}, {@code multi_modal_projector}. */
    LLAVA_HF(
            "llava-hf",
            List.of("language_model.", "multi_modal_projector."),
            projector(
                    tower(
                            llama(NameTable.empty(), "language_model.model.", "language_model.lm_head."),
                            "vision_tower.vision_model."),
                    "multi_modal_projector.")),

    /** As re-saved by transformers 4.52 and later: {@code model.language_model}, {@code model.vision_tower}. */
    LLAVA_HF_NEW(
            "llava-hf (transformers 4.52 and later)",
            List.of("model.language_model.", "model.multi_modal_projector."),
            projector(
                    tower(
                                    llama(NameTable.empty(), "model.language_model.", "lm_head."),
                                    "model.vision_tower.vision_model.")
                            // Transformers 5 has no vision_model in between.
                            .rename("model.vision_tower.{*}", "vis.{*}"),
                    "model.multi_modal_projector.")),

    /** A tower alone, or with the text half that it was trained with. */
    TOWER(
            "SigLIP or CLIP",
            List.of("vision_model."),
            tower(NameTable.empty(), "vision_model.")
                    .ignore("text_model.{*}")
                    .ignore("visual_projection.weight")
                    .ignore("text_projection.weight")
                    .ignore("logit_scale")
                    .ignore("logit_bias")),

    /** A tower without the name in front, as transformers 5 saves it. */
    BARE_TOWER(
            "SigLIP or CLIP (transformers 5)",
            List.of("encoder.layers.0.layer_norm1.", "embeddings.patch_embedding."),
            tower(NameTable.empty(), "")),

    /** A language model alone. */
    LLAMA("Llama", List.of("model.layers.", "model.embed_tokens."), llama(NameTable.empty(), "model.", "lm_head."));

    private final String title;
    private final List<String> marks;
    private final NameTable table;

    /**
     * @param title for people
     * @param marks beginnings of names by which the layout is recognised, unless one above it was
     * @param table from its names to those of this package
     */
    CheckpointLayout(String title, List<String> marks, NameTable table) {
        this.title = title;
        this.marks = marks;
        this.table = table;
    }

    /**
     * The layout of a checkpoint, by its names.
     *
     * @throws WeightsException when it is none of those known
     */
    public static CheckpointLayout of(Checkpoint c) {
        for (CheckpointLayout layout : values()) {
            if (c.names().stream().anyMatch(n -> layout.marks.stream().anyMatch(n::startsWith))) {
                return layout;
            }
        }
        String titles = Arrays.stream(values()).map(CheckpointLayout::title).collect(Collectors.joining(", "));
        String first = c.names().isEmpty()
                ? "it has no tensors"
                : "its first tensor is " + c.names().getFirst();
        throw WeightsException.of(
                c.path(), "holds no model of a known layout, expected one of " + titles + "; " + first);
    }

    /** The name of this package for a tensor that some layout calls {@code name}; empty when none does. */
    public static Optional<String> canonical(String name) {
        return Arrays.stream(values())
                .map(layout -> layout.table.apply(name))
                .flatMap(Optional::stream)
                .findFirst();
    }

    /** For people. */
    public String title() {
        return title;
    }

    /** From the layout's names to those of this package. */
    public NameTable table() {
        return table;
    }

    /** What a tensor is called here: from {@code vis.post_layernorm.weight} to the layout's own name. */
    public String nameOf(String canonical) {
        return table.inverse().apply(canonical).orElse(canonical);
    }

    private static NameTable llama(NameTable t, String model, String head) {
        return t.ignore(model + "layers.{i}.self_attn.rotary_emb.inv_freq")
                .ignore(model + "rotary_emb.inv_freq")
                .rename(model + "layers.{i}.{*}", "llm.layers.{i}.{*}")
                .rename(model + "embed_tokens.weight", "llm.embed_tokens.weight")
                .rename(model + "embed_tokens.weight_scale", "llm.embed_tokens.weight_scale")
                .rename(model + "norm.weight", "llm.norm.weight")
                .rename(head + "weight", "llm.lm_head.weight")
                .rename(head + "weight_scale", "llm.lm_head.weight_scale");
    }

    private static NameTable tower(NameTable t, String model) {
        NameTable out = t.ignore(model + "embeddings.position_ids");
        for (String part : List.of("embeddings", "pre_layrnorm", "encoder.layers", "post_layernorm", "head")) {
            out = out.rename(model + part + ".{*}", "vis." + part + ".{*}");
        }
        return out;
    }

    private static NameTable projector(NameTable t, String module) {
        return t.rename(module + "linear_1.{*}", "proj.0.{*}").rename(module + "linear_2.{*}", "proj.2.{*}");
    }
}
