package io.aegis.models.vit;

import io.aegis.layers.LayerNorm;
import io.aegis.layers.Linear;
import io.aegis.layers.Parameters;
import io.aegis.tensor.AttentionMask;
import io.aegis.tensor.Ops;
import io.aegis.tensor.Tensor;

/** One pre-norm block: x += attention(LN(x)); x += fc2(act(fc1(LN(x)))). */
final class VitBlock {
    private final VitConfig config;
    private final LayerNorm norm1;
    private final Linear query;
    private final Linear key;
    private final Linear value;
    private final Linear out;
    private final LayerNorm norm2;
    private final Mlp mlp;

    VitBlock(Parameters p, VitConfig config) {
        this.config = config;
        int d = config.width();
        norm1 = new LayerNorm(p.at("layer_norm1"), d, config.eps());
        Parameters attention = p.at("self_attn");
        query = new Linear(attention.at("q_proj"), d, d, true);
        key = new Linear(attention.at("k_proj"), d, d, true);
        value = new Linear(attention.at("v_proj"), d, d, true);
        out = new Linear(attention.at("out_proj"), d, d, true);
        norm2 = new LayerNorm(p.at("layer_norm2"), d, config.eps());
        mlp = new Mlp(p.at("mlp"), config);
    }

    /** x [B, N, D]. */
    Tensor of(Tensor x) {
        Tensor h = attention(norm1.of(x), x);
        return mlp.of(norm2.of(h), h);
    }

    /** x + attention. */
    private Tensor attention(Tensor u, Tensor x) {
        Tensor[] qkv = Linear.together(u, query, key, value);
        Tensor mixed =
                Ops.attention(heads(qkv[0]), heads(qkv[1]), heads(qkv[2]), AttentionMask.none()); // [B, N, H, D / H]
        return out.of(mixed.reshape(u.shape()), x);
    }

    /** The attention's probabilities, of which the pass itself never holds more than a row: [B, H, N, N]. */
    Tensor probabilities(Tensor x) {
        Tensor u = norm1.of(x);
        Tensor q = heads(query.of(u)).permute(0, 2, 1, 3); //        [B, H, N, D / H]
        Tensor k = heads(key.of(u)).permute(0, 2, 3, 1); //          [B, H, D / H, N]
        double scale = 1 / Math.sqrt((double) config.width() / config.heads());
        return Ops.softmax(Ops.matmul(q, k).times(scale));
    }

    private Tensor heads(Tensor x) {
        return x.reshape(x.size(0), x.size(1), config.heads(), -1);
    }
}
