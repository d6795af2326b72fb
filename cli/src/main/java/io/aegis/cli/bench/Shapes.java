package io.aegis.cli.bench;

import io.aegis.kernels.Activation;
import io.aegis.models.dadm.DadmConfig;
import io.aegis.models.llama.LlamaConfig;
import io.aegis.models.llama.RopeScaling;
import io.aegis.models.vit.VitConfig;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Models by name, sizes alone: the published ones, and a small one of each kind to try things. */
public final class Shapes {
    /** Vision towers. */
    public static final Map<String, VitConfig> VISION = vision();

    /** Language models; the small Llama-3.2 models take their logits from the embedding's matrix. */
    public static final Map<String, LlamaConfig> LANGUAGE = language();

    /** DADMs. */
    public static final Map<String, DadmConfig> DADM = dadm();

    /** FaceShields, by the names that {@code synthesize} knows. */
    public static final List<String> FACESHIELD = List.of("bunny-llama3-8b", "bunny-tiny");

    private Shapes() {}

    private static Map<String, VitConfig> vision() {
        Map<String, VitConfig> m = new LinkedHashMap<>();
        m.put("siglip-so400m-384", VitConfig.SIGLIP_SO400M_384);
        m.put("clip-l-336", VitConfig.CLIP_L_336);
        m.put("siglip-base-224", VitConfig.published("siglip-base-patch16-224").orElseThrow());
        m.put(
                "siglip-tiny",
                new VitConfig(VitConfig.Kind.SIGLIP, 48, 96, 3, 3, 56, 14, Activation.GELU_TANH, 1e-6, true));
        return Collections.unmodifiableMap(m);
    }

    private static Map<String, LlamaConfig> language() {
        Map<String, LlamaConfig> m = new LinkedHashMap<>();
        m.put("llama-3.2-1b", llama(128256, 2048, 8192, 16, 32, 8, 64, true));
        m.put("llama-3.2-3b", llama(128256, 3072, 8192, 28, 24, 8, 128, true));
        m.put("llama-3-8b", llama(128256, 4096, 14336, 32, 32, 8, 128, false));
        m.put("llama-tiny", llama(512, 128, 256, 2, 4, 2, 32, true));
        return Collections.unmodifiableMap(m);
    }

    private static LlamaConfig llama(
            int vocabulary, int hidden, int mlp, int layers, int heads, int keyHeads, int headSize, boolean tied) {
        return new LlamaConfig(
                vocabulary, hidden, mlp, layers, heads, keyHeads, headSize, 1e-5, 5e5, RopeScaling.NONE, tied, 8192);
    }

    private static Map<String, DadmConfig> dadm() {
        Map<String, DadmConfig> m = new LinkedHashMap<>();
        m.put("dadm-b16", DadmConfig.BASE);
        m.put("dadm-tiny", new DadmConfig(48, 3, 2, 4, 8, 96, 8, 4, 5));
        return Collections.unmodifiableMap(m);
    }
}
