package io.aegis.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.kernels.Activation;
import io.aegis.kernels.Backends;
import io.aegis.kernels.Convolution.Geometry;
import io.aegis.kernels.DType;
import io.aegis.kernels.Philox;
import io.aegis.kernels.View;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.extension.ExtendWith;

/** Every row of the table of operations against finite differences in double, on the scalar kernels. */
@ExtendWith(NoLeaks.class)
class OpGradientTest {
    private record Case(String name, GradientCheck.Function function, long[]... shapes) {}

    private static long[] s(long... shape) {
        return shape;
    }

    @TestFactory
    Stream<DynamicTest> everyOperation() {
        long[] index = {2, 0, 2};
        return Stream.of(
                        new Case("reshape", x -> Ops.reshape(x.get(0), 3, -1), s(2, 6)),
                        new Case(
                                "reshape of a permuted view",
                                x -> Ops.reshape(Ops.permute(x.get(0), 1, 0), 4, 3),
                                s(2, 6)),
                        new Case("permute", x -> Ops.permute(x.get(0), 2, 0, 1), s(2, 3, 4)),
                        new Case("slice", x -> Ops.slice(x.get(0), -1, 1, 3), s(2, 3, 4)),
                        new Case(
                                "overlapping slices",
                                x -> Ops.slice(x.get(0), 1, 0, 2).plus(Ops.slice(x.get(0), 1, 1, 3)),
                                s(2, 3)),
                        new Case("concat", x -> Ops.concat(1, x.get(0), x.get(1), x.get(0)), s(2, 3), s(2, 1)),
                        new Case("gather", x -> Ops.gather(x.get(0), Tensor.of(index, 3)), s(3, 2)),
                        new Case("add broadcast", x -> Ops.add(x.get(0), x.get(1)), s(2, 3, 4), s(3, 1)),
                        new Case("add to itself", x -> Ops.add(x.get(0), x.get(0)), s(2, 3)),
                        new Case("subtract broadcast", x -> Ops.subtract(x.get(0), x.get(1)), s(1, 4), s(3, 4)),
                        new Case("multiply", x -> Ops.multiply(x.get(0), x.get(1)), s(2, 3), s(2, 3)),
                        new Case("multiply broadcast", x -> Ops.multiply(x.get(0), x.get(1)), s(2, 3), s(1, 3)),
                        new Case("square", x -> Ops.multiply(x.get(0), x.get(0)), s(2, 3)),
                        new Case(
                                "divide broadcast",
                                x -> Ops.divide(x.get(0), Ops.affine(Ops.multiply(x.get(1), x.get(1)), 1, 1)),
                                s(2, 3),
                                s(2, 1)),
                        new Case("affine", x -> Ops.affine(x.get(0), -2.5, 1), s(5)),
                        new Case(
                                "dropout",
                                x -> Ops.dropout(
                                        x.get(0),
                                        0.4,
                                        7,
                                        Tensor.of(new long[] {3}, 1),
                                        1,
                                        Tensor.of(new long[] {11, 5}, 2)),
                                s(2, 3, 4)),
                        new Case("sum", x -> Ops.sum(x.get(0), 0, -1), s(2, 3, 4)),
                        new Case("mean", x -> Ops.mean(x.get(0), 1), s(2, 3, 4)),
                        new Case("softmax", x -> Ops.softmax(x.get(0)), s(3, 5)),
                        new Case("normalize rows", x -> Ops.normalizeRows(x.get(0)), s(3, 5)),
                        new Case("matmul", x -> Ops.matmul(x.get(0), x.get(1)), s(3, 4), s(4, 2)),
                        new Case("batched matmul", x -> Ops.matmul(x.get(0), x.get(1)), s(2, 3, 4), s(2, 4, 2)),
                        new Case("linear", x -> Ops.linear(x.get(0), x.get(1), x.get(2)), s(2, 3, 4), s(5, 4), s(5)),
                        new Case("linear without bias", x -> Ops.linear(x.get(0), x.get(1), null), s(3, 4), s(2, 4)),
                        new Case(
                                "linear of strided rows",
                                x -> Ops.linear(Ops.slice(x.get(0), 1, 1, 3), x.get(1), null),
                                s(2, 4, 3),
                                s(2, 3)),
                        new Case(
                                "linear and a residual",
                                x -> Ops.linear(x.get(0), x.get(1), x.get(2), x.get(3)),
                                s(2, 3, 4),
                                s(5, 4),
                                s(5),
                                s(2, 3, 5)),
                        new Case(
                                "linear added to what went in, strided",
                                x -> Ops.linear(
                                        Ops.slice(x.get(0), 1, 1, 3), x.get(1), null, Ops.slice(x.get(0), 1, 1, 3)),
                                s(2, 4, 3),
                                s(3, 3)),
                        new Case(
                                "linear by rows and a residual of 8 bits",
                                x -> Ops.linearRows(x.get(0), matrix(DType.I8, 5), x.get(1), x.get(2)),
                                s(2, 3, 64),
                                s(5),
                                s(2, 3, 5)),
                        new Case(
                                "low rank beside a linear",
                                x -> Ops.linearBoth(x.get(0), x.get(1), x.get(2), x.get(3)),
                                s(2, 3, 4),
                                s(5, 4),
                                s(2, 3, 2),
                                s(5, 2)),
                        new Case(
                                "linears of a gate",
                                x -> Ops.linearGate(x.get(0), x.get(1), x.get(2)),
                                s(2, 3, 4),
                                s(5, 4),
                                s(5, 4)),
                        new Case("linear by rows", x -> Ops.linearRows(x.get(0), x.get(1), null), s(3, 4), s(2, 4)),
                        new Case(
                                "linear of 8 bits",
                                x -> Ops.linear(x.get(0), matrix(DType.I8, 5), x.get(1)),
                                s(2, 3, 64),
                                s(5)),
                        new Case(
                                "linear of 4 bits, by rows that are strided",
                                x -> Ops.linearRows(Ops.slice(x.get(0), 1, 1, 3), matrix(DType.U8, 3), null),
                                s(2, 4, 64)),
                        attention("attention", AttentionMask.none(), s(2, 3, 2, 4), s(2, 5, 2, 4)),
                        attention("causal attention", AttentionMask.causal(), s(1, 4, 2, 3), s(1, 4, 2, 3)),
                        attention(
                                "causal attention behind a prefix",
                                AttentionMask.causal(),
                                s(2, 2, 1, 3),
                                s(2, 5, 1, 3)),
                        attention("grouped queries", AttentionMask.causal(), s(2, 3, 6, 2), s(2, 3, 2, 2)),
                        new Case(
                                "attention of packed sequences",
                                x -> Ops.attention(
                                        x.get(0), x.get(1), x.get(2), AttentionMask.packed(true, 0, 2, 2, 5)),
                                s(1, 6, 4, 2),
                                s(1, 6, 2, 2),
                                s(1, 6, 2, 2)),
                        new Case(
                                "attention of packed sequences over keys of their own",
                                x -> Ops.attention(
                                        x.get(0),
                                        x.get(1),
                                        x.get(2),
                                        AttentionMask.packed(false, new long[] {0, 1, 3}, new long[] {0, 4, 4})),
                                s(1, 3, 2, 3),
                                s(1, 5, 1, 3),
                                s(1, 5, 1, 3)),
                        new Case(
                                "attention with hidden keys",
                                x -> Ops.attention(x.get(0), x.get(1), x.get(2), AttentionMask.of(true, hidden())),
                                s(2, 3, 4, 2),
                                s(2, 3, 2, 2),
                                s(2, 3, 2, 2)),
                        new Case("rotate", x -> Ops.rotate(x.get(0), constant(3, 2), constant(3, 2)), s(2, 3, 2, 4)),
                        new Case(
                                "rotate, positions of each",
                                x -> Ops.rotate(
                                        Ops.permute(x.get(0), 0, 2, 1, 3), constant(2, 3, 2), constant(2, 3, 2)),
                                s(2, 2, 3, 4)),
                        new Case("SiLU gate", x -> Ops.siluGate(x.get(0), x.get(1)), s(2, 5), s(2, 5)),
                        new Case(
                                "embedding",
                                x -> Ops.embedding(x.get(0), Tensor.of(new long[] {2, 0, 2, 1}, 2, 2)),
                                s(3, 4)),
                        new Case("RMS norm", x -> Ops.rmsNorm(x.get(0), x.get(1), 1e-5), s(2, 3, 5), s(5)),
                        new Case("self-attention", x -> Ops.selfAttention(x.get(0), 2), s(2, 5, 18)),
                        new Case(
                                "layer norm",
                                x -> Ops.layerNorm(x.get(0), x.get(1), x.get(2), 1e-6),
                                s(2, 3, 5),
                                s(5),
                                s(5)),
                        batchNorm(Activation.NONE),
                        batchNorm(Activation.RELU),
                        batchNorm(Activation.SIGMOID),
                        new Case(
                                "batch norm with running statistics",
                                x -> Ops.batchNorm(
                                        x.get(0),
                                        x.get(1),
                                        x.get(2),
                                        Tensor.of(DType.F64, new double[] {0.1, -0.2}, 2),
                                        Tensor.of(DType.F64, new double[] {0.7, 1.3}, 2),
                                        1e-5,
                                        Activation.SIGMOID),
                                s(4, 2),
                                s(2),
                                s(2)),
                        new Case(
                                "split",
                                x -> {
                                    Tensor[] y = Ops.split(x.get(0), -1, 1, 2, 1);
                                    return Ops.multiply(y[1], y[2]);
                                },
                                s(2, 4)),
                        new Case(
                                "mosaic",
                                x -> Ops.mosaic(x.get(0), 3, new int[][] {{0, 1}, {0, 2}, {1, 2}}),
                                s(3, 2, 2)),
                        new Case(
                                "products",
                                x -> Ops.products(List.of(x.get(0), x.get(1)), List.of(x.get(2), x.get(2))),
                                s(2, 3),
                                s(2, 3),
                                s(3, 4)),
                        stage("stage, statistics of the batch", true, Activation.SIGMOID, true, s(2, 1, 2)),
                        stage("stage, one first token for all", true, Activation.RELU, false, s(1, 1, 2)),
                        stage("stage, given statistics", false, Activation.SIGMOID, true, s(2, 1, 2)),
                        stage("stage, given statistics, no factor", false, Activation.RELU, false, s(2, 1, 2)),
                        new Case(
                                "stage without norms",
                                x -> Ops.stage(
                                                x.get(0),
                                                List.of(layer(x.get(1), x.get(2)), layer(x.get(3), null)),
                                                Geometry.POINTWISE,
                                                false,
                                                0,
                                                Activation.QUICK_GELU,
                                                null,
                                                null)
                                        .y(),
                                s(4, 1, 3, 2),
                                s(3, 2, 1, 1),
                                s(3),
                                s(3, 2, 1, 1)),
                        new Case(
                                "linears side by side",
                                x -> Ops.stage(
                                                x.get(0),
                                                List.of(layer(x.get(1), x.get(2)), layer(x.get(3), x.get(4))),
                                                Geometry.POINTWISE,
                                                false,
                                                0,
                                                Activation.NONE,
                                                null,
                                                null)
                                        .y(),
                                s(2, 1, 3, 2),
                                s(3, 2, 1, 1),
                                s(3),
                                s(3, 2, 1, 1),
                                s(3)),
                        conv("convolution 3x3", Geometry.SAME_3X3, s(2, 4, 3, 2), s(3, 2, 3, 3), s(3)),
                        conv("convolution 1x1", Geometry.POINTWISE, s(2, 3, 3, 2), s(4, 2, 1, 1), s(4)),
                        conv("depthwise", Geometry.depthwise3x3(3), s(2, 3, 4, 3), s(3, 1, 3, 3), s(3)),
                        conv("patches", new Geometry(2, 0, 1), s(1, 4, 6, 2), s(3, 2, 2, 2), s(3)),
                        conv("strided with padding", new Geometry(2, 1, 1), s(1, 5, 4, 2), s(3, 2, 3, 3), s(3)),
                        new Case("central difference", x -> Ops.centralDifference(x.get(0), 0.7), s(2, 2, 3, 3)),
                        new Case(
                                "cross-entropy",
                                x -> Ops.crossEntropy(x.get(0), Tensor.of(new long[] {2, 0, 1}, 3)),
                                s(3, 4)),
                        new Case("greatest of rows", x -> Ops.greatest(x.get(0)), s(4, 5)),
                        new Case(
                                "negative distance",
                                x -> Ops.negativeDistance(x.get(0), constant(2, 4), true),
                                s(3, 4)),
                        new Case(
                                "mutual information",
                                x -> Ops.mutualInformation(
                                        x.get(0),
                                        x.get(1),
                                        Tensor.of(new long[] {2, 0, 1}, 3),
                                        Tensor.of(new long[] {0, 2, 1}, 3)),
                                s(3, 4),
                                s(3, 4)),
                        new Case(
                                "angles",
                                x -> Ops.angles(
                                        new Tensor[] {x.get(0), x.get(1), x.get(2)},
                                        Tensor.of(new long[] {1, 1, 0, 1, 0, 0}, 6),
                                        Tensor.of(new long[] {0, 2, 0, 2, 2, 4}, 6),
                                        3,
                                        1,
                                        0.85),
                                s(6, 4),
                                s(6, 4),
                                s(6, 4)))
                .map(c -> DynamicTest.dynamicTest(c.name, () -> check(c)));
    }

