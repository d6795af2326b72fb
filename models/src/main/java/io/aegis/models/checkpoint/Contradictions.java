package io.aegis.models.checkpoint;

import io.aegis.models.llama.LlamaConfig;
import io.aegis.models.vit.VitConfig;
import io.aegis.weights.Checkpoint;
import io.aegis.weights.Quantization;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Where a config says one number and the tensors another; each is named with the key that is wrong, or the tensor. */
final class Contradictions {
    private static final String VISION_BLOCK = "vis.encoder.layers.";
    private static final String LANGUAGE_BLOCK = "llm.layers.";

    /** Rows to which mlx pads so400m's MLPs. */
    private static final int MLX_PADDED = 4352;

    private final Checkpoint tensors;
    private final UnaryOperator<String> nameInFile;
    private final List<String> found = new ArrayList<>();

    private Contradictions(Checkpoint tensors, UnaryOperator<String> nameInFile) {
        this.tensors = tensors;
        this.nameInFile = nameInFile;
    }

    /**
     * All of them.
     *
     * @param tensors under the names of this package
     * @param nameInFile from such a name to the file's own
     */
    static List<String> of(VisionLanguageConfig config, Checkpoint tensors, UnaryOperator<String> nameInFile) {
        Contradictions c = new Contradictions(tensors, nameInFile);
        config.vision().ifPresent(v -> c.vision(v, config.feature()));
        config.language().ifPresent(c::language);
        return c.found;
    }

    private void vision(VitConfig v, VisionLanguageConfig.Feature feature) {
        String positions = "vis.embeddings.position_embedding.weight";
        size("hidden_size of the vision tower", v.width(), positions, 1);
        size("patch_size", v.patch(), "vis.embeddings.patch_embedding.weight", 3);
        String tokens = "image_size " + v.image() + " and patch_size " + v.patch() + " make " + v.tokens() + " tokens";
        size(tokens, v.tokens(), positions, 0);
        String fc1 = VISION_BLOCK + "0.mlp.fc1.weight";
        if (has(fc1, 0) && shape(fc1)[0] == MLX_PADDED && v.width() == 1152) {
            found.add(nameInFile.apply(fc1) + " has " + MLX_PADDED + " rows, the zero-padded tower of an mlx-community"
                    + " conversion, which is not supported; SigLIP's has 4304");
        } else {
            size("intermediate_size of the vision tower", v.mlp(), fc1, 0);
        }
        long least = feature == null ? v.layers() : v.blocks(feature.layer());
        blocks("num_hidden_layers of the vision tower", VISION_BLOCK, least, v.layers());
    }

    private void language(LlamaConfig c) {
        String first = LANGUAGE_BLOCK + "0.";
        size("hidden_size", c.hidden(), "llm.embed_tokens.weight", 1);
        size("intermediate_size", c.intermediate(), first + "mlp.gate_proj.weight", 0);
        String queries = "num_attention_heads " + c.heads() + " of " + c.headSize() + " channels make "
                + c.heads() * c.headSize() + " rows";
        size(queries, (long) c.heads() * c.headSize(), first + "self_attn.q_proj.weight", 0);
        String keys = "num_key_value_heads " + c.keyHeads() + " of " + c.headSize() + " channels make "
                + c.keyHeads() * c.headSize() + " rows";
        size(keys, (long) c.keyHeads() * c.headSize(), first + "self_attn.k_proj.weight", 0);
        blocks("num_hidden_layers", LANGUAGE_BLOCK, c.layers(), c.layers());
    }

    private boolean has(String tensor, int dim) {
        return tensors.has(tensor) && shape(tensor).length > dim;
    }

    private void size(String what, long told, String tensor, int dim) {
        if (has(tensor, dim) && shape(tensor)[dim] != told) {
            String number = what.matches(".*\\d.*") ? "" : " is " + told;
            found.add("config.json: " + what + number + ", but " + nameInFile.apply(tensor) + " has "
                    + Arrays.toString(shape(tensor)));
        }
    }

    private long[] shape(String tensor) {
        return Quantization.shape(tensors, tensor);
    }

    private void blocks(String what, String prefix, long least, long most) {
        Pattern block = Pattern.compile(Pattern.quote(prefix) + "(\\d+)\\..*");
        long count = 0;
        for (String name : tensors.names()) {
            Matcher m = block.matcher(name);
            if (m.matches()) {
                count = Math.max(count, Long.parseLong(m.group(1)) + 1);
            }
        }
        if (count > most || count < least && count > 0) {
            found.add("config.json: " + what + " is " + most + ", but the tensors have " + count + " layers, up to "
                    + nameInFile.apply(prefix + (count - 1) + ".").replaceAll("\\.$", ""));
        }
    }
}
