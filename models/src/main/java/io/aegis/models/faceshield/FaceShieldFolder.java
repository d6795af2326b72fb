package io.aegis.models.faceshield;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.layers.Parameters;
import io.aegis.models.checkpoint.Connector;
import io.aegis.models.checkpoint.VisionLanguageCheckpoint;
import io.aegis.models.checkpoint.VisionLanguageConfig;
import io.aegis.models.llama.GenerationOptions;
import io.aegis.tokenizer.ChatTemplate;
import io.aegis.tokenizer.Tokenizer;
import io.aegis.tokenizer.TokenizerException;
import io.aegis.weights.ConfigJson;
import io.aegis.weights.Views;
import io.aegis.weights.WeightsException;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;

/**
 * A FaceShield on disk: a Bunny or LLaVA checkpoint with its tokenizer, whose {@code config.json} may have a {@code
 * faceshield} block. Weights that only FaceShield has are {@code model.mm_projector_sav.*} and {@code model.pvtm.*}.
 */
public final class FaceShieldFolder {
    /** Embeddings are padded so that their size is a multiple of a power of two, this one at most. */
    private static final int PADDING = 256;

    private static final String PVTM = "pvtm.";
    private static final String AUXILIARY = "proj_sav.";
    private static final String PROJECTOR = "proj.";

    private FaceShieldFolder() {}

    /**
     * Opens weights and config.
     *
     * @throws WeightsException when they are missing, damaged or do not fit each other
     */
    public static VisionLanguageCheckpoint open(Path folder) {
        return VisionLanguageCheckpoint.open(folder, null, FaceShieldFolder::declare);
    }

    /**
     * Opens what training may begin with: a published checkpoint has nothing of what only FaceShield has.
     *
     * @throws WeightsException when weights and config are missing, damaged or do not fit each other
     */
    public static VisionLanguageCheckpoint openBase(Path folder) {
        return VisionLanguageCheckpoint.open(folder, null, new Connector() {
            @Override
            public void declare(Parameters p, VisionLanguageConfig sizes, ConfigJson json) {
                FaceShieldFolder.declare(p, sizes, json);
            }

            @Override
            public boolean requires(String name) {
                return !mayBegin(name);
            }
        });
    }

    /** Whether a weight is one that only FaceShield has, so that {@link #beginning} finds one where there is none. */
    public static boolean mayBegin(String name) {
        return name.startsWith(PVTM) || name.startsWith(AUXILIARY);
    }

    private static void declare(Parameters p, VisionLanguageConfig sizes, ConfigJson json) {
        FaceShieldNetwork.connect(p, FaceShieldConfig.of(sizes, json));
    }

    /**
     * Weights for training to begin with: the checkpoint's; what only FaceShield has begins at random where the checkpoint
     * has none, but for a projector of the auxiliary picture, which begins as the picture's.
     *
     * @param base as {@link #openBase} gives it
     * @param fresh where random ones are made, to stay open until they were copied
     * @return a tensor by its name
     */
    public static Function<String, View> beginning(
            VisionLanguageCheckpoint base, FaceShieldConfig config, Parameters fresh, long seed) {
        FaceShieldNetwork.connect(fresh, config);
        fresh.initialize(DType.F32, seed);
        return name -> {
            String same = name.replaceFirst("^" + AUXILIARY, PROJECTOR);
            String stored = base.tensors().has(name) ? name : same;
            return base.tensors().has(stored)
                    ? Views.of(base.tensors(), stored)
                    : fresh.get(name).view();
        };
    }

    /** How conversations are written for a model: as Bunny or LLaVA does. */
    public static ChatTemplate template(ConfigJson json) {
        return json.text("model_type").startsWith("bunny") ? ChatTemplate.BUNNY : ChatTemplate.LLAVA_V1;
    }

    /**
     * The tokenizer of a folder.
     *
     * @throws TokenizerException when it is missing or damaged
     * @throws WeightsException when it does not belong to the model
     */
    public static Tokenizer tokenizer(Path folder, FaceShieldConfig config, ConfigJson json) {
        Tokenizer tokenizer = Tokenizer.open(folder);
        check(tokenizer, folder, config, json);
        return tokenizer;
    }

    /**
     * Refuses a tokenizer of another model.
     *
     * @throws WeightsException when it has tokens without an embedding, far fewer than the model, or begins and ends texts
     *     otherwise
     */
    static void check(Tokenizer tokenizer, Path folder, FaceShieldConfig config, ConfigJson json) {
        long rows = config.language().vocabulary();
        if (tokenizer.size() > rows || rows - tokenizer.size() >= PADDING) {
            throw WeightsException.of(
                    folder,
                    "the tokenizer does not belong to the model: it has " + tokenizer.size()
                            + " tokens, the model's embedding " + rows + " rows");
        }
        OptionalInt bos = tokenizer.bos();
        ConfigJson text = json.has("text_config") ? json.object("text_config") : json;
        if (text.has("bos_token_id") && bos.isPresent() && text.integer("bos_token_id") != bos.getAsInt()) {
            throw text.invalid(
                    "bos_token_id",
                    "does not belong to the tokenizer, whose texts begin with " + bos.getAsInt() + " ("
                            + tokenizer.token(bos.getAsInt()) + ")");
        }
        for (int id : GenerationOptions.stopIds(folder)) {
            if (id < 0 || id >= tokenizer.size() || !tokenizer.isSpecial(id)) {
                throw WeightsException.of(
                        folder,
                        "eos_token_id " + id + " does not belong to the tokenizer, where "
                                + (id < 0 || id >= tokenizer.size()
                                        ? "there is no such token"
                                        : "it is the text '" + tokenizer.token(id) + "'"));
            }
        }
    }

    /** Greedy, 256 tokens at most, ended by what ends the model's texts. */
    static GenerationOptions generation(Path folder, ChatTemplate template, Tokenizer tokenizer) {
        Set<Integer> stops = new TreeSet<>(GenerationOptions.stopIds(folder));
        for (String token : List.of(template.stop(), "<|eot_id|>")) {
            tokenizer.id(token).ifPresent(stops::add);
        }
        return GenerationOptions.GREEDY.withStops(stops, List.of(template.stop()));
    }
}
