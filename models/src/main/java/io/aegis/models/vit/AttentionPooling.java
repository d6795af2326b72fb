package io.aegis.models.vit;

import io.aegis.layers.Init;
import io.aegis.layers.LayerNorm;
import io.aegis.layers.Linear;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.tensor.AttentionMask;
import io.aegis.tensor.Ops;
import io.aegis.tensor.Tensor;

/**
 * SigLIP's pooling head: a learned query, the probe, attends to all tokens; then a residual MLP. Query, key and value
 * weights lie packed in one matrix, as PyTorch's MultiheadAttention has them.
 */
final class AttentionPooling {
    private final VitConfig config;
    private final Parameter probe;
    private final Parameter weight;
    private final Parameter bias;
    private final Linear out;
    private final LayerNorm norm;
    private final Mlp mlp;

    AttentionPooling(Parameters p, VitConfig config) {
        this.config = config;
        int d = config.width();
        probe = p.weight("probe", new Init.Normal(1 / Math.sqrt(d)), 1, 1, d);
        Parameters attention = p.at("attention");
        weight = attention.weight("in_proj_weight", Init.xavierUniform(d, d), 3L * d, d);
        bias = attention.weight("in_proj_bias", Init.ZEROS, 3L * d);
        out = new Linear(attention.at("out_proj"), d, d, true);
        norm = new LayerNorm(p.at("layernorm"), d, config.eps());
        mlp = new Mlp(p.at("mlp"), config);
    }

    /** x [B, N, D] to [B, D]. */
    Tensor of(Tensor x) {
        long b = x.size(0);
        int d = config.width();
        Tensor query = Ops.embedding(probe.tensor().reshape(1, d), Tensor.of(new long[(int) b], b, 1)); // [B, 1, D]
        Tensor mixed = Ops.attention(project(query, 0), project(x, 1), project(x, 2), AttentionMask.none());
        Tensor h = out.of(mixed.reshape(b, 1, d));
        return mlp.of(norm.of(h), h).reshape(b, d);
    }

    /** Query, key or value by heads: [B, N, H, D / H]. */
    private Tensor project(Tensor x, int which) {
        long from = (long) which * config.width();
        long to = from + config.width();
        Tensor y =
                Ops.linear(x, weight.tensor().slice(0, from, to), bias.tensor().slice(0, from, to));
        return y.reshape(x.size(0), x.size(1), config.heads(), -1);
    }
}
