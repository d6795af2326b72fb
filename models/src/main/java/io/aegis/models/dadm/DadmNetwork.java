package io.aegis.models.dadm;

import static io.aegis.tensor.Ops.concat;
import static io.aegis.tensor.Ops.split;

import io.aegis.kernels.Convolution.Geometry;
import io.aegis.layers.Conv2d;
import io.aegis.layers.Init;
import io.aegis.layers.LayerNorm;
import io.aegis.layers.Linear;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.layers.Pass;
import io.aegis.layers.Probe;
import io.aegis.layers.Stage;
import io.aegis.tensor.Ops;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The graph of DADM (arXiv 2503.00429, figure 2). The three modalities share the encoder, so they travel through it as
 * one batch [3B, N, D], modality after modality; patches of different modalities meet in the mutual-information masks
 * only. Parameter names and their order are those of the published checkpoint.
 */
public final class DadmNetwork {
    private static final double EPS = 1e-6;

    private final DadmConfig config;
    private final Parameter[] classTokens = new Parameter[Modality.COUNT];
    private final Parameter[] positions = new Parameter[Modality.COUNT];
    private final Conv2d[] patches = new Conv2d[Modality.COUNT];
    private final List<EncoderLayer> encoder = new ArrayList<>();
    private final LayerNorm finalNorm;
    private final Linear head;
    private final Linear[] domainHeads = new Linear[DadmConfig.DOMAINS];
    private final MutualInformationMask[][] masks;
    private final CdcAdapter[][] adapters;
    /** The same masks and adapters layer by layer, side by side. */
    private final List<PairMasks> pairMasks = new ArrayList<>();

    private final List<Adapters> adaptersOfAll = new ArrayList<>();

    /**
     * What one pass gives.
     *
     * @param logits of the common head, [B, 2]
     * @param features class tokens, one [B, D] a modality
     * @param information mean information token of each modality, [B, 1, D], outside the tape; null likewise
     * @param mutualInformation loss of each pair, summed over layers, [1]; null when it was not asked for
     */
    public record Output(Tensor logits, Tensor[] features, Tensor[] information, Tensor[] mutualInformation) {}

    /** What training does with the patch embeddings and all encoder layers but the last. */
    public enum Trunk {
        /** As published: they come from a pretrained ViT and stay as they are. */
        FROZEN,
        /** They learn with the rest, for models that begin at random: nobody means random and frozen. */
        TRAINED
    }

    /** Declares all parameters in {@code p}, in the published order, the trunk frozen. */
    public DadmNetwork(Parameters p, DadmConfig config) {
        this(p, config, Trunk.FROZEN);
    }

    /** As above, and says what training does with the trunk. */
    public DadmNetwork(Parameters p, DadmConfig config, Trunk trunk) {
        this.config = config;
        int d = config.width();
        for (Modality m : Modality.values()) {
            classTokens[m.ordinal()] = p.weight("class_token" + m.number(), Init.ZEROS, 1, 1, d);
        }
        for (Modality m : Modality.values()) {
            positions[m.ordinal()] =
                    p.weight("pos_embedding" + m.number(), new Init.Normal(0.02), 1, config.tokens(), d);
        }
        // Meant to stand in for missing pictures, and never read: they stay loadable.
        p.weight("prior_m2", Init.ZEROS, 1, 3, config.image(), config.image());
        p.weight("prior_m3", Init.ZEROS, 1, 3, config.image(), config.image());
        Init patchInit = new Init.TruncatedNormal(Math.sqrt(1.0 / (3 * config.patch() * config.patch())));
        Geometry stride = new Geometry(config.patch(), 0, 1);
        for (Modality m : Modality.values()) {
            Conv2d patch =
                    new Conv2d(p.at("conv_proj" + m.number()), 3, d, config.patch(), stride, patchInit, Init.ZEROS);
            patches[m.ordinal()] = trunk == Trunk.FROZEN ? patch.frozen() : patch;
        }
        int l = config.layers();
        for (int i = 1; i <= l; i++) {
            encoder.add(new EncoderLayer(p.at("ViT_Encoder." + i), config, trunk == Trunk.TRAINED || i == l));
        }
        finalNorm = new LayerNorm(p.at("ViT_Encoder." + (l + 1)), d, EPS);
        head = new Linear(p.at("fc_all"), 3L * d, 2, false).frozen();
        for (int j = 0; j < DadmConfig.DOMAINS; j++) {
            domainHeads[j] = new Linear(p.at("fc_d" + (j + 1)), 3L * d, 2, false);
        }
        masks = new MutualInformationMask[Modality.Pair.ALL.size()][l];
        for (int pair = 0; pair < masks.length; pair++) {
            for (int i = 0; i < l; i++) {
                String name = Modality.Pair.ALL.get(pair).module() + "." + i;
                masks[pair][i] = new MutualInformationMask(p.at(name), config);
            }
        }
        adapters = new CdcAdapter[Modality.COUNT][l];
        for (Modality m : Modality.values()) {
            for (int i = 0; i < l; i++) {
                adapters[m.ordinal()][i] = new CdcAdapter(
                        p.at("adapter_" + m.number() + "." + i), config, (long) i * Modality.COUNT + m.ordinal());
            }
        }
        putSideBySide();
    }

