package io.aegis.models.faceshield;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.kernels.VisionMasking;
import io.aegis.layers.Init;
import io.aegis.layers.Linear;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.tensor.Ops;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import java.util.Arrays;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;

/**
 * Prompt-guided vision token masking (arXiv 2505.09415): tokens are ranked by their cosine with the question P, the top k
 * percent stay, and of the others each is masked with probability p. The ranking passes no gradient.
 *
 * <p>In the tower's space the question's map W_t learns all the same, through a straight-through gate: V_i becomes V_i (1 +
 * s_i - sg(s_i)) with s_i = n S_i, which changes no value and lets the gradient of V_i reach S_i.
 */
public final class Pvtm {
    /** Where among all sites of randomness the masks are. */
    private static final long SITE = 0x5056544D;

    private final PvtmOptions options;
    private final Linear map;
    private final Parameter temperature;
    private final Parameter maskToken;

    /**
     * Declares what the options need and no more: {@code text.{weight, bias}} [D_v, D] for the tower's space, {@code
     * temperature} [1] when it is learned, {@code mask_token} [D].
     *
     * @param tower D_v, channels of a token before the projector
     * @param model D, width of the language model
     */
    public Pvtm(Parameters p, PvtmOptions options, long tower, long model) {
        this.options = options;
        map = options.space() == SimilaritySpace.TOWER ? new Linear(p.at("text"), model, tower, true) : null;
        temperature = options.temperature().isEmpty() ? p.weight("temperature", Init.ONES, 1) : null;
        maskToken = options.masking() == TokenMasking.MASK_TOKEN
                ? p.weight("mask_token", new Init.Normal(0.02), model)
                : null;
    }

    public PvtmOptions options() {
        return options;
    }

    /**
     * P, or P' = W_t P + b_t, [m, D] or [m, D_v].
     *
     * @param embedded the question's tokens, [T, D]
     * @param hidden the language model, from embeddings [T, D] to its last hidden states
     */
    Tensor prompt(Tensor embedded, UnaryOperator<Tensor> hidden) {
        Tensor rows = options.prompt().rows(embedded, hidden);
        return map == null ? rows : map.of(rows);
    }

    /**
     * Ranks tokens and chooses those that stay, outside the tape.
     *
     * @param tokens [n, C], stream after stream
     * @param prompt [m, C]
     * @param draw for {@link MaskingMode#STOCHASTIC}
     */
    RankedTokens rank(Tensor tokens, Tensor prompt, int streams, MaskingMode mode, Draw draw) {
        long n = tokens.size(0);
        Tensor cosine = Tensor.empty(DType.F64, 1, n);
        Tensor importance = Tensor.empty(DType.F64, 1, n);
        Tensor top = Tensor.empty(DType.BOOL, 1, n);
        double t = temperature != null
                ? temperature.view().getAt(0)
                : options.temperature().getAsDouble();
        VisionMasking.Rule rule = rule((int) n, streams, mode, draw, t);
        Tensor kept = choose(tokens, prompt, draw, rule, cosine, importance.view(), top.view());
        KeptTokens here = mode == MaskingMode.OFF ? KeptTokens.all((int) n) : KeptTokens.of(kept);
        return new RankedTokens(streams, cosine, importance, top, here);
    }

    /** As {@link #rank}, where nobody asks how they rank. */
    KeptTokens keep(Tensor tokens, Tensor prompt, int streams, MaskingMode mode, Draw draw) {
        int n = (int) tokens.size(0);
        VisionMasking.Rule rule = rule(n, streams, mode, draw, 1);
        return KeptTokens.of(choose(tokens, prompt, draw, rule, Tensor.empty(DType.F64, 1, n), null, null));
    }

    /** The top k percent stay in any case, and of the others each is masked with probability 0, 1 or p. */
    private VisionMasking.Rule rule(int n, int streams, MaskingMode mode, Draw draw, double t) {
        int groups = options.ranking().groups(streams);
        int keep = (int) Math.ceil(options.keepPercent() * (n / groups) / 100);
        double probability =
                switch (mode) {
                    case OFF -> 0;
                    case TOPK_ONLY -> 1;
                    case STOCHASTIC -> options.maskPercent() / 100;
                };
        return new VisionMasking.Rule(groups, keep, probability, t, draw.seed(), draw.step(), SITE);
    }

