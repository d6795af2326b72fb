package io.aegis.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(NoLeaks.class)
class TapeTest {
    private static Tensor leaf(Arena arena, double... values) {
        View v = View.allocate(arena, DType.F64, values.length);
        for (int i = 0; i < values.length; i++) {
            v.set(values[i], i);
        }
        return Tensor.wrap(v, true);
    }

    @Test
    void severalLossesOverOneTapeEachWithItsOwnLeaves() {
        try (Arena arena = Arena.ofConfined();
                Scope scope = Scope.open(Backends.scalar());
                Tape tape = Tape.record()) {
            Tensor a = leaf(arena, 2, 3);
            Tensor b = leaf(arena, 5, 7);
            Tensor product = Ops.multiply(a, b);
            Tensor first = Ops.total(product);
            Tensor second = Ops.total(Ops.multiply(product, product));
            try (Gradients g = tape.gradients(first, List.of(a, b));
                    Gradients h = tape.gradients(second, List.of(a));
                    Gradients again = tape.gradients(first, List.of(a, b))) {
                assertThat(g.of(a).toDoubles()).containsExactly(5, 7);
                assertThat(g.of(b).toDoubles()).containsExactly(2, 3);
                assertThat(h.of(a).toDoubles()).containsExactly(2 * 2 * 25, 2 * 3 * 49);
                assertThat(h.of(b)).isNull();
                assertThat(again.of(b).toDoubles()).containsExactly(2, 3);
            }
        }
    }

    @Test
    void onePassCarriesSeveralLosses() {
        try (Arena arena = Arena.ofConfined();
                Scope scope = Scope.open(Backends.scalar());
                Tape tape = Tape.record()) {
            Tensor a = leaf(arena, 2, 3);
            Tensor b = leaf(arena, 5, 7);
            Tensor c = leaf(arena, 11);
            Tensor unread = leaf(arena, 13);
            Tensor product = Ops.multiply(a, b);
            Tensor first = Ops.total(product);
            Tensor second = Ops.total(Ops.multiply(product, product));
            Tensor third = Ops.total(Ops.affine(c, 4, 0));
            List<Tensor> seen = new ArrayList<>();
            tape.backward(
                    List.of(first, second, third),
                    List.of(List.of(a, b), List.of(a, c, unread), List.of(a, b)),
                    (leaf, g) -> {
                        seen.add(leaf);
                        if (leaf == a) {
                            assertThat(g[0].toDoubles()).containsExactly(5, 7);
                            assertThat(g[1].toDoubles()).containsExactly(2 * 2 * 25, 2 * 3 * 49);
                            assertThat(g[2]).isNull();
                        } else if (leaf == b) {
                            assertThat(g[0].toDoubles()).containsExactly(2, 3);
                            assertThat(g[1]).as("not wanted").isNull();
                            assertThat(g[2]).isNull();
                        } else {
                            assertThat(leaf)
                                    .as("reached by a loss that does not want it")
                                    .isSameAs(c);
                            assertThat(g).containsOnlyNulls();
                        }
                    });
            assertThat(seen).containsExactlyInAnyOrder(a, b, c);
            tape.gradients(third, List.of(a)).close();
        }
    }

    @Test
    void aLossThatIsALeafOfAnotherAndABadCallOfSeveral() {
        try (Arena arena = Arena.ofConfined();
                Scope scope = Scope.open(Backends.scalar());
                Tape tape = Tape.record()) {
            Tensor a = leaf(arena, 2, 3);
            Tensor sum = Ops.total(a);
            Tensor square = Ops.multiply(sum, sum);
            tape.backward(List.of(sum, square), List.of(List.of(a), List.of(a)), (leaf, g) -> {
                assertThat(g[0].toDoubles()).containsExactly(1, 1);
                assertThat(g[1].toDoubles()).containsExactly(10, 10);
            });
            assertThatThrownBy(() -> tape.backward(List.of(sum), List.of(), (leaf, g) -> {}))
                    .hasMessageContaining("1 losses, and leaves of 0");
            assertThatThrownBy(() -> tape.backward(List.of(a), List.of(List.of(a)), (leaf, g) -> {}))
                    .hasMessageContaining("scalars");
        }
    }

    @Test
    void aLeafThatTheLossDoesNotReachHasNoGradient() {
        try (Arena arena = Arena.ofConfined();
                Scope scope = Scope.open(Backends.scalar());
                Tape tape = Tape.record()) {
            Tensor a = leaf(arena, 1);
            Tensor b = leaf(arena, 2);
            Tensor loss = Ops.total(Ops.affine(a, 3, 0));
            Ops.total(Ops.affine(b, 3, 0));
            try (Gradients g = tape.gradients(loss, List.of(a, b))) {
                assertThat(g.of(a).item()).isEqualTo(3);
                assertThat(g.of(b)).isNull();
            }
        }
    }

    @Test
    void gradientsArriveAsSoonAsTheyAreComplete() {
        try (Arena arena = Arena.ofConfined();
                Scope scope = Scope.open(Backends.scalar());
                Tape tape = Tape.record()) {
            Tensor early = leaf(arena, 2).named("early");
            Tensor late = leaf(arena, 3).named("late");
            Tensor loss = Ops.total(Ops.multiply(Ops.multiply(early, early), late));
            List<String> order = new ArrayList<>();
            tape.backward(loss, List.of(early, late), (l, g) -> order.add(l.name() + "=" + g.item()));
            assertThat(order).containsExactly("late=4.0", "early=12.0");
        }
    }