    private void putSideBySide() {
        for (int i = 0; i < config.layers(); i++) {
            int layer = i;
            List<CdcAdapter> own =
                    Arrays.stream(adapters).map(all -> all[layer]).toList();
            List<MutualInformationMask> pairs =
                    Arrays.stream(masks).map(all -> all[layer]).toList();
            pairMasks.add(new PairMasks(config, pairs, own));
            adaptersOfAll.add(new Adapters(config, own));
        }
    }

    public DadmConfig config() {
        return config;
    }

    /** Weight of the common head, [2, 3D]. */
    public Parameter head() {
        return head.weight();
    }

    /** Weight of one domain's head, [2, 3D]. */
    public Parameter domainHead(int domain) {
        return domainHeads[domain].weight();
    }

    /** Logits of one domain's head for some rows: features [B, D] a modality, rows I64 [n], to [n, 2]. */
    public Tensor domainLogits(int domain, Tensor[] features, Tensor rows) {
        return domainHeads[domain].of(Ops.gather(concat(1, features), rows));
    }

    /** Logits of all domains' heads for all rows, of row i and domain j in row i * 3 + j: features [B, D] a modality, to [3B, 2]. */
    public Tensor domainLogits(Tensor[] features) {
        Tensor[] weights = new Tensor[domainHeads.length];
        Arrays.setAll(weights, j -> domainHead(j).tensor());
        return Ops.linear(concat(1, features), concat(0, weights), null).reshape(-1, 2);
    }

    /**
     * Runs the graph. A probe sees {@code conv_proj{k}}, {@code layer{l}/ln_1/m{k}}, {@code self_attention}, {@code
     * ln_2} and {@code mlp} likewise, {@code layer{l}/mim_{ab}/{0..3}}, {@code layer{l}/adapter_{k}} and {@code
     * final_ln/m{k}}, k from 1 and l from 0.
     *
     * @param pictures one [B, 3, S, S] a modality, values (pixel - 127.5) / 128
     * <p>Where nobody looks inside, it does less: the masks of all pairs lie side by side, and so do the adapters ({@link
     * PairMasks}, {@link Adapters}); adapters take in what the masks give without the aligned modalities in between, and behind the
     * last attention only class tokens are computed. What its masks convolve then serves nothing
     * but the mutual-information losses, and is left out with them. Results are the same but for rounding; what only zeros
     * would come back through is not reached.
     *
     * @param permutations for the mutual-information losses, or null to leave them out
     */
    public Output forward(Tensor[] pictures, Pass pass, Permutations permutations, Probe probe) {
        if (probe == Probe.NONE) {
            return permutations == null ? score(pictures, pass) : learn(pictures, pass, permutations);
        }
        Tensor x = embed(pictures, probe); //                                          [3B, N, D]
        long b = x.size(0) / Modality.COUNT;
        Gathered gathered = new Gathered(config.layers(), permutations);
        for (int i = 0; i < config.layers(); i++) {
            try (Scope scope = Scope.open()) {
                x = scope.keep(layer(i, x, b, pass, gathered, probe));
                gathered.keep(scope);
            }
        }
        x = finalNorm.of(x);
        Tensor[] features = new Tensor[Modality.COUNT];
        for (Modality m : Modality.values()) {
            Tensor own = part(x, m, b);
            probe.see("final_ln/m" + m.number(), own);
            features[m.ordinal()] = own.slice(1, 0, 1).reshape(b, config.width());
        }
        return gathered.output(head.of(concat(1, features)), features);
    }

