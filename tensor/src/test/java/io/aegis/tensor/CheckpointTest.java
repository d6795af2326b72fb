package io.aegis.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.kernels.DType;
import io.aegis.kernels.Philox;
import io.aegis.kernels.View;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(NoLeaks.class)
class CheckpointTest {
    private static final int WIDTH = 8;

    private static Tensor leaf(Arena arena, long seed, long... shape) {
        View v = View.allocate(arena, DType.F32, shape);
        for (long i = 0; i < v.elements(); i++) {
            v.setAt(i, Philox.normal(seed, 0, 0, 0, i));
        }
        return Tensor.wrap(v, true);
    }

    /** A residual block that reads its input three times and its weight twice, with dropout. */
    private static Function<Tensor[], Tensor> block(Tensor weight, Tensor norm, long site) {
        return in -> {
            Tensor x = in[0];
            Tensor h = Ops.linear(Ops.rmsNorm(x, norm, 1e-5), weight, null);
            Tensor dropped =
                    Ops.dropout(h, 0.3, 5, Tensor.of(new long[] {1}, 1), site, Tensor.of(new long[] {3, 1, 4}, 3));
            return Ops.add(Ops.multiply(x, Ops.linear(dropped, weight, null)), Ops.slice(Ops.add(x, in[1]), 0, 0, 3));
        };
    }

    private interface Runner {
        Tensor run(Function<Tensor[], Tensor> block, Tensor[] inputs, List<Tensor> parameters);
    }

    private static double[][] gradients(Runner runner, List<Tensor> leaves, int passes) {
        try (Tape tape = Tape.record();
                Scope scope = Scope.open()) {
            Tensor x = leaves.get(0);
            Tensor norm = leaves.get(3);
            Tensor side = leaves.get(4);
            // One weight in two blocks, the input again behind them: every kind of sum of gradients.
            Tensor y = x;
            for (int i = 0; i < 4; i++) {
                Tensor weight = leaves.get(1 + i % 2);
                y = runner.run(block(weight, norm, i), new Tensor[] {y, side}, List.of(weight, norm));
            }
            Tensor loss = Ops.total(Ops.multiply(Ops.multiply(y, x), side));
            double[][] out = null;
            for (int p = 0; p < passes; p++) {
                try (Gradients g = tape.gradients(loss, leaves)) {
                    out = leaves.stream().map(l -> g.of(l).toDoubles()).toArray(double[][]::new);
                }
            }
            return out;
        }
    }

    @Test
    void gradientsAreTheSameBitForBitAlsoTheSecondTime() {
        try (Arena arena = Arena.ofConfined()) {
            List<Tensor> leaves = List.of(
                    leaf(arena, 1, 3, WIDTH),
                    leaf(arena, 2, WIDTH, WIDTH),
                    leaf(arena, 3, WIDTH, WIDTH),
                    leaf(arena, 4, WIDTH),
                    leaf(arena, 5, 3, WIDTH));
            double[][] plain = gradients((block, in, p) -> block.apply(in), leaves, 1);
            assertThat(gradients(Ops::checkpoint, leaves, 1)).isDeepEqualTo(plain);
            assertThat(gradients(Ops::checkpoint, leaves, 3)).isDeepEqualTo(plain);
            Runner nested = (block, in, p) -> Ops.checkpoint(inner -> Ops.checkpoint(block, inner, p), in, p);
            assertThat(gradients(nested, leaves, 2)).isDeepEqualTo(plain);
        }
    }

    @Test
    void onlyInputsAndOutputStayAlive() {
        try (Arena arena = Arena.ofConfined();
                Tape tape = Tape.record();
                Scope scope = Scope.open()) {
            Tensor x = leaf(arena, 1, 3, WIDTH);
            Tensor side = leaf(arena, 5, 3, WIDTH);
            Tensor w = leaf(arena, 2, WIDTH, WIDTH);
            Tensor norm = leaf(arena, 4, WIDTH);
            long before = Pool.host().liveBlocks();
            Tensor y = Ops.checkpoint(block(w, norm, 1), new Tensor[] {x, side}, List.of(w, norm));
            assertThat(Pool.host().liveBlocks() - before).isEqualTo(1);
            assertThat(y.shape()).containsExactly(3, WIDTH);
            assertThat(tape.size()).isEqualTo(1);
        }
    }

