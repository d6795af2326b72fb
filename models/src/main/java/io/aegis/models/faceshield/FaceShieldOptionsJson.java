package io.aegis.models.faceshield;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aegis.image.Savp;
import io.aegis.weights.ConfigJson;
import io.aegis.weights.WeightsException;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.function.Supplier;

/**
 * {@link FaceShieldOptions} as the {@code faceshield} block of config.json. Every key may be left out; what is not known, a
 * key or a value, is refused by name.
 *
 * <pre>
 * savp     {lbp: square-zero | square-wrapneg | square-replicate | skimage-circular | skimage-uniform | skimage-uniform-scaled,
 *           hog: skimage-raw | skimage-minmax | gradenergy, stage: resized | original}
 * pvtm     {similarity: prompt-{mean | last | max}-{llm | tower}, ranking: joint | per-stream, keep_percent, mask_probability,
 *           masking: remove | key-mask | zero | mask-token, training, inference: off | topk-only | stochastic,
 *           temperature: a number | learned}
 * streams  {joined: tokens | channels, projectors: shared | own, slots: 1 | 2}
 * boxes    absolute | norm1000
 * scoring  answers | first-difference
 * prompts  {coarse, fine, reason, locate, answer_real, answer_spoof}
 * </pre>
 */
public final class FaceShieldOptionsJson {
    /** The block's key. */
    public static final String KEY = "faceshield";

    private static final String LEARNED = "learned";

    private static final Choice<Savp.Patterns> LBP = Choice.of(ordered(
            "square-zero", Savp.Patterns.SQUARE_ZERO,
            "square-wrapneg", Savp.Patterns.SQUARE_WRAP_NEGATIVE,
            "square-replicate", Savp.Patterns.SQUARE_REPLICATE,
            "skimage-circular", Savp.Patterns.CIRCULAR,
            "skimage-uniform", Savp.Patterns.CIRCULAR_UNIFORM,
            "skimage-uniform-scaled", Savp.Patterns.CIRCULAR_UNIFORM_SCALED));

    private static final Choice<Savp.Gradients> HOG = Choice.of(ordered(
            "skimage-raw", Savp.Gradients.RAW,
            "skimage-minmax", Savp.Gradients.MINMAX,
            "gradenergy", Savp.Gradients.ENERGY));

    private static final Choice<SavpOptions.Stage> STAGE = Choice.of(SavpOptions.Stage.class);

    private record Similarity(PromptVector prompt, SimilaritySpace space) {}

    private static final Choice<Similarity> SIMILARITY = Choice.of(similarities());
    private static final Choice<TokenRanking> RANKING = Choice.of(TokenRanking.class);
    private static final Choice<TokenMasking> MASKING = Choice.of(TokenMasking.class);
    private static final Choice<MaskingMode> MODE = Choice.of(MaskingMode.class);
    private static final Choice<Streams.Joined> JOINED = Choice.of(Streams.Joined.class);
    private static final Choice<Streams.Projectors> PROJECTORS = Choice.of(Streams.Projectors.class);
    private static final Choice<BoxCodec> BOXES = Choice.of(BoxCodec.class);
    private static final Choice<Scoring> SCORING = Choice.of(Scoring.class);

    private FaceShieldOptionsJson() {}

    private static <T> Map<String, T> ordered(Object... namesAndValues) {
        Map<String, T> out = new LinkedHashMap<>();
        for (int i = 0; i < namesAndValues.length; i += 2) {
            @SuppressWarnings("unchecked")
            T value = (T) namesAndValues[i + 1];
            out.put((String) namesAndValues[i], value);
        }
        return out;
    }

    private static Map<String, Similarity> similarities() {
        Map<String, Similarity> out = new LinkedHashMap<>();
        Choice<PromptVector> prompts = Choice.of(PromptVector.class);
        Choice<SimilaritySpace> spaces = Choice.of(SimilaritySpace.class);
        for (SimilaritySpace space : SimilaritySpace.values()) {
            for (PromptVector prompt : PromptVector.values()) {
                out.put("prompt-" + prompts.name(prompt) + "-" + spaces.name(space), new Similarity(prompt, space));
            }
        }
        return out;
    }

    /**
     * Reads the block of a config.json; without it, the defaults.
     *
     * @throws WeightsException for an unknown key or value, one of the wrong type, or values that contradict each other
     */
    public static FaceShieldOptions read(ConfigJson config) {
        ConfigJson json = config.objectOrEmpty(KEY);
        known(json, "savp", "streams", "pvtm", "boxes", "scoring", "prompts");
        FaceShieldOptions d = FaceShieldOptions.DEFAULT;
        return new FaceShieldOptions(
                savp(json.objectOrEmpty("savp")),
                streams(json.objectOrEmpty("streams")),
                pvtm(json.objectOrEmpty("pvtm")),
                BOXES.read(json, "boxes", d.boxes()),
                SCORING.read(json, "scoring", d.scoring()),
                prompts(json.objectOrEmpty("prompts")));
    }

