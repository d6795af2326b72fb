package io.aegis.tensor;

import io.aegis.kernels.Activation;
import io.aegis.kernels.Convolution.Geometry;
import io.aegis.kernels.Elementwise;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * Makes tensors from tensors: the catalogue for model code. Each result belongs to the current {@link Scope} and is
 * recorded by the current {@link Tape} when something it depends on requires a gradient. A negative dimension counts
 * from the last. Wrong shapes are an {@link IllegalArgumentException} that names the operation and everything given.
 */
public final class Ops {
    private Ops() {}

    // Shape.

    /** The same elements, row-major, under another shape; at most one size may be -1, meaning what is left. */
    public static Tensor reshape(Tensor x, long... shape) {
        long[] s = shape.clone();
        for (int i = 0; i < s.length; i++) {
            if (s[i] == -1) {
                s[i] = 1;
                s[i] = x.elements() / Math.max(1, Arrays.stream(s).reduce(1, (a, b) -> a * b));
            }
        }
        return apply(new ShapeOp.Reshape(s), x)[0];
    }

    public static Tensor permute(Tensor x, int... order) {
        return apply(new ShapeOp.Permute(order), x)[0];
    }

    /** Indices {@code from} (inclusive) to {@code to} (exclusive) of a dimension. */
    public static Tensor slice(Tensor x, int dim, long from, long to) {
        return apply(new ShapeOp.Slice(dim < 0 ? dim + x.rank() : dim, from, to), x)[0];
    }

    /** Parts of a dimension, one behind the other, which together are all of it. */
    public static Tensor[] split(Tensor x, int dim, long... sizes) {
        // A copy: the tape has the array itself.
        return apply(new ShapeOp.Split(dim < 0 ? dim + x.rank() : dim, sizes), x)
                .clone();
    }

    public static Tensor concat(int dim, Tensor... parts) {
        return apply(new ShapeOp.Concat(dim < 0 ? dim + parts[0].rank() : dim), parts)[0];
    }

    /**
     * Equal parts of x [n M, ..., D] along its first dimension, put together anew: {@code parts[r][c]} is the number of the one at
     * place r along the first dimension and c along the last.
     *
     * @param of n
     */
    public static Tensor mosaic(Tensor x, int of, int[][] parts) {
        return apply(new ShapeOp.Mosaic(of, parts), x)[0];
    }

    /** Rows of x [M, ...] by index I64 [n]: [n, ...]. */
    public static Tensor gather(Tensor x, Tensor index) {
        return apply(new ShapeOp.Gather(), x, index)[0];
    }

    // Element by element.

    public static Tensor add(Tensor a, Tensor b) {
        return apply(new PointwiseOp.Binary(Elementwise.Binary.ADD), a, b)[0];
    }

    public static Tensor subtract(Tensor a, Tensor b) {
        return apply(new PointwiseOp.Binary(Elementwise.Binary.SUBTRACT), a, b)[0];
    }

    public static Tensor multiply(Tensor a, Tensor b) {
        return apply(new PointwiseOp.Binary(Elementwise.Binary.MULTIPLY), a, b)[0];
    }

    public static Tensor divide(Tensor a, Tensor b) {
        return apply(new PointwiseOp.Binary(Elementwise.Binary.DIVIDE), a, b)[0];
    }

    /** scale x + shift. */
    public static Tensor affine(Tensor x, double scale, double shift) {
        return apply(new PointwiseOp.Affine(scale, shift), x)[0];
    }

    public static Tensor activate(Activation function, Tensor x) {
        return apply(new PointwiseOp.Activate(function), x)[0];
    }

    /** silu(gate) up, of one shape: the middle of a SwiGLU block. */
    public static Tensor siluGate(Tensor gate, Tensor up) {
        return apply(new PointwiseOp.SiluGate(), gate, up)[0];
    }

    /**
     * Inverted dropout whose mask depends on seed, step, site and each row's identity only.
     *
     * @param step I64 [1]
     * @param samples I64 [B], one identity for each row of x [B, ...]
     */
    public static Tensor dropout(Tensor x, double p, long seed, Tensor step, long site, Tensor samples) {
        return apply(new PointwiseOp.Dropout(p, seed, site), x, samples, step)[0];
    }

    // Reductions.

