package io.aegis.models.faceshield;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.image.Image;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.models.checkpoint.CheckpointLayout;
import io.aegis.models.checkpoint.VisionLanguageConfig;
import io.aegis.weights.ConfigJson;
import io.aegis.weights.SafetensorsWriter;
import io.aegis.weights.StoredTensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Random;
import java.util.SplittableRandom;

/** FaceShields of some ten thousand random weights, whose tokens are bytes: 4 patches a stream, two blocks each. */
final class SmallFaceShield {
    static final int BOS = 256;
    static final int EOS = 257;
    private static final int VOCABULARY = 258;

    private SmallFaceShield() {}

    /** A config with these options. */
    static ObjectNode json(FaceShieldOptions options) {
        ObjectNode json = new ObjectMapper().createObjectNode();
        json.put("model_type", "bunny-llama")
                .put("hidden_size", 16)
                .put("intermediate_size", 24)
                .put("num_hidden_layers", 2)
                .put("num_attention_heads", 2)
                .put("num_key_value_heads", 1)
                .put("max_position_embeddings", 400)
                .put("rope_theta", 10000.0)
                .put("vocab_size", VOCABULARY)
                .put("bos_token_id", BOS)
                .put("eos_token_id", EOS);
        json.putObject("vision_config")
                .put("model_type", "siglip_vision_model")
                .put("hidden_size", 12)
                .put("intermediate_size", 20)
                .put("num_hidden_layers", 2)
                .put("num_attention_heads", 2)
                .put("image_size", 32)
                .put("patch_size", 14);
        json.set("faceshield", FaceShieldOptionsJson.write(options));
        return json;
    }

    /** The sizes that a config means. */
    static FaceShieldConfig config(Path folder, FaceShieldOptions options) {
        return config(folder, json(options));
    }

    static FaceShieldConfig config(Path folder, ObjectNode of) {
        write(folder.resolve("config.json"), of);
        ConfigJson json = ConfigJson.read(folder);
        return FaceShieldConfig.of(
                VisionLanguageConfig.read(json, OptionalLong.of(VOCABULARY), Optional.empty()), json);
    }

    /** Values that make no path through the network zero. */
    static void fill(Parameters p, DType dtype, long seed) {
        p.initialize(dtype, seed);
        SplittableRandom random = new SplittableRandom(seed);
        for (Parameter parameter : p.all()) {
            View v = parameter.view();
            boolean gain = parameter.shape().length == 1 && parameter.name().contains("norm");
            for (long i = 0; i < v.elements(); i++) {
                double z = random.nextDouble(-1, 1);
                v.setAt(v.position(i), gain ? 1 + 0.3 * z : 0.4 * z);
            }
        }
    }

    /** A model folder. */
    static void write(Path folder, FaceShieldOptions options, Map<String, String> metadata) {
        FaceShieldConfig config = config(folder, options);
        write(folder.resolve("tokenizer.json"), tokenizer());
        try (Parameters p = new Parameters();
                Arena arena = Arena.ofShared()) {
            new FaceShieldNetwork(p, config);
            fill(p, DType.F32, 7);
            List<StoredTensor> tensors = new ArrayList<>();
            for (Parameter each : p.all()) {
                tensors.add(StoredTensor.of(CheckpointLayout.ORIGINAL.nameOf(each.name()), each.view(), arena));
            }
            SafetensorsWriter.write(folder.resolve("model.safetensors"), metadata, tensors);
        }
    }

    /** A tokenizer without merges: a token a byte, and what begins and ends texts. */
    static ObjectNode tokenizer() {
        ObjectNode json = new ObjectMapper().createObjectNode();
        ArrayNode added = json.putArray("added_tokens");
        for (int id : new int[] {BOS, EOS}) {
            added.addObject()
                    .put("id", id)
                    .put("content", id == BOS ? "<|begin_of_text|>" : "<|end_of_text|>")
                    .put("single_word", false)
                    .put("lstrip", false)
                    .put("rstrip", false)
                    .put("normalized", false)
                    .put("special", true);
        }
        json.putObject("pre_tokenizer")
                .put("type", "ByteLevel")
                .put("add_prefix_space", false)
                .put("trim_offsets", true)
                .put("use_regex", true);
        json.putObject("decoder")
                .put("type", "ByteLevel")
                .put("add_prefix_space", false)
                .put("trim_offsets", true);
        ObjectNode post = json.putObject("post_processor").put("type", "TemplateProcessing");
        ArrayNode single = post.putArray("single");
        single.addObject()
                .putObject("SpecialToken")
                .put("id", "<|begin_of_text|>")
                .put("type_id", 0);
        single.addObject().putObject("Sequence").put("id", "A").put("type_id", 0);
        post.putArray("pair");
        ObjectNode special =
                post.putObject("special_tokens").putObject("<|begin_of_text|>").put("id", "<|begin_of_text|>");
        special.putArray("ids").add(BOS);
        special.putArray("tokens").add("<|begin_of_text|>");
        ObjectNode model = json.putObject("model").put("type", "BPE");
        ObjectNode vocabulary = model.putObject("vocab");
        int moved = 256;
        for (int b = 0; b < 256; b++) {
            boolean itself = b >= 33 && b <= 126 || b >= 161 && b <= 172 || b >= 174;
            vocabulary.put(Character.toString(itself ? b : moved++), b);
        }
        model.putArray("merges");
        return json;
    }

    static void write(Path file, ObjectNode json) {
        try {
            Files.createDirectories(file.getParent());
            Files.writeString(file, json.toString());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Noise. */
    static Image picture(long seed) {
        byte[] bytes = new byte[40 * 24 * 3];
        new Random(seed).nextBytes(bytes);
        return Image.of(40, 24, 3, bytes);
    }
}
