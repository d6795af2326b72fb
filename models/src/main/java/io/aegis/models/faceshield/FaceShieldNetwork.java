package io.aegis.models.faceshield;

import static io.aegis.tensor.Ops.concat;

import io.aegis.layers.Parameters;
import io.aegis.layers.Pass;
import io.aegis.layers.Probe;
import io.aegis.models.checkpoint.VisionLanguageConfig;
import io.aegis.models.llama.LlamaNetwork;
import io.aegis.models.vit.VisionTransformer;
import io.aegis.tensor.AttentionMask;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import java.util.Arrays;

/**
 * The graph of FaceShield (arXiv 2505.09415, figure 1), one face and one question at a time:
 *
 * <pre>
 * V = tower(I_rgb, I_sav)            {@link #features}    [2, n, D_v]
 * Z = projector(V)                   {@link #project}     [2n, D]
 * K = PVTM(Z, question)              {@link #vision}      rows that stay
 * E = splice(prompt, Z_K)            {@link #sequence}    [N, D]
 * answer = llama(E)                  {@link #loss}, {@link #logits}
 * </pre>
 *
 * <p>Parameters are {@code llm.*}, {@code proj.{0, 2}.*}, {@code vis.*}, and where the options ask for them {@code
 * proj_sav.{0, 2}.*} and {@code pvtm.*}. Everything goes on a tape where one records.
 */
public final class FaceShieldNetwork {
    /** The id that stands for a picture in prompts, outside any vocabulary. */
    public static final long PICTURE = VisionLanguageConfig.IMAGE_TOKEN;

    private final FaceShieldConfig config;
    private final LlamaNetwork language;
    private final StreamProjection projection;
    private final VisionTransformer tower;
    private final Pvtm pvtm;

    /** Declares all parameters. */
    public FaceShieldNetwork(Parameters p, FaceShieldConfig config) {
        this.config = config;
        language = new LlamaNetwork(p.at("llm"), config.language());
        projection = projection(p, config);
        pvtm = pvtm(p, config, projection);
        tower = new VisionTransformer(
                p.at("vis"), config.vision(), config.feature().layer());
    }

    private static StreamProjection projection(Parameters p, FaceShieldConfig config) {
        return new StreamProjection(
                p,
                config.options().streams(),
                config.vision().width(),
                config.language().hidden());
    }

    private static Pvtm pvtm(Parameters p, FaceShieldConfig config, StreamProjection projection) {
        return new Pvtm(
                p.at("pvtm"),
                config.options().pvtm(),
                projection.channels(),
                config.language().hidden());
    }

    /** Declares only what lies between the tower and the language model. */
    static void connect(Parameters p, FaceShieldConfig config) {
        pvtm(p, config, projection(p, config));
    }

    public FaceShieldConfig config() {
        return config;
    }

    /** The language model, for adapters and for generation. */
    public LlamaNetwork language() {
        return language;
    }

    public Pvtm pvtm() {
        return pvtm;
    }

    /** V: pixels [2, 3, S, S] of the picture and its auxiliary picture to [2, n, D_v]. */
    public Tensor features(Tensor pixels) {
        return tower.features(pixels, config.feature().layer(), config.feature().dropFirst());
    }

    /** Z: features [2, n, D_v] to tokens of the language model, [2n, D] or [n, D]. */
    public Tensor project(Tensor features) {
        return projection.of(projection.tokens(features));
    }

    /** P of a question's tokens without special ones, [m, D] or [m, D_v]; only its learned map goes on a tape. */
    public Tensor prompt(long[] question) {
        Tensor[] embedded = new Tensor[1];
        Tape.withoutRecording(() -> embedded[0] = language.embed(Tensor.of(question, question.length)));
        return pvtm.prompt(embedded[0], this::lastHidden);
    }

    private Tensor lastHidden(Tensor embedded) {
        long t = embedded.size(0);
        Tensor[] out = new Tensor[1];
        Tape.withoutRecording(() -> out[0] = language.hidden(
                        embedded.reshape(1, t, embedded.size(1)),
                        LlamaNetwork.positions(0, t),
                        AttentionMask.causal(),
                        null,
                        Probe.NONE)
                .reshape(t, embedded.size(1)));
        return out[0];
    }

    /**
     * Ranks the tokens of a face against a question, and chooses those that stay.
     *
     * @param features [2, n, D_v]
     * @param projected Z of them
     * @param question its tokens without special ones; with none every token is kept, there being nothing to rank by
     */
    public RankedTokens rank(Tensor features, Tensor projected, long[] question, MaskingMode mode, Draw draw) {
        RankedTokens[] out = new RankedTokens[1];
        Tape.withoutRecording(() -> {
            Tensor tokens = comparable(features, projected);
            boolean asked = question.length > 0;
            // To a vector of zeros all are equally near.
            Tensor prompt = asked ? prompt(question) : Tensor.zeros(tokens.dtype(), 1, tokens.size(1));
            out[0] = pvtm.rank(tokens, prompt, streams(), asked ? mode : MaskingMode.OFF, draw);
        });
        return out[0];
    }

