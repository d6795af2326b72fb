package io.aegis.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.Activation;
import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.View;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Operations that do in one pass what others do in several, on the processor's kernels: the same bits, and the same gradients. */
@ExtendWith(NoLeaks.class)
class FusedLinearTest {
    private static View random(Arena arena, int seed, long... shape) {
        View v = View.allocate(arena, DType.F32, shape);
        Random random = new Random(seed);
        for (long i = 0; i < v.elements(); i++) {
            v.setAt(i, random.nextGaussian());
        }
        return v;
    }

    /** What comes out, and the gradients of those inputs that are wanted. */
    private static List<double[]> run(List<View> inputs, List<Integer> wanted, Function<List<Tensor>, Tensor> work) {
        List<double[]> out = new ArrayList<>();
        try (Arena arena = Arena.ofConfined();
                Scope scope = Scope.open(Backends.best());
                Tape tape = Tape.record()) {
            List<Tensor> in = IntStream.range(0, inputs.size())
                    .mapToObj(i -> Tensor.wrap(inputs.get(i), wanted.contains(i)))
                    .toList();
            Tensor y = work.apply(in);
            out.add(y.toDoubles());
            if (!wanted.isEmpty()) {
                Tensor loss = Ops.total(Ops.multiply(y, Tensor.wrap(random(arena, 9, y.shape()), false)));
                List<Tensor> leaves = wanted.stream().map(in::get).toList();
                try (Gradients g = tape.gradients(loss, leaves)) {
                    leaves.forEach(t -> out.add(g.of(t).toDoubles()));
                }
            }
        }
        return out;
    }

    /** Nothing is wanted, each input alone, and all together: what is kept for the way back depends on that. */
    private static void same(
            Function<List<Tensor>, Tensor> fused, Function<List<Tensor>, Tensor> apart, long[]... shapes) {
        List<List<Integer>> subsets = new ArrayList<>(List.of(List.of()));
        IntStream.range(0, shapes.length).forEach(i -> subsets.add(List.of(i)));
        subsets.add(IntStream.range(0, shapes.length).boxed().toList());
        try (Arena arena = Arena.ofConfined()) {
            List<View> inputs = new ArrayList<>();
            for (long[] shape : shapes) {
                inputs.add(random(arena, inputs.size(), shape));
            }
            for (List<Integer> wanted : subsets) {
                List<double[]> first = run(inputs, wanted, fused);
                List<double[]> second = run(inputs, wanted, apart);
                assertThat(first).hasSameSizeAs(second);
                assertThat(first.getFirst()).as("forward, wanted %s", wanted).isEqualTo(second.getFirst());
                for (int i = 1; i < first.size(); i++) {
                    assertThat(first.get(i))
                            .as("gradient of input %d, wanted %s", wanted.get(i - 1), wanted)
                            .containsExactly(second.get(i), within(1e-4));
                }
            }
        }
    }

    private static long[] s(long... shape) {
        return shape;
    }

    @Test
    void aResidual() {
        same(
                x -> Ops.linear(x.get(0), x.get(1), x.get(2), x.get(3)),
                x -> Ops.add(x.get(3), Ops.linear(x.get(0), x.get(1), x.get(2))),
                s(2, 19, 24),
                s(37, 24),
                s(37),
                s(2, 19, 37));
        same(
                x -> Ops.linearRows(x.get(0), x.get(1), null, x.get(2)),
                x -> Ops.add(x.get(2), Ops.linearRows(x.get(0), x.get(1), null)),
                s(3, 24),
                s(37, 24),
                s(3, 37));
    }

    @Test
    void anActivation() {
        for (Activation f : Activation.values()) {
            same(
                    x -> Ops.linearActivated(x.get(0), x.get(1), x.get(2), f),
                    x -> Ops.activate(f, Ops.linear(x.get(0), x.get(1), x.get(2))),
                    s(2, 19, 24),
                    s(48, 24),
                    s(48));
        }
        same(
                x -> Ops.linearActivated(x.get(0), x.get(1), null, Activation.GELU),
                x -> Ops.activate(Activation.GELU, Ops.linear(x.get(0), x.get(1), null)),
                s(1, 24),
                s(48, 24));
        try (Arena arena = Arena.ofConfined()) {
            QuantizedMatrix w = quantized(arena, 1, 48);
            same(
                    x -> Ops.linearActivated(x.get(0), w, x.get(1), Activation.QUICK_GELU),
                    x -> Ops.activate(Activation.QUICK_GELU, Ops.linear(x.get(0), w, x.get(1))),
                    s(3, 5, 64),
                    s(48));
        }
    }

    @Test
    void lowRankBeside() {
        same(
                x -> Ops.linearBoth(x.get(0), x.get(1), x.get(2), x.get(3)),
                x -> Ops.add(Ops.linear(x.get(0), x.get(1), null), Ops.linear(x.get(2), x.get(3), null)),
                s(2, 19, 24),
                s(37, 24),
                s(2, 19, 4),
                s(37, 4));
    }

    @Test
    void aGate() {
        same(
                x -> Ops.linearGate(x.get(0), x.get(1), x.get(2)),
                x -> Ops.siluGate(Ops.linear(x.get(0), x.get(1), null), Ops.linear(x.get(0), x.get(2), null)),
                s(2, 19, 24),
                s(37, 24),
                s(37, 24));
    }

