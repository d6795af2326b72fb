package io.aegis.models.faceshield;

import io.aegis.kernels.DType;
import io.aegis.kernels.Philox;
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
     * The cosine of each token with the nearest row of the prompt, outside the tape.
     *
     * @param tokens [n, C]
     * @param prompt [m, C]
     */
    static double[] cosine(Tensor tokens, Tensor prompt) {
        long n = tokens.size(0);
        Tensor cosines = Tensor.empty(DType.F64, 1, n);
        Tensor kept = Tensor.empty(DType.I64, 1, n);
        Tensor count = Tensor.empty(DType.I64, 1);
        // All stay here: how many streams are ranked apart, and which token is masked, is for select().
        VisionMasking.Rule all = new VisionMasking.Rule(1, (int) n, 0, 1, 0, 0, SITE);
        Scope.current()
                .kernels()
                .visionMasking()
                .select(
                        tokens.view().unsqueeze(0),
                        prompt.view().unsqueeze(0),
                        Tensor.of(new long[] {0}, 1).view(),
                        all,
                        cosines.view(),
                        null,
                        null,
                        kept.view(),
                        count.view());
        return cosines.toDoubles();
    }

    /**
     * Which tokens stay.
     *
     * @param cosine of all tokens, stream after stream
     * @param draw for {@link MaskingMode#STOCHASTIC}
     */
    Selection select(double[] cosine, int streams, MaskingMode mode, Draw draw) {
        int[] top = options.ranking().top(cosine, streams, options.keepPercent());
        int[] kept =
                switch (mode) {
                    case OFF -> IntStream.range(0, cosine.length).toArray();
                    case TOPK_ONLY -> top;
                    case STOCHASTIC ->
                        IntStream.range(0, cosine.length)
                                .filter(i -> Arrays.binarySearch(top, i) >= 0 || !isMasked(draw, i))
                                .toArray();
                };
        return new Selection(streams, cosine, softmax(cosine), top, kept);
    }

    private boolean isMasked(Draw draw, int token) {
        return Philox.uniform(draw.seed(), draw.step(), draw.sample(), SITE, token) < options.maskPercent() / 100;
    }

    private double[] softmax(double[] cosine) {
        double t = temperature != null
                ? temperature.view().getAt(0)
                : options.temperature().getAsDouble();
        double greatest = Arrays.stream(cosine).max().orElse(0);
        double[] out =
                Arrays.stream(cosine).map(c -> Math.exp((c - greatest) / t)).toArray();
        double sum = Arrays.stream(out).sum();
        return Arrays.stream(out).map(e -> e / sum).toArray();
    }

    /**
     * The straight-through gate, for tokens [n, D_v] and the prompt in their space, [m, D_v]: the same values, from which
     * gradients reach the map of the question.
     */
    Tensor gated(Tensor tokens, Tensor prompt) {
        Tensor cosines = Ops.matmul(unit(tokens), unit(prompt).permute(1, 0)); //  [n, m]
        Tensor nearest = nearest(cosines); //                                      [1, n]
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

    /** The greatest of each row [n, m], [1, n]; its gradient goes to where it was. */
    private static Tensor nearest(Tensor cosines) {
        long n = cosines.size(0);
        int m = (int) cosines.size(1);
        double[] values = cosines.toDoubles();
        long[] best = new long[(int) n];
        for (int i = 0; i < n; i++) {
            int at = i * m;
            for (int j = 1; j < m; j++) {
                at = values[i * m + j] > values[at] ? i * m + j : at;
            }
            best[i] = at;
        }
        return Ops.gather(cosines.reshape(n * m, 1), Tensor.of(best, n)).reshape(1, n);
    }

    /** What the language model gets of tokens [n, D], behind the projector. */
    VisionTokens masked(Tensor tokens, int[] kept) {
        return masked(tokens, kept, options.masking());
    }

    /** The same for answering, where what nobody may look at need not be computed. */
    VisionTokens shown(Tensor tokens, int[] kept) {
        return masked(
                tokens, kept, options.masking() == TokenMasking.KEY_MASK ? TokenMasking.REMOVE : options.masking());
    }

    private VisionTokens masked(Tensor tokens, int[] kept, TokenMasking masking) {
        int n = (int) tokens.size(0);
        boolean[] hidden = new boolean[n];
        if (kept.length == n) {
            return new VisionTokens(tokens, kept, hidden, n);
        }
        boolean[] stays = new boolean[n];
        for (int i : kept) {
            stays[i] = true;
        }
        int[] all = IntStream.range(0, n).toArray();
        return switch (masking) {
            case REMOVE -> new VisionTokens(chosen(tokens, kept), kept, new boolean[kept.length], n);
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

    private static Tensor chosen(Tensor tokens, int[] rows) {
        return Ops.gather(tokens, Tensor.of(Arrays.stream(rows).asLongStream().toArray(), rows.length));
    }

    private static Tensor replaced(Tensor tokens, Tensor by, boolean[] stays) {
        long n = tokens.size(0);
        long[] source = new long[(int) n];
        Arrays.setAll(source, i -> stays[i] ? i : n);
        return Ops.gather(Ops.concat(0, tokens, by), Tensor.of(source, n));
    }
}
