package io.aegis.models.vit;

import io.aegis.kernels.Convolution.Geometry;
import io.aegis.layers.Init;
import io.aegis.layers.LayerNorm;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.tensor.Ops;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A vision tower. Hidden state i is the residual stream after i blocks: 0 is the embedding (CLIP's behind its first layer
 * norm), L the last block's output before any norm. Vision-language models take one near the end and need nothing behind
 * it, so a tower can be built without that.
 */
public final class VisionTransformer {
    private final VitConfig config;
    private final int depth;
    private final Parameter patchWeight;
    private final Parameter patchBias;
    private final Parameter classToken;
    private final Parameter positions;
    private final LayerNorm preNorm;
    private final List<VitBlock> blocks = new ArrayList<>();
    private final LayerNorm postNorm;
    private final AttentionPooling head;

    /**
     * What a whole pass gives.
     *
     * @param hidden all hidden states, L + 1 of [B, N, D]
     * @param last SigLIP's last hidden state behind the final norm; CLIP's without it
     * @param pooled [B, D]: SigLIP by attention, null where it has no head; CLIP's class token behind the final norm
     */
    public record Output(List<Tensor> hidden, Tensor last, Tensor pooled) {}

    /** Declares the whole tower. */
    public VisionTransformer(Parameters p, VitConfig config) {
        this(p, config, config.layers(), true);
    }

    /**
     * Declares what {@link #hidden} needs for one hidden state (see {@link VitConfig#blocks}), and nothing behind it.
     *
     * @throws IllegalArgumentException when there is no such hidden state
     */
    public VisionTransformer(Parameters p, VitConfig config, int layer) {
        this(p, config, config.blocks(layer), false);
    }

    private VisionTransformer(Parameters p, VitConfig config, int depth, boolean whole) {
        this.config = config;
        this.depth = depth;
        int d = config.width();
        boolean clip = config.kind() == VitConfig.Kind.CLIP;
        Parameters embeddings = p.at("embeddings");
        Init init = Init.fanIn(3L * config.patch() * config.patch());
        classToken = clip ? embeddings.weight("class_embedding", new Init.Normal(0.02), d) : null;
        Parameters patch = embeddings.at("patch_embedding");
        patchWeight = patch.convolution("weight", init, d, 3, config.patch(), config.patch());
        patchBias = clip ? null : patch.weight("bias", init, d);
        positions = embeddings.at("position_embedding").weight("weight", new Init.Normal(0.02), config.tokens(), d);
        // The published name has this spelling.
        preNorm = clip ? new LayerNorm(p.at("pre_layrnorm"), d, config.eps()) : null;
        for (int i = 0; i < depth; i++) {
            blocks.add(new VitBlock(p.at("encoder").at("layers").at("" + i), config));
        }
        postNorm = whole ? new LayerNorm(p.at("post_layernorm"), d, config.eps()) : null;
        head = whole && config.head() ? new AttentionPooling(p.at("head"), config) : null;
    }

    public VitConfig config() {
        return config;
    }

    /**
     * The hidden state {@code layer}, for which only the blocks before it are run: pixels [B, 3, S, S], normalised, to
     * [B, N, D].
     *
     * @throws IllegalArgumentException when there is no such hidden state, or the tower was built without it
     */
    public Tensor hidden(Tensor pixels, int layer) {
        int count = config.blocks(layer);
        if (count > depth) {
            throw new IllegalArgumentException(
                    "hidden state " + layer + " of a tower that was built with " + depth + " blocks");
        }
        Tensor x = embedded(pixels);
        for (VitBlock block : blocks.subList(0, count)) {
            Tensor before = x;
            x = through(block, before);
            Scope.current().release(before);
        }
        return x;
    }

    /** A block's result; what it took to compute it is given back, and the next block computes in the same, warm memory. */
    private static Tensor through(VitBlock block, Tensor x) {
        try (Scope scope = Scope.open()) {
            return scope.keep(block.of(x));
        }
    }

    /** The patches of a hidden state, without CLIP's class token: pixels [B, 3, S, S] to [B, G^2, D]. */
    public Tensor features(Tensor pixels, int layer) {
        return features(pixels, layer, config.hasClassToken());
    }

    /** The tokens of a hidden state, with or without the first: pixels [B, 3, S, S] to [B, N or N - 1, D]. */
    public Tensor features(Tensor pixels, int layer, boolean dropFirst) {
        Tensor x = hidden(pixels, layer);
        return dropFirst ? x.slice(1, 1, x.size(1)) : x;
    }

    /**
     * The whole pass: pixels [B, 3, S, S].
     *
     * @throws IllegalArgumentException when the tower was built for one hidden state
     */
    public Output forward(Tensor pixels) {
        if (postNorm == null) {
            throw new IllegalArgumentException("the tower was built for one hidden state only");
        }
        List<Tensor> hidden = new ArrayList<>();
        hidden.add(embedded(pixels));
        blocks.forEach(block -> hidden.add(through(block, hidden.getLast())));
        if (config.hasClassToken()) {
            Tensor last = hidden.getLast();
            Tensor token = last.slice(1, 0, 1).reshape(last.size(0), config.width());
            return new Output(hidden, last, postNorm.of(token));
        }
        Tensor last = postNorm.of(hidden.getLast());
        return new Output(hidden, last, head == null ? null : head.of(last));
    }

    /** What each token of a block attends to, from the hidden state before it: [B, N, D] to [B, H, N, N]. */
    public Tensor attention(Tensor hidden, int block) {
        return blocks.get(block).probabilities(hidden);
    }

    /** {@link #embed}, of which nothing but the result stays. */
    private Tensor embedded(Tensor pixels) {
        try (Scope scope = Scope.open()) {
            return scope.keep(embed(pixels));
        }
    }

    /** Patches, row by row, a class token before them, and positions: [B, N, D]. */
    private Tensor embed(Tensor pixels) {
        int s = config.image();
        if (pixels.rank() != 4 || pixels.size(1) != 3 || pixels.size(2) != s || pixels.size(3) != s) {
            throw new IllegalArgumentException(
                    "pixels " + Arrays.toString(pixels.shape()) + ", expected [B, 3, " + s + ", " + s + "]");
        }
        long b = pixels.size(0);
        Tensor map = Ops.conv2d(
                pixels.permute(0, 2, 3, 1),
                patchWeight.tensor(),
                patchBias == null ? null : patchBias.tensor(),
                new Geometry(config.patch(), 0, 1)); //                        [B, G, G, D]
        Tensor x = map.reshape(b, config.patches(), config.width());
        if (classToken != null) {
            Tensor start =
                    Ops.embedding(classToken.tensor().reshape(1, config.width()), Tensor.of(new long[(int) b], b, 1));
            x = Ops.concat(1, start, x);
        }
        long[] order = new long[config.tokens()];
        Arrays.setAll(order, i -> i);
        x = x.plus(Ops.embedding(positions.tensor(), Tensor.of(order, order.length))); // [B, N, D]
        return preNorm == null ? x : preNorm.of(x);
    }
}
