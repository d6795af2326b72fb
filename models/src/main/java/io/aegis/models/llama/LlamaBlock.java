package io.aegis.models.llama;

import io.aegis.layers.Parameters;
import io.aegis.layers.RmsNorm;
import io.aegis.tensor.Ops;
import io.aegis.tensor.Tensor;
import java.util.List;

/** One decoder block: x + attention(norm(x)), then h + MLP(norm(h)). */
final class LlamaBlock {
    private final int index;
    private final int heads;
    private final int keyHeads;
    private final int headSize;
    private final RmsNorm inputNorm;
    private final Projection q;
    private final Projection k;
    private final Projection v;
    private final Projection o;
    private final RmsNorm postNorm;
    private final Projection gate;
    private final Projection up;
    private final Projection down;

    /** Declares the parameters of block {@code index} in the order of Hugging Face's model. */
    LlamaBlock(Parameters p, LlamaConfig c, int index) {
        this.index = index;
        this.heads = c.heads();
        this.keyHeads = c.keyHeads();
        this.headSize = c.headSize();
        String at = "layers." + index + ".";
        long d = c.hidden();
        long queries = (long) heads * headSize;
        long keys = (long) keyHeads * headSize;
        q = new Projection(p, at + "self_attn.q_proj", d, queries);
        k = new Projection(p, at + "self_attn.k_proj", d, keys);
        v = new Projection(p, at + "self_attn.v_proj", d, keys);
        o = new Projection(p, at + "self_attn.o_proj", queries, d);
        gate = new Projection(p, at + "mlp.gate_proj", d, c.intermediate());
        up = new Projection(p, at + "mlp.up_proj", d, c.intermediate());
        down = new Projection(p, at + "mlp.down_proj", c.intermediate(), d);
        inputNorm = new RmsNorm(p.at(at + "input_layernorm"), d, c.eps());
        postNorm = new RmsNorm(p.at(at + "post_attention_layernorm"), d, c.eps());
    }

    /** All linears, in order. */
    List<Projection> projections() {
        return List.of(q, k, v, o, gate, up, down);
    }

    /** x [B, N, d] to [B, N, d]. */
    Tensor of(Tensor x, Flow flow) {
        Tensor h = attention(inputNorm.of(x), flow, x);
        return mlp(postNorm.of(h), flow, h);
    }

    /** x + Wo softmax(q k^T / sqrt(D)) v, with q and k turned by their positions. */
    private Tensor attention(Tensor u, Flow flow, Tensor x) {
        long b = u.size(0);
        long n = u.size(1);
        if (flow.pages() != null) {
            return o.of(inPages(u, flow).reshape(b, n, (long) heads * headSize), flow, x);
        }
        Tensor[] qkv = Projection.together(u, flow, q, k, v);
        Tensor query = turned(qkv[0].reshape(b, n, heads, headSize), flow); //              [B, N, Hq, D]
        Tensor key = turned(qkv[1].reshape(b, n, keyHeads, headSize), flow); //             [B, N, Hkv, D]
        Tensor value = qkv[2].reshape(b, n, keyHeads, headSize); //                         [B, N, Hkv, D]
        Tensor seen = flow.caches().isEmpty()
                ? Ops.attention(query, key, value, flow.mask())
                : cached(query, key, value, flow); //                                       [B, N, Hq, D]
        return o.of(seen.reshape(b, n, (long) heads * headSize), flow, x);
    }

    /** One token of each sequence, in as few steps as there are. */
    private Tensor inPages(Tensor u, Flow flow) {
        long b = u.size(0);
        Tensor[] qkv = Projection.together(u, flow, q, k, v);
        Tensor query = qkv[0].reshape(b, 1, heads, headSize); //                            [B, 1, Hq, D]
        Tensor key = qkv[1].reshape(b, 1, keyHeads, headSize); //                           [B, 1, Hkv, D]
        Tensor value = qkv[2].reshape(b, 1, keyHeads, headSize); //                         [B, 1, Hkv, D]
        Rotary.Angles angles = flow.angles();
        return flow.pages().attention(index, new Ops.Token(query, key, value, angles.cos(), angles.sin()));
    }

    private static Tensor turned(Tensor x, Flow flow) {
        return Ops.rotate(x, flow.angles().cos(), flow.angles().sin());
    }

    /** Each sequence over its own cache, which takes in the new keys and values first. */
    private Tensor cached(Tensor query, Tensor key, Tensor value, Flow flow) {
        Tensor[] seen = new Tensor[flow.caches().size()];
        for (int i = 0; i < seen.length; i++) {
            flow.caches().get(i).write(index, key.slice(0, i, i + 1), value.slice(0, i, i + 1));
        }
        for (int i = 0; i < seen.length; i++) {
            SequenceCache cache = flow.caches().get(i);
            long n = key.size(1);
            seen[i] =
                    Ops.attention(query.slice(0, i, i + 1), cache.keys(index, n), cache.values(index, n), flow.mask());
        }
        return seen.length == 1 ? seen[0] : Ops.concat(0, seen);
    }

    /** h + Wdown (silu(Wgate y) * Wup y) (arXiv 2002.05202). */
    private Tensor mlp(Tensor y, Flow flow, Tensor h) {
        return down.of(Projection.gated(gate, up, y, flow), flow, h);
    }
}