    @TestFactory
    Stream<DynamicTest> everyActivation() {
        return Arrays.stream(Activation.values())
                .map(a -> DynamicTest.dynamicTest(
                        a.name(),
                        () -> check(new Case(a.name(), x -> Ops.activate(a, positive(x.get(0), a)), s(2, 7)))));
    }

    private static Tensor positive(Tensor x, Activation a) {
        return a == Activation.LOG || a == Activation.SQRT ? Ops.affine(Ops.multiply(x, x), 1, 0.5) : x;
    }

    /** A frozen matrix [n, 64] in groups of 32. */
    private static QuantizedMatrix matrix(DType codes, long n) {
        Tensor c = Tensor.empty(codes, n, codes == DType.I8 ? 64 : 32);
        for (long i = 0; i < c.elements(); i++) {
            c.view().setAt(i, i * 37 % (codes == DType.I8 ? 127 : 256));
        }
        Tensor scales = Tensor.empty(DType.F32, n, 2);
        for (long i = 0; i < scales.elements(); i++) {
            scales.view().setAt(i, 0.01 * (i + 1));
        }
        return new QuantizedMatrix(c, scales);
    }

    private static Case attention(String name, AttentionMask mask, long[] q, long[] k) {
        return new Case(name, x -> Ops.attention(x.get(0), x.get(1), x.get(2), mask), q, k, k);
    }