    /** Sum over dimensions, which stay with size 1. */
    public static Tensor sum(Tensor x, int... dims) {
        return apply(new ReductionOp.Sum(1, dims(x, dims)), x)[0];
    }

    /** Mean over dimensions, which stay with size 1. */
    public static Tensor mean(Tensor x, int... dims) {
        long n = 1;
        for (int d : dims(x, dims)) {
            n *= x.size(d);
        }
        return apply(new ReductionOp.Sum(1.0 / n, dims(x, dims)), x)[0];
    }

    /** Sum of all elements, shape [1]. */
    public static Tensor total(Tensor x) {
        return apply(new ReductionOp.Sum(1, 0), reshape(x, x.elements()))[0];
    }

    /** Softmax over the last dimension. */
    public static Tensor softmax(Tensor x) {
        return apply(new ReductionOp.Softmax(), x)[0];
    }

    /** The greatest of each row, [R, M] to [R], NaN above all; its gradient goes to the first place where it is. */
    public static Tensor greatest(Tensor x) {
        return apply(new ReductionOp.Greatest(), x)[0];
    }

    /** Rows (last dimension) divided by their Euclidean length, without an epsilon. */
    public static Tensor normalizeRows(Tensor x) {
        return apply(new ReductionOp.NormalizeRows(), x)[0];
    }

    // Products.

    /** [..., M, K] times [..., K, N]. */
    public static Tensor matmul(Tensor a, Tensor b) {
        return apply(new MatrixOp.Product(), a, b)[0];
    }

    /**
     * x W^T + bias: x [..., in], W [out, in], bias [out] or null. A W that is not trained may be F16 or BF16 beside a
     * float32 x; it is widened as it is read.
     */
    public static Tensor linear(Tensor x, Tensor weight, Tensor bias) {
        return linear(x, weight, bias, null);
    }

    /**
     * As {@link #linear}, each row bit for bit what it would be as the only one: for decoding several sequences at once. A
     * {@link #linear} of a single row gives the same bits.
     */
    public static Tensor linearRows(Tensor x, Tensor weight, Tensor bias) {
        return linearRows(x, weight, bias, null);
    }

    /** As {@link #linear(Tensor, Tensor, Tensor)}, with a weight of 8 or 4 bits beside a float32 x. */
    public static Tensor linear(Tensor x, QuantizedMatrix weight, Tensor bias) {
        return linear(x, weight, bias, null);
    }

    /** As {@link #linearRows(Tensor, Tensor, Tensor)}, with a weight of 8 or 4 bits beside a float32 x. */
    public static Tensor linearRows(Tensor x, QuantizedMatrix weight, Tensor bias) {
        return linearRows(x, weight, bias, null);
    }

    /**
     * x W^T + bias + residual in one pass: what a block's last linear is added to.
     *
     * @param bias [out], or null
     * @param residual [..., out], or null
     */
    public static Tensor linear(Tensor x, Tensor weight, Tensor bias, Tensor residual) {
        return apply(new MatrixOp.Linear(false), x, weight, bias, residual)[0];
    }

    /** As {@link #linear(Tensor, Tensor, Tensor, Tensor)}, each row bit for bit what it would be as the only one. */
    public static Tensor linearRows(Tensor x, Tensor weight, Tensor bias, Tensor residual) {
        return apply(new MatrixOp.Linear(true), x, weight, bias, residual)[0];
    }

    /** As {@link #linear(Tensor, Tensor, Tensor, Tensor)}, with a weight of 8 or 4 bits beside a float32 x. */
    public static Tensor linear(Tensor x, QuantizedMatrix weight, Tensor bias, Tensor residual) {
        return apply(new MatrixOp.QuantizedLinear(false), x, weight.codes(), weight.scales(), bias, residual)[0];
    }

    /** As {@link #linearRows(Tensor, Tensor, Tensor, Tensor)}, with a weight of 8 or 4 bits beside a float32 x. */
    public static Tensor linearRows(Tensor x, QuantizedMatrix weight, Tensor bias, Tensor residual) {
        return apply(new MatrixOp.QuantizedLinear(true), x, weight.codes(), weight.scales(), bias, residual)[0];
    }