    /** The pass that training needs and no more. */
    private Output learn(Tensor[] pictures, Pass pass, Permutations permutations) {
        int l = config.layers();
        Tensor x = embed(pictures, Probe.NONE); //                                     [3B, N, D]
        long b = x.size(0) / Modality.COUNT;
        Gathered gathered = new Gathered(l, permutations);
        for (int i = 0; i < l; i++) {
            try (Scope scope = Scope.open()) {
                x = scope.keep(learningLayer(i, x, pass, gathered));
                gathered.keep(scope);
            }
        }
        Tensor[] features = new Tensor[Modality.COUNT];
        x = finalNorm.of(x); //                                                        [3B, 1, D]
        for (Modality m : Modality.values()) {
            features[m.ordinal()] = part(x, m, b).reshape(b, config.width());
        }
        return gathered.output(head.of(concat(1, features)), features);
    }

    /** One layer: [3B, N, D] to the same, or of the last one to [3B, 1, D]. */
    private Tensor learningLayer(int i, Tensor x, Pass pass, Gathered gathered) {
        boolean last = i == config.layers() - 1;
        EncoderLayer e = encoder.get(i);
        Tensor c = e.attention(e.norm1(x)); //                                         [3B, N, D]
        PairMasks mask = pairMasks.get(i);
        Tensor pairs = PairMasks.pairs(c); //                                          [3B, N, 2D]
        Tensor[] tokens = split(pairs, 1, 1, config.tokens() - 1L);
        PairMasks.Masked masked = mask.mask(tokens[1], tokens[0], pass, !last);
        Tensor[] information = masked.tokens();
        for (int pair = 0; pair < masks.length; pair++) {
            gathered.add(i, pair, information[2 * pair], information[2 * pair + 1]);
        }
        Tensor taken = last ? mask.classIntoAdapters(tokens[0]) : mask.intoAdapters(masked);
        Tensor adapted = adaptersOfAll.get(i).of(taken, pass);
        Tensor r = last ? classToken(x).plus(classToken(c)) : x.plus(c);
        return r.plus(e.mlp(e.norm2(r))).plus(adapted);
    }

    /** The pass that scoring needs and no more. */
    private Output score(Tensor[] pictures, Pass pass) {
        int l = config.layers();
        Tensor x = embed(pictures, Probe.NONE); //                                     [3B, N, D]
        long b = x.size(0) / Modality.COUNT;
        for (int i = 0; i < l; i++) {
            try (Scope scope = Scope.open()) {
                x = scope.keep(i < l - 1 ? scoringLayer(i, x, pass) : classTokens(i, x, pass));
            }
        }
        x = finalNorm.of(x); //                                                        [3B, 1, D]
        Tensor[] features = new Tensor[Modality.COUNT];
        for (Modality m : Modality.values()) {
            features[m.ordinal()] = part(x, m, b).reshape(b, config.width());
        }
        return new Output(head.of(concat(1, features)), features, null, null);
    }

    private Tensor scoringLayer(int i, Tensor x, Pass pass) {
        EncoderLayer e = encoder.get(i);
        Tensor c = e.attention(e.norm1(x)); //                                         [3B, N, D]
        PairMasks mask = pairMasks.get(i);
        Tensor[] tokens = split(PairMasks.pairs(c), 1, 1, config.tokens() - 1L); //    class tokens, patches
        Tensor taken = mask.intoAdapters(mask.mask(tokens[1], tokens[0], pass, true));
        Tensor adapted = adaptersOfAll.get(i).of(taken, pass);
        Tensor r = x.plus(c);
        return r.plus(e.mlp(e.norm2(r))).plus(adapted);
    }