    /** Cosines, what else is wanted of them, and the numbers of the tokens that stay, I64 [1, n]: one launch on a GPU. */
    private static Tensor choose(
            Tensor tokens,
            Tensor prompt,
            Draw draw,
            VisionMasking.Rule rule,
            Tensor cosine,
            View importance,
            View top) {
        Tensor kept = Tensor.empty(DType.I64, 1, tokens.size(0));
        Tensor sample = Tensor.empty(DType.I64, 1);
        sample.view().setLongAt(0, draw.sample());
        Scope.current()
                .kernels()
                .visionMasking()
                .select(
                        tokens.view().unsqueeze(0),
                        prompt.view().unsqueeze(0),
                        sample.view(),
                        rule,
                        cosine.view(),
                        importance,
                        top,
                        kept.view(),
                        Tensor.empty(DType.I64, 1).view());
        return kept;
    }

    /**
     * The straight-through gate, for tokens [n, D_v] and the prompt in their space, [m, D_v]: the same values, from which
     * gradients reach the map of the question.
     */
    Tensor gated(Tensor tokens, Tensor prompt) {
        Tensor cosines = Ops.matmul(unit(tokens), unit(prompt).permute(1, 0)); //  [n, m]
        Tensor nearest = Ops.greatest(cosines).reshape(1, tokens.size(0));
        Tensor scaled = temperature == null
                ? nearest.times(1 / options.temperature().getAsDouble())
                : Ops.divide(nearest, temperature.tensor().reshape(1, 1));
        Tensor s = Ops.softmax(scaled).times(tokens.size(0)); //                   [1, n]
        Tensor gate = s.minus(s.detach()).plus(1).reshape(tokens.size(0), 1);
        return tokens.times(gate);
    }

    /** Rows of length 1; the added channel keeps very short ones from being divided by nothing. */
    private static Tensor unit(Tensor rows) {
        Tensor floor = Tensor.zeros(rows.dtype(), rows.size(0), 1).plus(VisionMasking.FLOOR);
        return Ops.normalizeRows(Ops.concat(1, rows, floor));
    }

    /** What the language model gets of tokens [n, D], behind the projector. */
    VisionTokens masked(Tensor tokens, KeptTokens kept) {
        return masked(tokens, kept, options.masking());
    }

    /** The same for answering, where what nobody may look at need not be computed. */
    VisionTokens shown(Tensor tokens, KeptTokens kept) {
        return masked(
                tokens, kept, options.masking() == TokenMasking.KEY_MASK ? TokenMasking.REMOVE : options.masking());
    }

    private VisionTokens masked(Tensor tokens, KeptTokens kept, TokenMasking masking) {
        int n = (int) tokens.size(0);
        boolean[] hidden = new boolean[n];
        int[] places = kept.places();
        if (places.length == n) {
            return new VisionTokens(tokens, places, hidden, n);
        }
        boolean[] stays = new boolean[n];
        for (int i : places) {
            stays[i] = true;
        }
        int[] all = IntStream.range(0, n).toArray();
        return switch (masking) {
            case REMOVE -> new VisionTokens(Ops.gather(tokens, kept.rows()), places, new boolean[places.length], n);
            case KEY_MASK -> {
                for (int i = 0; i < n; i++) {
                    hidden[i] = !stays[i];
                }
                yield new VisionTokens(tokens, all, hidden, n);
            }
            case ZERO ->
                new VisionTokens(
                        replaced(tokens, Tensor.zeros(tokens.dtype(), 1, tokens.size(1)), stays), all, hidden, n);
            case MASK_TOKEN ->
                new VisionTokens(
                        replaced(tokens, maskToken.tensor().reshape(1, tokens.size(1)), stays), all, hidden, n);
        };
    }

    private static Tensor replaced(Tensor tokens, Tensor by, boolean[] stays) {
        long n = tokens.size(0);
        long[] source = new long[(int) n];
        Arrays.setAll(source, i -> stays[i] ? i : n);
        return Ops.gather(Ops.concat(0, tokens, by), Tensor.of(source, n));
    }
}