    /**
     * f(x W^T + bias), with the bits of {@link #activate} of a {@link #linear}, but that the ends of rows whose size is no multiple of 16
     * may differ in the last one. Where no gradient is wanted, what goes into f is not written to memory.
     *
     * @param bias [out], or null
     */
    public static Tensor linearActivated(Tensor x, Tensor weight, Tensor bias, Activation f) {
        return isRecorded(x, weight, bias)
                ? activate(f, linear(x, weight, bias))
                : apply(new ActivatedOp.Linear(f), x, weight, bias)[0];
    }

    /** As {@link #linearActivated(Tensor, Tensor, Tensor, Activation)}, with a weight of 8 or 4 bits beside a float32 x. */
    public static Tensor linearActivated(Tensor x, QuantizedMatrix weight, Tensor bias, Activation f) {
        return isRecorded(x, bias)
                ? activate(f, linear(x, weight, bias))
                : apply(new ActivatedOp.QuantizedLinear(f), x, weight.codes(), weight.scales(), bias)[0];
    }

    /** a_i b_i for pairs of matrices [M, K] and [K, N], as many of either: [pairs, M, N]. */
    public static Tensor products(List<Tensor> a, List<Tensor> b) {
        Tensor[] inputs = new Tensor[2 * a.size()];
        for (int i = 0; i < a.size(); i++) {
            inputs[2 * i] = a.get(i);
            inputs[2 * i + 1] = b.get(i);
        }
        return apply(new MatrixOp.Products(), inputs)[0];
    }

    /** x W^T + u B^T: x [..., in], W [out, in], u [..., r], B [out, r]; a W that is not trained may be F16 or BF16. */
    public static Tensor linearBoth(Tensor x, Tensor weight, Tensor u, Tensor low) {
        return apply(new MatrixOp.Both(), x, weight, u, low)[0];
    }

    /**
     * silu(x G^T) (x U^T): x [..., in], G and U [out, in]; those that are not trained may be F16 or BF16. The same bits as {@link
     * #siluGate} of two linears on the processor.
     */
    public static Tensor linearGate(Tensor x, Tensor gate, Tensor up) {
        return apply(new MatrixOp.Gated(), x, gate, up)[0];
    }

    /** A linear of several: W [out, in], bias [out] or null. */
    public record Weights(Tensor matrix, Tensor bias) {}

    /** A linear of several whose weight has 8 or 4 bits: bias [out] or null. */
    public record QuantizedWeights(QuantizedMatrix matrix, Tensor bias) {}

    /**
     * x W_i^T + bias_i for linears that share x, the same bits as each {@link #linear(Tensor, Tensor, Tensor)}. Where products round x
     * first and no gradient is wanted, it is rounded once.
     */
    public static Tensor[] linears(Tensor x, Weights... all) {
        Tensor[] inputs = Stream.concat(Stream.of(x), Stream.of(all).flatMap(w -> Stream.of(w.matrix(), w.bias())))
                .toArray(Tensor[]::new);
        return isRecorded(inputs)
                ? Arrays.stream(all).map(w -> linear(x, w.matrix(), w.bias())).toArray(Tensor[]::new)
                : apply(new TogetherOp.Linears(), inputs);
    }

    /** As {@link #linears(Tensor, Weights...)}, with weights of 8 or 4 bits beside a float32 x. */
    public static Tensor[] linears(Tensor x, QuantizedWeights... all) {
        Tensor[] inputs = Stream.concat(
                        Stream.of(x),
                        Stream.of(all)
                                .flatMap(w ->
                                        Stream.of(w.matrix().codes(), w.matrix().scales(), w.bias())))
                .toArray(Tensor[]::new);
        return isRecorded(inputs)
                ? Arrays.stream(all).map(w -> linear(x, w.matrix(), w.bias())).toArray(Tensor[]::new)
                : apply(new TogetherOp.QuantizedLinears(), inputs);
    }

    /**
     * x W_i^T for weights that share x, each row bit for bit as {@link #linearRows} gives it: W_i [out_i, in]. Where launches cost, a few
     * rows take all weights in one.
     */
    public static Tensor[] linearsOfRows(Tensor x, Tensor... weights) {
        Tensor[] inputs = Stream.concat(Stream.of(x), Stream.of(weights)).toArray(Tensor[]::new);
        return isRecorded(inputs)
                ? Arrays.stream(weights).map(w -> linearRows(x, w, null)).toArray(Tensor[]::new)
                : apply(new RowsOp.Linears(), inputs);
    }