    /** The last layer for the class tokens: [3B, N, D] to [3B, 1, D]. */
    private Tensor classTokens(int i, Tensor x, Pass pass) {
        EncoderLayer e = encoder.get(i);
        Tensor c = e.classAttention(e.norm1(x)); //                                    [3B, 1, D]
        Tensor taken = pairMasks.get(i).classIntoAdapters(PairMasks.pairs(c));
        Tensor adapted = adaptersOfAll.get(i).of(taken, pass);
        Tensor r = classToken(x).plus(c);
        return r.plus(e.mlp(e.norm2(r))).plus(adapted);
    }

    /** Patches, class tokens and positions of all modalities: [3B, N, D]. */
    private Tensor embed(Tensor[] pictures, Probe probe) {
        Tensor[] tokens = new Tensor[Modality.COUNT];
        for (Modality m : Modality.values()) {
            int k = m.ordinal();
            Tensor picture = pictures[k].permute(0, 2, 3, 1); //                       [B, S, S, 3]
            Tensor embedded = Stage.tokens(picture, patches[k], classTokens[k].tensor()); // [B, N, D]
            if (probe != Probe.NONE) {
                Tensor map = embedded.slice(1, 1, config.tokens());
                probe.see(
                        "conv_proj" + m.number(),
                        map.permute(0, 2, 1).reshape(map.size(0), map.size(2), config.grid(), config.grid()));
            }
            tokens[k] = embedded.plus(positions[k].tensor());
        }
        return concat(0, tokens);
    }

    private Tensor layer(int i, Tensor x, long b, Pass pass, Gathered gathered, Probe probe) {
        EncoderLayer e = encoder.get(i);
        String at = "layer" + i + "/";
        Tensor u = e.norm1(x);
        Tensor c = e.attention(u); //                                                  [3B, N, D]
        seeAll(probe, at + "ln_1", u, b);
        seeAll(probe, at + "self_attention", c, b);

        Tensor[] z = new Tensor[Modality.COUNT];
        for (int pair = 0; pair < masks.length; pair++) {
            Modality first = Modality.Pair.ALL.get(pair).a();
            Modality second = Modality.Pair.ALL.get(pair).b();
            MutualInformationMask.Aligned out = masks[pair][i].align(part(c, first, b), part(c, second, b), pass);
            String name = at + Modality.Pair.ALL.get(pair).module() + "/";
            probe.see(name + 0, out.a());
            probe.see(name + 1, out.b());
            probe.see(name + 2, out.tokenA());
            probe.see(name + 3, out.tokenB());
            addTo(z, first, out.a());
            addTo(z, second, out.b());
            gathered.add(i, pair, out.tokenA(), out.tokenB());
        }
        Tensor[] adapted = new Tensor[Modality.COUNT];
        for (Modality m : Modality.values()) {
            int k = m.ordinal();
            // Each modality meets two others: the mean of both views of it.
            adapted[k] = adapters[k][i].of(z[k].times(0.5), pass);
            probe.see(at + "adapter_" + m.number(), adapted[k]);
        }
        Tensor r = x.plus(c);
        Tensor y = e.norm2(r);
        Tensor mlp = e.mlp(y);
        seeAll(probe, at + "ln_2", y, b);
        seeAll(probe, at + "mlp", mlp, b);
        return r.plus(mlp).plus(concat(0, adapted));
    }

    private static void addTo(Tensor[] sums, Modality m, Tensor term) {
        int i = m.ordinal();
        sums[i] = sums[i] == null ? term : sums[i].plus(term);
    }

    /** The rows of one modality: [3B, N, D] to [B, N, D]. */
    private static Tensor part(Tensor x, Modality m, long b) {
        return x.slice(0, m.ordinal() * b, (m.ordinal() + 1) * b);
    }

    private static Tensor classToken(Tensor x) {
        return x.slice(1, 0, 1);
    }

    private static void seeAll(Probe probe, String name, Tensor x, long b) {
        if (probe != Probe.NONE) {
            for (Modality m : Modality.values()) {
                probe.see(name + "/m" + m.number(), part(x, m, b));
            }
        }
    }
}