    /** The second sequence may not look at its first key, so that its first query sees nothing. */
    private static Tensor hidden() {
        return Tensor.of(DType.U8, new double[] {1, 1, 0, 0, 1, 1}, 2, 3);
    }

    private static Case batchNorm(Activation act) {
        return new Case(
                "batch norm " + act,
                x -> Ops.batchNormTraining(x.get(0), x.get(1), x.get(2), 1e-5, act)
                        .y(),
                s(2, 3, 2),
                s(2),
                s(2));
    }

    private static Ops.StageLayer layer(Tensor weight, Tensor bias) {
        return new Ops.StageLayer(weight, bias, null, null, null, null);
    }

    /** Two layers of 3x3 with batch norms; the factor, if there is one, is the last input, the first tokens the one before. */
    private static Case stage(String name, boolean batch, Activation act, boolean times, long[] first) {
        return new Case(
                name,
                x -> {
                    Tensor mean = Tensor.of(DType.F64, new double[] {0.1, -0.2}, 2);
                    Tensor variance = Tensor.of(DType.F64, new double[] {0.7, 1.3}, 2);
                    List<Ops.StageLayer> layers = List.of(
                            new Ops.StageLayer(x.get(1), x.get(2), x.get(3), x.get(4), mean, variance),
                            new Ops.StageLayer(x.get(5), x.get(6), x.get(7), x.get(8), mean, variance));
                    Tensor factor = times ? x.get(10) : null;
                    return Ops.stage(x.get(0), layers, Geometry.SAME_3X3, batch, 1e-5, act, factor, x.get(9))
                            .y();
                },
                s(2, 3, 2, 3),
                s(2, 3, 3, 3),
                s(2),
                s(2),
                s(2),
                s(2, 3, 3, 3),
                s(2),
                s(2),
                s(2),
                first,
                s(2, 3, 2, 2));
    }