    /** As {@link #linearsOfRows(Tensor, Tensor...)}, with weights of 8 or 4 bits beside a float32 x. */
    public static Tensor[] linearsOfRows(Tensor x, QuantizedMatrix... weights) {
        Tensor[] inputs = Stream.concat(Stream.of(x), Stream.of(weights).flatMap(w -> Stream.of(w.codes(), w.scales())))
                .toArray(Tensor[]::new);
        return isRecorded(inputs)
                ? Arrays.stream(weights).map(w -> linearRows(x, w, null)).toArray(Tensor[]::new)
                : apply(new RowsOp.QuantizedLinears(), inputs);
    }

    /** silu(x G^T) (x U^T), each row bit for bit as {@link #siluGate} of two {@link #linearRows} gives it: G and U [out, in]. */
    public static Tensor linearGateRows(Tensor x, Tensor gate, Tensor up) {
        return isRecorded(x, gate, up)
                ? siluGate(linearRows(x, gate, null), linearRows(x, up, null))
                : apply(new RowsOp.Gated(), x, gate, up)[0];
    }

    /** As {@link #linearGateRows(Tensor, Tensor, Tensor)}, with weights of 8 or 4 bits beside a float32 x. */
    public static Tensor linearGateRows(Tensor x, QuantizedMatrix gate, QuantizedMatrix up) {
        return isRecorded(x)
                ? siluGate(linearRows(x, gate, null), linearRows(x, up, null))
                : apply(new RowsOp.QuantizedGated(), x, gate.codes(), gate.scales(), up.codes(), up.scales())[0];
    }

    // Attention and positions.

    /** Multi-head self-attention over packed q|k|v rows [B, N, 3D]: [B, N, D]. */
    public static Tensor selfAttention(Tensor qkv, int heads) {
        return apply(new AttentionOp.SelfAttention(heads), qkv)[0];
    }

    /**
     * Attention with heads in the rows, scale 1/sqrt(D): q [B, N, Hq, D], k and v [B, M, Hkv, D] to [B, N, Hq, D]. Query head
     * h meets key head h / (Hq / Hkv). A query that may see no key gives 0. Of packed sequences B is 1.
     */
    public static Tensor attention(Tensor q, Tensor k, Tensor v, AttentionMask mask) {
        AttentionMask.Packed packed = mask.packed();
        if (packed != null) {
            Op op = new AttentionOp.AttendPacked(mask.isCausal(), packed.queryEnd(), packed.keyEnd());
            return apply(op, q, k, v, packed.queries(), packed.keys())[0];
        }
        Op op = new AttentionOp.Attend(mask.isCausal());
        return (mask.keys() == null ? apply(op, q, k, v) : apply(op, q, k, v, mask.keys()))[0];
    }

    /** A token of each of some sequences: q [B, 1, Hq, D], k and v [B, 1, Hkv, D], cos and sin of its position [B, 1, D / 2]. */
    public record Token(Tensor q, Tensor k, Tensor v, Tensor cos, Tensor sin) {}

    /**
     * Where sequences lie: key j of a sequence is at place j % T of page {@code table[b, j / T]}.
     *
     * @param keys [P, Hkv, T, D]
     * @param values as keys
     * @param table I64 [B, L], what is behind a sequence's last page being anything
     * @param lengths I64 [B], keys of each sequence
     */
    public record Pages(Tensor keys, Tensor values, Tensor table, Tensor lengths) {}

    /**
     * Attention of one more token of each sequence, which the lengths count already: q and k are turned as by {@link #rotate}, k and v
     * put in their place, and each query looks at its sequence, with the bits that {@link #attention} gives it alone: [B, 1, Hq, D].
     * No gradient goes through it.
     */
    public static Tensor stepInPages(Token t, Pages p) {
        AttentionOp op = new AttentionOp.StepInPages();
        return apply(op, t.q, t.k, t.v, t.cos, t.sin, p.keys, p.values, p.table, p.lengths)[0];
    }

    /**
     * Rotary position embedding, "rotate half": each pair (j, j + D / 2) of x [B, N, H, D] turned by its angle.
     *
     * @param cos F32 [N, D / 2] or [B, N, D / 2], a constant
     * @param sin as cos
     */
    public static Tensor rotate(Tensor x, Tensor cos, Tensor sin) {
        return apply(new AttentionOp.Rotate(), x, cos, sin)[0];
    }

