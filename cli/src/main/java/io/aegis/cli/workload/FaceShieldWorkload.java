package io.aegis.cli.workload;

import io.aegis.cli.bench.LanguageModel;
import io.aegis.cli.bench.VisionSection;
import io.aegis.kernels.DType;
import io.aegis.models.checkpoint.Synthesis;
import io.aegis.models.checkpoint.VisionLanguageConfig;
import io.aegis.models.faceshield.Draw;
import io.aegis.models.faceshield.FaceShieldConfig;
import io.aegis.models.faceshield.FaceShieldNetwork;
import io.aegis.models.faceshield.MaskingMode;
import io.aegis.models.faceshield.Sequence;
import io.aegis.models.faceshield.VisionTokens;
import io.aegis.models.llama.Generator;
import io.aegis.models.llama.KeyValueCache;
import io.aegis.models.llama.TextStream;
import io.aegis.tensor.Tensor;
import io.aegis.weights.ConfigJson;
import java.util.Arrays;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * FaceShield from a picture's pixels to its answer: both pictures through the tower, the projector, tokens ranked against the
 * question and none left out, the prompt through the language model. Pictures are decoded and resized before.
 *
 * @param network filled and frozen; nothing may be recording
 * @param text tokens of the prompt beside the vision tokens; at least {@link #QUESTION}
 */
public record FaceShieldWorkload(FaceShieldNetwork network, int text) {
    /** Of the text, those before the picture and those of the question that tokens are ranked by. */
    private static final int BEFORE = 4;

    private static final int QUESTION = 12;

    /** Sizes by the name of a config of {@link Synthesis}, or its file. */
    public static FaceShieldConfig sizes(String config) {
        ConfigJson json = Synthesis.config(config);
        return FaceShieldConfig.of(
                VisionLanguageConfig.read(json, OptionalLong.of(json.positive("vocab_size")), Optional.empty()), json);
    }

    /** Multiply-adds times two of both pictures through tower and projector. */
    public static double seeing(FaceShieldConfig c) {
        double width = c.language().hidden();
        double projected = 2.0 * c.visionTokens() * width * (c.vision().width() + width);
        return projected
                + 2
                        * VisionSection.operations(
                                c.vision(), c.vision().blocks(c.feature().layer()));
    }

    /** As {@link #seeing}, of reading a prompt of so many tokens, the picture's included. */
    public static double reading(FaceShieldConfig c, int tokens) {
        return LanguageModel.operations(c.language(), tokens);
    }

    /** Of the whole prompt. */
    public int tokens() {
        return network.config().visionTokens() + text;
    }

    /** Two pictures of noise, in the current scope. */
    public Tensor pixels() {
        return VisionWorkload.noise(2, network.config().vision().image());
    }

    /** A cache for the prompt and so many tokens more. */
    public KeyValueCache cache(int more) {
        return new KeyValueCache(network.config().language(), (long) tokens() + more);
    }

    /** What the language model gets of both pictures, in the current scope. */
    public VisionTokens see(Tensor pixels) {
        long[] ids = ids();
        long[] question = Arrays.copyOfRange(ids, ids.length - QUESTION, ids.length);
        return network.vision(network.features(pixels), question, MaskingMode.OFF, new Draw(0, 0, 0));
    }

    /** Reads the prompt into an empty cache; scores of the answer's first token. */
    public double[] read(VisionTokens seen, KeyValueCache cache) {
        Sequence s = network.sequence(ids(), seen);
        int n = s.length();
        return new Generator(network.language(), () -> TextStream.SILENT, DType.F32)
                .readLast(s.rows(0, n), s.positions(0, n, 0), cache, () -> false);
    }

    private long[] ids() {
        long[] ids = new long[text + 1];
        Arrays.setAll(ids, i -> i == BEFORE ? FaceShieldNetwork.PICTURE : i);
        return ids;
    }
}