    private static Case conv(String name, Geometry g, long[]... shapes) {
        return new Case(name, x -> Ops.conv2d(x.get(0), x.get(1), x.get(2), g), shapes);
    }

    private static Tensor constant(long... shape) {
        return random(99, shape);
    }

    private static Tensor random(long seed, long... shape) {
        double[] v = new double[(int) View.count(shape)];
        Arrays.setAll(v, i -> Philox.normal(seed, 0, 0, 0, i));
        return Tensor.of(DType.F64, v, shape);
    }

    private static void check(Case c) {
        try (Scope scope = Scope.open(Backends.scalar())) {
            Tensor[] inputs = new Tensor[c.shapes.length];
            for (int i = 0; i < inputs.length; i++) {
                inputs[i] = random(i + 1, c.shapes[i]);
            }
            GradientCheck.check(c.name, c.function, inputs);
        }
    }

    @Test
    void aWrongGradientIsNamedWithOperationInputIndexAndBothValues() {
        try (Scope scope = Scope.open(Backends.scalar())) {
            Tensor x = random(1, 2, 3);
            // Half of the dependence is hidden from the tape, so its gradient is half of the truth.
            GradientCheck.Function broken =
                    in -> Ops.multiply(in.get(0), in.get(0).detach());
            assertThatThrownBy(() -> GradientCheck.check("broken square", broken, x))
                    .isInstanceOf(AssertionError.class)
                    .hasMessageMatching("broken square: gradient of input 0 \\[2, 3] at \\[0, 0]: got .*, expected .*");
        }
    }