    /** Rows of a table [V, D], stored in any floating dtype, by I64 ids of any shape: [..., D], F32 unless the table is F64. */
    public static Tensor embedding(Tensor table, Tensor ids) {
        return apply(new EmbeddingOp.Lookup(), table, ids)[0];
    }

    /** Rows of a table of 8 or 4 bits [V, D] by I64 ids of any shape: F32 [..., D]. */
    public static Tensor embedding(QuantizedMatrix table, Tensor ids) {
        return apply(new EmbeddingOp.QuantizedLookup(), table.codes(), table.scales(), ids)[0];
    }

    // Normalisation.

    /** Over the last dimension: x [..., D], gamma and beta [D]. */
    public static Tensor layerNorm(Tensor x, Tensor gamma, Tensor beta, double eps) {
        return apply(new NormOp.LayerNorm(eps), x, gamma, beta)[0];
    }

    /** By the root of the mean square over the last dimension: x [..., D], weight [D]. */
    public static Tensor rmsNorm(Tensor x, Tensor weight, double eps) {
        return apply(new NormOp.RmsNorm(eps), x, weight)[0];
    }

    /**
     * What batch norm in training computes.
     *
     * @param y as x
     * @param mean of each channel of this batch, [C]
     * @param variance of each channel of this batch, biased, [C]
     */
    public record BatchNormed(Tensor y, Tensor mean, Tensor variance) {}

    /** Batch norm with the batch's own statistics, channels last, and an activation. */
    public static BatchNormed batchNormTraining(Tensor x, Tensor gamma, Tensor beta, double eps, Activation act) {
        Tensor[] out = apply(new NormOp.BatchNorm(eps, true, act), x, gamma, beta);
        return new BatchNormed(out[0], out[1], out[2]);
    }

    /** Batch norm with given statistics, channels last, and an activation. */
    public static Tensor batchNorm(
            Tensor x, Tensor gamma, Tensor beta, Tensor mean, Tensor variance, double eps, Activation act) {
        return apply(new NormOp.BatchNorm(eps, false, act), x, gamma, beta, mean, variance)[0];
    }

    // Convolution.

    /** Channels last: x [B, H, W, C], weight [O, C / groups, kh, kw], bias [O] or null. */
    public static Tensor conv2d(Tensor x, Tensor weight, Tensor bias, Geometry geometry) {
        Op op = new ConvolutionOp.Conv2d(geometry);
        return (bias == null ? apply(op, x, weight) : apply(op, x, weight, bias))[0];
    }

    /**
     * One of several convolutions of one shape that lie side by side.
     *
     * @param weight [O, C / groups, kh, kw]
     * @param bias [O], or null
     * @param gamma of the batch norm behind it, [O], with {@code beta}; both null where there is none
     * @param mean of that batch norm, with {@code variance}; both null where they are the batch's own
     */
    public record StageLayer(Tensor weight, Tensor bias, Tensor gamma, Tensor beta, Tensor mean, Tensor variance) {}

    /**
     * act(norm(conv(x))) of n layers of one shape side by side, layer i on the i-th of n equal parts of x [n B, H, W, C]; times
     * another map, and behind first tokens, if those are given. Where nobody goes back and statistics are given, one pass.
     *
     * @param batch whether the norms' statistics are those of each layer's own part
     * @param times [n B, H', W', O], or null
     * @param first [n B, 1, O], or one for all [1, 1, O], or null
     * @return y [n B, H', W', O], or tokens [n B, 1 + H' W', O] behind first ones; the batch's statistics [n, O], or null
     */
    public static BatchNormed stage(
            Tensor x,
            List<StageLayer> layers,
            Geometry geometry,
            boolean batch,
            double eps,
            Activation activation,
            Tensor times,
            Tensor first) {
        boolean normed = layers.getFirst().gamma() != null;
        List<Tensor> inputs = new ArrayList<>();
        inputs.add(x);
        inputs.add(times);
        inputs.add(first);
        for (StageLayer l : layers) {
            inputs.add(l.weight());
            inputs.add(l.bias());
            if (normed) {
                inputs.add(l.gamma());
                inputs.add(l.beta());
            }
            if (normed && !batch) {
                inputs.add(l.mean());
                inputs.add(l.variance());
            }
        }
        StageOp op = new StageOp(geometry, layers.size(), normed, batch && normed, eps, activation);
        Tensor[] out = apply(op, inputs.toArray(Tensor[]::new));
        return new BatchNormed(out[0], out.length > 1 ? out[1] : null, out.length > 1 ? out[2] : null);
    }