    private static void known(ConfigJson json, String... keys) {
        for (String key : json.keys()) {
            if (!List.of(keys).contains(key)) {
                throw json.invalid(key, "is no setting here, expected one of " + String.join(", ", keys));
            }
        }
    }

    private static SavpOptions savp(ConfigJson json) {
        known(json, "lbp", "hog", "stage");
        SavpOptions d = SavpOptions.DEFAULT;
        return new SavpOptions(
                STAGE.read(json, "stage", d.stage()),
                new Savp(
                        LBP.read(json, "lbp", d.channels().patterns()),
                        HOG.read(json, "hog", d.channels().gradients())));
    }

    private static Streams streams(ConfigJson json) {
        known(json, "joined", "projectors", "slots");
        Streams d = Streams.DEFAULT;
        return fitting(
                json,
                () -> new Streams(
                        JOINED.read(json, "joined", d.joined()),
                        PROJECTORS.read(json, "projectors", d.projectors()),
                        json.integer("slots", d.slots())));
    }

    private static PvtmOptions pvtm(ConfigJson json) {
        known(
                json,
                "similarity",
                "ranking",
                "keep_percent",
                "mask_probability",
                "masking",
                "training",
                "inference",
                "temperature");
        PvtmOptions d = PvtmOptions.DEFAULT;
        Similarity similarity = SIMILARITY.read(json, "similarity", new Similarity(d.prompt(), d.space()));
        boolean learned = json.json().path("temperature").asText().equals(LEARNED);
        return fitting(
                json,
                () -> new PvtmOptions(
                        similarity.prompt(),
                        similarity.space(),
                        RANKING.read(json, "ranking", d.ranking()),
                        json.number("keep_percent", d.keepPercent()),
                        json.number("mask_probability", d.maskPercent()),
                        MASKING.read(json, "masking", d.masking()),
                        MODE.read(json, "training", d.training()),
                        MODE.read(json, "inference", d.inference()),
                        learned ? OptionalDouble.empty() : OptionalDouble.of(json.number("temperature", 1))));
    }

    private static PromptSet prompts(ConfigJson json) {
        known(json, "coarse", "fine", "reason", "locate", "answer_real", "answer_spoof");
        PromptSet d = PromptSet.DEFAULT;
        Map<FaceTask, String> questions = new EnumMap<>(FaceTask.class);
        for (FaceTask task : FaceTask.values()) {
            questions.put(task, json.text(task.title(), d.question(task)));
        }
        return fitting(
                json,
                () -> new PromptSet(
                        questions, json.text("answer_real", d.real()), json.text("answer_spoof", d.spoof())));
    }

    private static <T> T fitting(ConfigJson json, Supplier<T> made) {
        try {
            return made.get();
        } catch (IllegalArgumentException e) {
            throw new WeightsException(json.path() + ": " + e.getMessage(), e);
        }
    }

    /** The block with every choice written out. */
    public static ObjectNode write(FaceShieldOptions o) {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.putObject("savp")
                .put("lbp", LBP.name(o.savp().channels().patterns()))
                .put("hog", HOG.name(o.savp().channels().gradients()))
                .put("stage", STAGE.name(o.savp().stage()));
        json.putObject("streams")
                .put("joined", JOINED.name(o.streams().joined()))
                .put("projectors", PROJECTORS.name(o.streams().projectors()))
                .put("slots", o.streams().slots());
        PvtmOptions p = o.pvtm();
        ObjectNode pvtm = json.putObject("pvtm")
                .put("similarity", SIMILARITY.name(new Similarity(p.prompt(), p.space())))
                .put("ranking", RANKING.name(p.ranking()))
                .put("keep_percent", p.keepPercent())
                .put("mask_probability", p.maskPercent())
                .put("masking", MASKING.name(p.masking()))
                .put("training", MODE.name(p.training()))
                .put("inference", MODE.name(p.inference()));
        if (p.temperature().isPresent()) {
            pvtm.put("temperature", p.temperature().getAsDouble());
        } else {
            pvtm.put("temperature", LEARNED);
        }
        json.put("boxes", BOXES.name(o.boxes())).put("scoring", SCORING.name(o.scoring()));
        ObjectNode prompts = json.putObject("prompts");
        for (FaceTask task : FaceTask.values()) {
            prompts.put(task.title(), o.prompts().question(task));
        }
        prompts.put("answer_real", o.prompts().real())
                .put("answer_spoof", o.prompts().spoof());
        return json;
    }
}