    @Test
    void severalWeights() {
        same(
                x -> Ops.concat(
                        2,
                        Ops.linears(
                                x.get(0),
                                new Ops.Weights(x.get(1), x.get(2)),
                                new Ops.Weights(x.get(3), null),
                                new Ops.Weights(x.get(4), x.get(5)))),
                x -> Ops.concat(
                        2,
                        Ops.linear(x.get(0), x.get(1), x.get(2)),
                        Ops.linear(x.get(0), x.get(3), null),
                        Ops.linear(x.get(0), x.get(4), x.get(5))),
                s(2, 19, 24),
                s(37, 24),
                s(37),
                s(5, 24),
                s(8, 24),
                s(8));
    }

    @Test
    void severalWeightsOfFewBits() {
        try (Arena arena = Arena.ofConfined()) {
            QuantizedMatrix first = quantized(arena, 1);
            QuantizedMatrix second = quantized(arena, 2, 8);
            same(
                    x -> Ops.concat(
                            2,
                            Ops.linears(
                                    x.get(0),
                                    new Ops.QuantizedWeights(first, null),
                                    new Ops.QuantizedWeights(second, x.get(1)))),
                    x -> Ops.concat(2, Ops.linear(x.get(0), first, null), Ops.linear(x.get(0), second, x.get(1))),
                    s(2, 19, 64),
                    s(8));
        }
    }

    @Test
    void severalWeightsOfRows() {
        same(
                x -> Ops.concat(2, Ops.linearsOfRows(x.get(0), x.get(1), x.get(2), x.get(3))),
                x -> Ops.concat(
                        2,
                        x.subList(1, 4).stream()
                                .map(w -> Ops.linearRows(x.get(0), w, null))
                                .toArray(Tensor[]::new)),
                s(3, 1, 24),
                s(37, 24),
                s(5, 24),
                s(8, 24));
    }

    @Test
    void aGateOfRows() {
        same(
                x -> Ops.linearGateRows(x.get(0), x.get(1), x.get(2)),
                x -> Ops.siluGate(Ops.linearRows(x.get(0), x.get(1), null), Ops.linearRows(x.get(0), x.get(2), null)),
                s(3, 1, 24),
                s(37, 24),
                s(37, 24));
    }

    @Test
    void rowsOfWeightsOfFewBits() {
        try (Arena arena = Arena.ofConfined()) {
            QuantizedMatrix first = quantized(arena, 1);
            QuantizedMatrix second = quantized(arena, 2);
            same(
                    x -> Ops.concat(2, Ops.linearsOfRows(x.get(0), first, second)),
                    x -> Ops.concat(2, Ops.linearRows(x.get(0), first, null), Ops.linearRows(x.get(0), second, null)),
                    s(3, 1, 64));
            same(
                    x -> Ops.linearGateRows(x.get(0), first, second),
                    x -> Ops.siluGate(Ops.linearRows(x.get(0), first, null), Ops.linearRows(x.get(0), second, null)),
                    s(3, 1, 64));
        }
    }

    private static QuantizedMatrix quantized(Arena arena, int seed) {
        return quantized(arena, seed, 37);
    }

    private static QuantizedMatrix quantized(Arena arena, int seed, int rows) {
        View codes = View.allocate(arena, DType.I8, rows, 64);
        Random random = new Random(seed);
        for (long i = 0; i < codes.elements(); i++) {
            codes.setLongAt(i, random.nextInt(-127, 128));
        }
        return QuantizedMatrix.wrap(new QuantizedWeight(codes, random(arena, seed, rows, 2)), "w");
    }

    @Test
    void whatDoesNotFit() {
        try (Arena arena = Arena.ofConfined();
                Scope scope = Scope.open(Backends.best())) {
            Tensor x = Tensor.wrap(random(arena, 1, 3, 4), false);
            Tensor w = Tensor.wrap(random(arena, 2, 5, 4), false);
            assertThatThrownBy(() -> Ops.linear(x, w, null, x))
                    .hasMessageContaining("what is added must be as the result")
                    .hasMessageContaining("[3, 4]");
            assertThatThrownBy(() -> Ops.linearBoth(x, w, x, x)).hasMessageContaining("B and W must have as many rows");
            assertThatThrownBy(() -> Ops.linearGate(x, w, x)).hasMessageContaining("must have one shape");
            Tensor wrong = Tensor.wrap(random(arena, 3, 4, 5), false);
            assertThatThrownBy(() -> Ops.linearsOfRows(x, w, wrong))
                    .hasMessageContaining("the last size of x must be the last size of W")
                    .hasMessageContaining("[4, 5]");
            assertThatThrownBy(() -> Ops.linears(x, new Ops.Weights(w, null), new Ops.Weights(wrong, null)))
                    .hasMessageContaining("the last size of x must be the last size of W")
                    .hasMessageContaining("[4, 5]");
            assertThatThrownBy(() -> Ops.linearGateRows(x, w, x)).hasMessageContaining("must have one shape");
            Tensor wide = Tensor.wrap(random(arena, 4, 3, 65), false);
            assertThatThrownBy(() -> Ops.linearsOfRows(wide, quantized(arena, 1)))
                    .hasMessageContaining("the last size of x must be the last size of W, 64");
        }
    }
}