    /** The same as turning, putting in place and looking one after the other; what does not fit is said. */
    @Test
    void nothingIsLearnedThroughPages() {
        try (Scope scope = Scope.open(Backends.scalar())) {
            Tensor keys = random(1, 3, 2, 4, 8);
            Tensor values = random(2, 3, 2, 4, 8);
            Ops.Pages pages = new Ops.Pages(
                    keys, values, Tensor.of(new long[] {2, 0, 1, 1}, 2, 2), Tensor.of(new long[] {7, 3}, 2));
            Tensor q = random(3, 2, 1, 4, 8);
            Tensor k = random(4, 2, 1, 2, 8);
            Tensor v = random(5, 2, 1, 2, 8);
            Tensor angle = random(6, 2, 1, 4);
            Tensor y = Ops.stepInPages(new Ops.Token(q, k, v, angle, angle), pages);
            // The second sequence's three keys are in page 1.
            Tensor seen = Ops.slice(Ops.slice(keys, 0, 1, 2), 2, 0, 3);
            assertThat(Ops.slice(seen, 2, 2, 3).toDoubles())
                    .isEqualTo(Ops.slice(Ops.rotate(k, angle, angle), 0, 1, 2).toDoubles());
            Tensor shown = Ops.slice(Ops.slice(values, 0, 1, 2), 2, 0, 3);
            assertThat(Ops.slice(shown, 2, 2, 3).toDoubles())
                    .isEqualTo(Ops.slice(v, 0, 1, 2).toDoubles());
            Tensor query = Ops.slice(Ops.rotate(q, angle, angle), 0, 1, 2);
            assertThat(Ops.slice(y, 0, 1, 2).toDoubles())
                    .isEqualTo(Ops.attention(
                                    query,
                                    Ops.permute(seen, 0, 2, 1, 3),
                                    Ops.permute(shown, 0, 2, 1, 3),
                                    AttentionMask.none())
                            .toDoubles());
            Ops.Pages one =
                    new Ops.Pages(keys, values, Tensor.of(new long[] {2, 0}, 1, 2), Tensor.of(new long[] {7}, 1));
            assertThatThrownBy(() -> Ops.stepInPages(new Ops.Token(q, k, v, angle, angle), one))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("lengths I64 [B]")
                    .hasMessageContaining("[1]");
            assertThatThrownBy(() -> Ops.stepInPages(new Ops.Token(q, k, q, angle, angle), pages))
                    .hasMessageContaining("q [B, 1, Hq, D] and k, v [B, 1, Hkv, D]");
            assertThatThrownBy(() -> Ops.stepInPages(new Ops.Token(q, k, v, q, angle), pages))
                    .hasMessageContaining("cos and sin must be [B, 1, D / 2]");
            Tensor learned = Tensor.wrap(q.view(), true);
            try (Tape tape = Tape.record()) {
                assertThatThrownBy(() -> Ops.stepInPages(new Ops.Token(learned, k, v, angle, angle), pages))
                        .hasMessageContaining("no gradient goes through pages");
            }
        }
    }