    /** The plain kernel that computes the central-difference convolution with this one. */
    public static Tensor centralDifference(Tensor weight, double theta) {
        return apply(new ConvolutionOp.CentralDifference(theta), weight)[0];
    }

    // Losses.

    /** Mean softmax cross-entropy of logits [B, C] against I64 classes [B]; shape [1]. */
    public static Tensor crossEntropy(Tensor logits, Tensor target) {
        return apply(new LossOp.CrossEntropy(), logits, target)[0];
    }

    /**
     * Softmax cross-entropy of logits [B, C] summed over the rows that take part, divided by {@code over}; shape [1]. Which rows these are may
     * be another matter each time that recorded work is launched, so nobody looks at targets here: whoever writes them checks them.
     *
     * @param target I64 [B], classes, or {@link io.aegis.kernels.Loss#NO_PART}
     */
    public static Tensor crossEntropyOfSome(Tensor logits, Tensor target, long over) {
        return apply(new LossOp.CrossEntropyOfSome(over), logits, target)[0];
    }

    /** Negative Euclidean distances of rows x [B, D] to constants p [C, D]: [B, C]. */
    public static Tensor negativeDistance(Tensor x, Tensor p, boolean zeroAtZero) {
        return apply(new LossOp.NegativeDistance(zeroAtZero), x, p)[0];
    }

    /** DADM's mutual-information loss between token batches a and b, [B, D]; shape [1]. */
    public static Tensor mutualInformation(Tensor a, Tensor b, Tensor permuteA, Tensor permuteB) {
        return apply(new LossOp.MutualInformation(), a, b, permuteA, permuteB)[0];
    }

    /**
     * DADM's alignment of angles between modalities and domains; shape [1]. See {@link io.aegis.kernels.Loss#angles}.
     *
     * @param features one [B, D] a modality
     * @param live I64 [B], 1 or another
     * @param domain I64 [B], 0 to {@code domains} - 1; rows of others take no part
     */
    public static Tensor angles(
            Tensor[] features, Tensor live, Tensor domain, int domains, double tauLive, double tauAttack) {
        Tensor[] inputs = Arrays.copyOf(features, features.length + 2);
        inputs[features.length] = live;
        inputs[features.length + 1] = domain;
        return apply(new LossOp.Angles(domains, tauLive, tauAttack), inputs)[0];
    }

    // Memory.

    /**
     * Runs a block without recording what happens inside; a backward pass runs it again to find out. Gradients are bit for
     * bit those without it.
     *
     * @param block computes one tensor from its arguments and from {@code parameters}, and does the same each time (random
     *     masks follow counters, nothing is updated in place). Whatever else it reads requires no gradient and stays alive
     *     and unchanged as long as the tape
     * @param inputs the arguments; during backward the block gets stand-ins with the same values
     * @param parameters what the block reads that is trained
     */
    public static Tensor checkpoint(Function<Tensor[], Tensor> block, Tensor[] inputs, Collection<Tensor> parameters) {
        Tensor[] all = Arrays.copyOf(inputs, inputs.length + parameters.size());
        int i = inputs.length;
        for (Tensor p : parameters) {
            all[i++] = p;
        }
        return apply(new CheckpointOp(block, inputs.length), all)[0];
    }

    private static int[] dims(Tensor x, int... dims) {
        return Arrays.stream(dims).map(d -> d < 0 ? d + x.rank() : d).toArray();
    }

    private static Tensor[] apply(Op op, Tensor... inputs) {
        Forward f = new Forward(op, inputs, isRecorded(inputs));
        try {
            op.forward(f);
        } catch (RuntimeException | Error e) {
            f.abandon();
            throw e;
        }
        return f.finish(Tape.recording());
    }

    /** Whether somebody may want to go back to some of these. */
    private static boolean isRecorded(Tensor... inputs) {
        boolean tracked = false;
        if (Tape.recording() != null) {
            for (Tensor t : inputs) {
                tracked |= t != null && t.isTracked();
            }
        }
        return tracked;
    }
}