    @Test
    void whatTheTapeKeepsOutlivesAnInnerScopeAndWhatItDoesNotIsFreed() {
        try (Arena arena = Arena.ofConfined();
                Scope scope = Scope.open(Backends.scalar());
                Tape tape = Tape.record()) {
            Tensor a = leaf(arena, 1, 2, 3);
            long before = Pool.host().liveBlocks();
            Tensor y;
            try (Scope inner = Scope.open()) {
                Tensor square = Ops.multiply(a, a);
                Tensor shifted = Ops.affine(square, 1, 1); // nobody's backward needs it
                y = inner.keep(Ops.total(Ops.multiply(square, Ops.affine(shifted, 2, 0))));
            }
            // square and its partner for the last product, and y; not shifted nor the product.
            assertThat(Pool.host().liveBlocks() - before).isEqualTo(3);
            try (Gradients g = tape.gradients(y, List.of(a))) {
                // y = 2 a^4 + 2 a^2
                assertThat(g.of(a).toDoubles()).containsExactly(12, 72, 228);
            }
        }
    }

    @Test
    void backwardOverSomethingChangedInPlaceIsRefused() {
        try (Arena arena = Arena.ofConfined();
                Scope scope = Scope.open(Backends.scalar());
                Tape tape = Tape.record()) {
            Tensor a = leaf(arena, 1, 2);
            Tensor loss = Ops.total(Ops.multiply(a, a));
            a.view().set(9, 0);
            a.changed();
            assertThatThrownBy(() -> tape.gradients(loss, List.of(a)))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("changed in place");
        }
    }

    @Test
    void aTensorOfAClosedScopeSaysSo() {
        Tensor t;
        try (Scope scope = Scope.open(Backends.scalar())) {
            t = Tensor.zeros(DType.F32, 2);
        }
        Tensor gone = t;
        assertThatThrownBy(gone::view).hasMessageContaining("after its scope closed");
    }

    @Test
    void wrongShapesNameTheOperationAndEverythingGiven() {
        try (Scope scope = Scope.open(Backends.scalar())) {
            Tensor x = Tensor.zeros(DType.F32, 2, 3);
            Tensor w = Tensor.zeros(DType.F32, 4, 5).named("fc.weight");
            assertThatThrownBy(() -> Ops.linear(x, w, null))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("Linear")
                    .hasMessageContaining("[2, 3]")
                    .hasMessageContaining("fc.weight F32[4, 5]");
        }
    }

    @Test
    void scopesCloseInOrder() {
        Scope outer = Scope.open(Backends.scalar());
        Scope inner = Scope.open();
        assertThatThrownBy(outer::close).isInstanceOf(IllegalStateException.class);
        inner.close();
        outer.close();
        assertThatThrownBy(Scope::current).hasMessageContaining("try (Scope scope");
    }

    @Test
    void theGradientOfALeafUsedThroughViewsHasTheLeafsLayout() {
        try (Arena arena = Arena.ofConfined();
                Scope scope = Scope.open(Backends.scalar());
                Tape tape = Tape.record()) {
            Tensor a = Tensor.wrap(View.allocate(arena, DType.F64, 2, 3), true);
            Tensor loss = Ops.total(Ops.reshape(Ops.permute(a, 1, 0), 6));
            try (Gradients g = tape.gradients(loss, List.of(a))) {
                assertThat(g.of(a).view().strides()).containsExactly(3, 1);
                assertThat(g.of(a).toDoubles()).containsOnly(1);
            }
        }
    }

    /** A sum hands its gradient on to both of its terms; whoever projects or scales that of one must not change the other's. */
    @Test
    void gradientsMayBeWrittenInto() {
        try (Arena arena = Arena.ofConfined();
                Scope scope = Scope.open(Backends.scalar());
                Tape tape = Tape.record()) {
            Tensor early = leaf(arena, 2, 3);
            Tensor a = leaf(arena, 5, 7);
            Tensor b = leaf(arena, 1, 4);
            Tensor sum = Ops.add(Ops.add(Ops.multiply(early, early), a), b);
            Tensor loss = Ops.total(Ops.multiply(sum, sum));
            Tensor other = Ops.total(sum);
            List<Tensor> leaves = List.of(early, a, b);
            List<double[]> whole = new ArrayList<>();
            List<double[]> written = new ArrayList<>();
            tape.backward(loss, leaves, (leaf, g) -> whole.add(g.toDoubles()));
            tape.backward(loss, leaves, (leaf, g) -> {
                written.add(g.toDoubles());
                g.view().set(1000, 0);
            });
            assertThat(written).usingRecursiveComparison().isEqualTo(whole);
            written.clear();
            tape.backward(List.of(loss, other), List.of(leaves, leaves), (leaf, g) -> {
                written.add(g[0].toDoubles());
                assertThat(g[1].toDoubles()[1]).isEqualTo(leaf == early ? 6 : 1);
                g[0].view().set(1000, 0);
                g[1].view().set(1000, 1);
            });
            assertThat(written).usingRecursiveComparison().isEqualTo(whole);
        }
    }
}