    /** Each as it is alone; offsets that are none are refused, and said. */
    @Test
    void packedSequencesAreWhatTheyAreAlone() {
        try (Scope scope = Scope.open(Backends.scalar())) {
            Tensor q = random(1, 1, 6, 4, 2);
            Tensor k = random(2, 1, 6, 2, 2);
            Tensor v = random(3, 1, 6, 2, 2);
            Tensor y = Ops.attention(q, k, v, AttentionMask.packed(true, 0, 2, 2, 5));
            for (int[] rows : new int[][] {{0, 2}, {2, 5}}) {
                Tensor alone = Ops.attention(
                        q.slice(1, rows[0], rows[1]),
                        k.slice(1, rows[0], rows[1]),
                        v.slice(1, rows[0], rows[1]),
                        AttentionMask.causal());
                assertThat(y.slice(1, rows[0], rows[1]).toDoubles()).isEqualTo(alone.toDoubles());
            }
            assertThat(y.slice(1, 5, 6).toDoubles()).containsOnly(0);
            assertThatThrownBy(() -> Ops.attention(q, k, v, AttentionMask.packed(true, 0, 2, 7)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("queries end at row 7 of 6");
            assertThatThrownBy(() ->
                            Ops.attention(q, k, v, AttentionMask.packed(true, new long[] {0, 2}, new long[] {0, 8})))
                    .hasMessageContaining("keys end at row 8 of 6");
            Tensor two = random(1, 2, 3, 4, 2);
            assertThatThrownBy(() -> Ops.attention(two, k, v, AttentionMask.packed(true, 0, 2)))
                    .hasMessageContaining("batch of one");
        }
    }

    @Test
    void offsetsOfPackedSequencesAscendFromZero() {
        try (Scope scope = Scope.open(Backends.scalar())) {
            assertThatThrownBy(() -> AttentionMask.packed(true, 0, 5, 4))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("number 2 is 4 behind 5");
            assertThatThrownBy(() -> AttentionMask.packed(true, 1, 5))
                    .hasMessageContaining("begin with 0, given [1, 5]");
            assertThatThrownBy(() -> AttentionMask.packed(true)).hasMessageContaining("begin with 0, given []");
            assertThatThrownBy(() -> AttentionMask.packed(true, new long[] {0, 1}, new long[] {0, 1, 2}))
                    .hasMessageContaining("given 2 and 3");
            assertThatThrownBy(() -> AttentionMask.packed(true, new long[] {0, 1}, new long[] {0, -1}))
                    .hasMessageContaining("packed keys ascend, but number 1 is -1 behind 0");
        }
    }

    @Test
    void theCheckerSeesEveryElement() {
        try (Scope scope = Scope.open(Backends.scalar())) {
            Tensor x = random(1, 4);
            GradientCheck.Function lastOnly = in -> Ops.add(
                    in.get(0), Ops.affine(Ops.slice(in.get(0), 0, 3, 4), 0, 0).detach());
            GradientCheck.check("identity", lastOnly, x);
            assertThat(x.toDoubles()).hasSize(4);
        }
    }
}