    private int streams() {
        return config.options().streams().count();
    }

    private Tensor comparable(Tensor features, Tensor projected) {
        return config.options().pvtm().space() == SimilaritySpace.TOWER ? projection.tokens(features) : projected;
    }

    /** K: what the language model gets of projected tokens of which some are kept. */
    public VisionTokens masked(Tensor projected, KeptTokens kept) {
        return pvtm.masked(projected, kept);
    }

    /**
     * Projector and PVTM together, for training: where the question's map is learned, its gate is in between. How the tokens
     * rank stays where it was computed; which are kept comes to the host.
     *
     * @param features [2, n, D_v]
     * @param question its tokens without special ones; may be empty
     */
    public VisionTokens vision(Tensor features, long[] question, MaskingMode mode, Draw draw) {
        Tensor tokens = projection.tokens(features);
        boolean asked = question.length > 0;
        boolean learned = config.options().pvtm().space() == SimilaritySpace.TOWER && asked;
        Tensor projected = projection.of(learned ? pvtm.gated(tokens, prompt(question)) : tokens);
        KeptTokens[] kept = {KeptTokens.all((int) projected.size(0))};
        if (asked && mode != MaskingMode.OFF) {
            Tape.withoutRecording(() ->
                    kept[0] = pvtm.keep(comparable(features, projected), prompt(question), streams(), mode, draw));
        }
        return masked(projected, kept[0]);
    }

    /**
     * E: the prompt with vision tokens in the place of {@link #PICTURE}. Of two placeholders each takes the tokens of one
     * stream.
     *
     * @param ids of the prompt
     * @throws IllegalArgumentException when the ids have another number of placeholders than the options
     */
    public Sequence sequence(long[] ids, VisionTokens vision) {
        int slots = config.options().streams().slots();
        long found = Arrays.stream(ids).filter(id -> id == PICTURE).count();
        if (found != slots) {
            throw new IllegalArgumentException("the prompt has " + found + " places for pictures, expected " + slots);
        }
        SequenceBuilder out = new SequenceBuilder();
        int place = 0;
        int from = 0;
        for (int i = 0; i <= ids.length; i++) {
            if (i < ids.length && ids[i] != PICTURE) {
                continue;
            }
            if (i > from) {
                out.text(embed(Arrays.copyOfRange(ids, from, i)));
            }
            if (i < ids.length) {
                out.vision(vision, place, place + vision.slot() / slots);
                place += vision.slot() / slots;
            }
            from = i + 1;
        }
        return out.build();
    }

    private Tensor embed(long[] ids) {
        return language.embed(Tensor.of(ids, ids.length));
    }

    /** Scores of every token of the vocabulary behind each row of a sequence: [N, V]. */
    public Tensor logits(Sequence s) {
        Tensor h = language.hidden(s.rows(0, s.length()), s.positions(0, s.length(), 0), s.mask(0), null, Probe.NONE);
        return language.logits(h.reshape(s.length(), config.language().hidden()));
    }

    /**
     * Mean cross-entropy of an answer's tokens behind a prompt; logits are computed for these tokens only.
     *
     * @param answer its ids, one that closes it included; at least one
     * @param pass dropout of adapters
     * @param checkpointed compute each block again in the backward pass instead of keeping what is inside
     * @return [1]
     */
    public Tensor loss(Sequence prompt, long[] answer, Pass pass, boolean checkpointed) {
        return loss(prompt, answer, pass, checkpointed ? config.language().layers() : 0, Probe.NONE);
    }

    /**
     * As above, for the first few blocks.
     *
     * @param checkpointed how many blocks are computed again
     * @param probe sees {@code rows}, what goes into the first block, and {@code layer_out.{i}} behind each
     */
    public Tensor loss(Sequence prompt, long[] answer, Pass pass, int checkpointed, Probe probe) {
        int n = prompt.length();
        int read = answer.length - 1;
        Tensor rows = prompt.rows(0, n);
        if (read > 0) {
            Tensor said = embed(Arrays.copyOf(answer, read)).reshape(1, read, rows.size(2));
            rows = concat(1, rows, said); //                                         [1, N + m - 1, D]
        }
        probe.see("rows", rows);
        Tensor hidden =
                language.hidden(rows, prompt.positions(0, n, read), prompt.mask(read), pass, checkpointed, probe);
        Tensor behind = hidden.reshape(n + read, rows.size(2)).slice(0, n - 1, n + read); // [m, D]
        return language.loss(behind, answer);
    }
}
