package io.aegis.models.dadm;

import io.aegis.kernels.Activation;
import io.aegis.layers.Init;
import io.aegis.layers.LayerNorm;
import io.aegis.layers.Linear;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.tensor.Ops;
import io.aegis.tensor.Tensor;

/** One pre-norm transformer layer of ViT (arXiv 2010.11929), in the halves that DADM reaches between. */
final class EncoderLayer {
    private static final double EPS = 1e-6;

    private final LayerNorm norm1;
    private final Parameter qkvWeight;
    private final Parameter qkvBias;
    private final Linear out;
    private final LayerNorm norm2;
    private final Linear fc1;
    private final Linear fc2;
    private final int heads;

    EncoderLayer(Parameters p, DadmConfig config, boolean trainable) {
        int d = config.width();
        heads = config.heads();
        norm1 = new LayerNorm(p.at("ln_1"), d, EPS);
        Parameters attention = p.at("self_attention");
        qkvWeight = attention.weight("in_proj_weight", Init.xavierUniform(d, 3L * d), 3L * d, d);
        qkvBias = attention.weight("in_proj_bias", Init.ZEROS, 3L * d);
        out = new Linear(attention.at("out_proj"), d, d, Init.fanIn(d), Init.ZEROS);
        norm2 = new LayerNorm(p.at("ln_2"), d, EPS);
        Init tiny = new Init.Normal(1e-6);
        fc1 = new Linear(p.at("mlp.0"), d, config.mlp(), Init.xavierUniform(d, config.mlp()), tiny);
        fc2 = new Linear(p.at("mlp.3"), config.mlp(), d, Init.xavierUniform(config.mlp(), d), tiny);
        if (!trainable) {
            norm1.frozen();
            qkvWeight.frozen();
            qkvBias.frozen();
            out.frozen();
            norm2.frozen();
            fc1.frozen();
            fc2.frozen();
        }
    }

    /** LN, as seen by {@link #attention}. */
    Tensor norm1(Tensor x) {
        return norm1.of(x);
    }

    /** Self-attention within each row of the batch: u [B, N, D] to [B, N, D]. */
    Tensor attention(Tensor u) {
        return out.of(Ops.selfAttention(Ops.linear(u, qkvWeight.tensor(), qkvBias.tensor()), heads));
    }

    /** The class tokens' rows of {@link #attention}: u [B, N, D] to [B, 1, D]. */
    Tensor classAttention(Tensor u) {
        Tensor all = Ops.selfAttention(Ops.linear(u, qkvWeight.tensor(), qkvBias.tensor()), heads);
        return out.of(all.slice(1, 0, 1));
    }

    /** LN, as seen by {@link #mlp}. */
    Tensor norm2(Tensor x) {
        return norm2.of(x);
    }

    /** W2 GELU(W1 y + b1) + b2. */
    Tensor mlp(Tensor y) {
        return fc2.of(fc1.activated(y, Activation.GELU));
    }
}
