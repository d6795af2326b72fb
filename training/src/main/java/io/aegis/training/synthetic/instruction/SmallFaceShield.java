package io.aegis.training.synthetic.instruction;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.models.faceshield.BoxCodec;
import io.aegis.models.faceshield.FaceShieldOptions;
import io.aegis.models.faceshield.FaceShieldOptionsJson;
import io.aegis.models.faceshield.PvtmOptions;
import io.aegis.tokenizer.BpeTrainer;
import io.aegis.tokenizer.ChatTemplate;
import io.aegis.tokenizer.Tokenizer;
import io.aegis.weights.AtomicFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A FaceShield of 1.4 million parameters in Bunny's layout, before it has learned anything: {@code config.json} and a
 * tokenizer of the language of its instruction data.
 */
final class SmallFaceShield {
    private static final String BOS = "<|begin_of_text|>";
    private static final String EOS = "<|end_of_text|>";
    private static final int WIDTH = 128;
    private static final int VISION_LAYERS = 4;
    private static final int LANGUAGE_LAYERS = 2;
    static final int PATCH = 16;
    private static final int VOCABULARY = 1024;
    private static final int CONTEXT = 512;

    private SmallFaceShield() {}

    /** Answers with boxes in thousandths; fewer tokens are masked than in large models, which have more of them. */
    static FaceShieldOptions options() {
        FaceShieldOptions d = FaceShieldOptions.DEFAULT;
        PvtmOptions p = d.pvtm();
        PvtmOptions pvtm = new PvtmOptions(
                p.prompt(), p.space(), p.ranking(), 50, 20, p.masking(), p.training(), p.inference(), p.temperature());
        return new FaceShieldOptions(d.savp(), d.streams(), pvtm, BoxCodec.NORM1000, d.scoring(), d.prompts());
    }

    /**
     * Writes the folder's files.
     *
     * @param image width and height of the pictures
     * @param texts all that is asked and answered
     */
    static void write(Path folder, int image, List<String> texts) throws IOException {
        Files.createDirectories(folder);
        // without digits nothing is learned of them: numbers are spelled, so that near ones look alike
        List<String> all = new ArrayList<>(
                texts.stream().map(text -> text.replaceAll("[0-9]+ ?", "")).toList());
        // the template's own words are in every prompt
        texts.forEach(text -> all.add(ChatTemplate.BUNNY.prompt("")));
        Path tokenizer = folder.resolve("tokenizer.json");
        AtomicFile.write(tokenizer, new BpeTrainer(VOCABULARY, List.of(BOS, EOS), BOS).train(all));
        AtomicFile.write(
                folder.resolve("tokenizer_config.json"), tokenizerConfig().toPrettyString() + "\n");
        Tokenizer made = Tokenizer.open(folder);
        AtomicFile.write(folder.resolve("config.json"), config(image, made).toPrettyString() + "\n");
    }

    private static ObjectNode tokenizerConfig() {
        return JsonNodeFactory.instance
                .objectNode()
                .put("tokenizer_class", "PreTrainedTokenizerFast")
                .put("bos_token", BOS)
                .put("eos_token", EOS)
                .put("pad_token", EOS)
                .put("model_max_length", CONTEXT);
    }

    private static ObjectNode config(int image, Tokenizer tokenizer) {
        int eos = tokenizer.id(EOS).orElseThrow();
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.putArray("architectures").add("BunnyLlamaForCausalLM");
        json.put("model_type", "bunny-llama")
                .put("hidden_size", WIDTH)
                .put("intermediate_size", 352)
                .put("num_hidden_layers", LANGUAGE_LAYERS)
                .put("num_attention_heads", 4)
                .put("num_key_value_heads", 4)
                .put("max_position_embeddings", CONTEXT)
                .put("rms_norm_eps", 1e-5)
                .put("rope_theta", 10000.0)
                .put("hidden_act", "silu")
                .put("attention_bias", false)
                .put("tie_word_embeddings", true)
                .put("vocab_size", tokenizer.size())
                .put("torch_dtype", "float16")
                .put("bos_token_id", tokenizer.id(BOS).orElseThrow())
                .put("eos_token_id", eos)
                .put("pad_token_id", eos)
                .put("mm_hidden_size", WIDTH)
                .put("mm_projector_type", "mlp2x_gelu")
                .put("mm_vision_select_layer", -1)
                .put("image_aspect_ratio", "pad")
                .put("tokenizer_model_max_length", CONTEXT)
                .put("tokenizer_padding_side", "right");
        json.putObject("vision_config")
                .put("model_type", "siglip_vision_model")
                .put("hidden_size", WIDTH)
                .put("intermediate_size", 4 * WIDTH)
                .put("num_hidden_layers", VISION_LAYERS)
                .put("num_attention_heads", 4)
                .put("image_size", image)
                .put("patch_size", PATCH)
                .put("hidden_act", "gelu_pytorch_tanh")
                .put("layer_norm_eps", 1e-6)
                .put("vision_use_head", false);
        json.set(FaceShieldOptionsJson.KEY, FaceShieldOptionsJson.write(options()));
        return json;
    }
}