    @Test
    void aBlockThatIsNotDifferentiatedRunsOnce() {
        try (Scope scope = Scope.open()) {
            AtomicInteger runs = new AtomicInteger();
            Tensor x = Tensor.zeros(DType.F32, 2);
            Tensor y = Ops.checkpoint(
                    in -> {
                        runs.incrementAndGet();
                        return Ops.affine(in[0], 1, 1);
                    },
                    new Tensor[] {x},
                    List.of());
            assertThat(y.toDoubles()).containsExactly(1, 1);
            assertThat(runs).hasValue(1);
        }
    }

    @Test
    void aBlockMayHandItsArgumentBack() {
        try (Arena arena = Arena.ofConfined();
                Tape tape = Tape.record();
                Scope scope = Scope.open()) {
            Tensor x = leaf(arena, 1, 3);
            Tensor y = Ops.checkpoint(in -> in[0], new Tensor[] {x}, List.of());
            try (Gradients g = tape.gradients(Ops.total(Ops.affine(y, 2, 0)), List.of(x))) {
                assertThat(g.of(x).toDoubles()).containsOnly(2);
            }
        }
    }

    @Test
    void whatTheBlockReadsMustBeNamed() {
        try (Arena arena = Arena.ofConfined();
                Tape tape = Tape.record();
                Scope scope = Scope.open()) {
            Tensor x = leaf(arena, 1, 3, WIDTH);
            Tensor hidden = leaf(arena, 2, WIDTH).named("norm.weight");
            Tensor y = Ops.checkpoint(in -> Ops.rmsNorm(in[0], hidden, 1e-5), new Tensor[] {x}, List.of());
            Tensor loss = Ops.total(y);
            assertThatThrownBy(() -> tape.gradients(loss, List.of(x)))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("norm.weight")
                    .hasMessageContaining("neither among its inputs nor among its parameters");
        }
    }

    @Test
    void aParameterThatMovedMeanwhileIsRefused() {
        try (Arena arena = Arena.ofConfined();
                Tape tape = Tape.record();
                Scope scope = Scope.open()) {
            Tensor x = leaf(arena, 1, 3, WIDTH);
            Tensor w = leaf(arena, 2, WIDTH);
            Tensor loss = Ops.total(Ops.checkpoint(in -> Ops.rmsNorm(in[0], w, 1e-5), new Tensor[] {x}, List.of(w)));
            w.view().set(3, 0);
            w.changed();
            assertThatThrownBy(() -> tape.gradients(loss, List.of(x))).hasMessageContaining("changed in place");
        }
    }

    @Test
    void backwardFromAnyShapeWithAGivenGradient() {
        try (Arena arena = Arena.ofConfined();
                Tape tape = Tape.record();
                Scope scope = Scope.open()) {
            Tensor x = leaf(arena, 1, 2, 3);
            Tensor y = Ops.multiply(x, x);
            Tensor dy = Tensor.of(DType.F32, new double[] {1, 0, 2, 0, 0, -1}, 2, 3);
            double[] expected = x.toDoubles();
            Arrays.setAll(expected, i -> 2 * expected[i] * dy.toDoubles()[i]);
            for (int pass = 0; pass < 2; pass++) {
                try (Gradients g = new Gradients()) {
                    tape.backward(y, dy, List.of(x), g);
                    assertThat(g.of(x).toDoubles()).isEqualTo(expected);
                }
            }
            assertThatThrownBy(() -> tape.backward(y, x.reshape(3, 2), List.of(x), new Gradients()))
                    .isInstanceOf(IllegalArgumentException.class);
        }
    }
}
