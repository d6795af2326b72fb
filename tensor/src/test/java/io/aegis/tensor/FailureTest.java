package io.aegis.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Philox;
import io.aegis.kernels.View;
import java.lang.foreign.Arena;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Kernels that fail at one call and at every one behind it, as those of a device do whose memory has ended, for each call of a pass there
 * and back: all memory is given back, and it is the first failure that is told.
 */
@ExtendWith(NoLeaks.class)
class FailureTest {
    private static final int ROWS = 3;
    private static final int WIDTH = 8;

    private static final class Refused extends RuntimeException {
        private static final long serialVersionUID = 1;

        private final int call;

        Refused(int call) {
            super("call " + call);
            this.call = call;
        }
    }

    /** The processor's kernels, whose calls are counted. */
    private static final class Failing {
        private final int first;
        private int calls;

        /** @param first call that fails, from 1 */
        Failing(int first) {
            this.first = first;
        }

        Kernels kernels() {
            return wrapped(Kernels.class, Backends.best());
        }

        /** Its families fail, and what only tells of it does not. */
        private <K> K wrapped(Class<K> type, K kernels) {
            return type.cast(
                    Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, (proxy, method, arguments) -> {
                        if (type != Kernels.class && ++calls >= first) {
                            throw new Refused(calls);
                        }
                        Object result = invoke(method, kernels, arguments);
                        boolean family = type == Kernels.class
                                && method.getParameterCount() == 0
                                && method.getReturnType().isInterface()
                                && method.getReturnType().getPackage() == type.getPackage();
                        return family && result != null ? family(method.getReturnType(), result) : result;
                    }));
        }

        private <F> F family(Class<F> type, Object kernels) {
            return wrapped(type, type.cast(kernels));
        }

        private static Object invoke(Method method, Object on, Object... arguments) throws Throwable {
            try {
                return method.invoke(on, arguments);
            } catch (InvocationTargetException e) {
                throw e.getCause();
            }
        }
    }

    private static Tensor leaf(Arena arena, long seed, long... shape) {
        View v = View.allocate(arena, DType.F32, shape);
        for (long i = 0; i < v.elements(); i++) {
            v.setAt(i, Philox.normal(seed, 0, 0, 0, i));
        }
        return Tensor.wrap(v, true);
    }

    /** Inputs with several readers, so that gradients come from several sides, and are passed on as they are, copied and summed. */
    private static Function<Tensor[], Tensor> block(Tensor weight, Tensor norm) {
        return in -> {
            Tensor x = in[0];
            Tensor h = Ops.linear(Ops.rmsNorm(x, norm, 1e-5), weight, null);
            Tensor y = Ops.add(Ops.multiply(x, Ops.siluGate(h, Ops.linear(x, weight, null))), x);
            return Ops.concat(1, Ops.slice(y, 1, 0, WIDTH / 2), Ops.slice(Ops.add(y, h), 1, WIDTH / 2, WIDTH));
        };
    }

    private static void everyCallOf(Consumer<List<Tensor>> pass) {
        long before = Pool.host().liveBlocks();
        int refused = 0;
        for (boolean passed = false; !passed; ) {
            Failing failing = new Failing(refused + 1);
            try (Arena arena = Arena.ofConfined();
                    Scope scope = Scope.open(failing.kernels())) {
                pass.accept(List.of(leaf(arena, 1, ROWS, WIDTH), leaf(arena, 2, WIDTH, WIDTH), leaf(arena, 3, WIDTH)));
                passed = true;
            } catch (Refused e) {
                refused++;
                assertThat(e.call).as("the call whose failure is told").isEqualTo(refused);
            }
            assertThat(Pool.host().liveBlocks() - before)
                    .as("blocks of memory after call %d failed", refused)
                    .isZero();
        }
        assertThat(refused).as("calls of kernels").isGreaterThan(40);
    }

    private static Tensor loss(List<Tensor> leaves, boolean checkpointed) {
        Tensor y = leaves.get(0);
        Tensor weight = leaves.get(1);
        Tensor norm = leaves.get(2);
        for (int i = 0; i < 2; i++) {
            Function<Tensor[], Tensor> block = block(weight, norm);
            Tensor[] inputs = {y};
            y = checkpointed ? Ops.checkpoint(block, inputs, List.of(weight, norm)) : block.apply(inputs);
        }
        return Ops.total(Ops.multiply(y, leaves.get(0)));
    }

    @Test
    void ofOneLoss() {
        everyCallOf(leaves -> {
            try (Tape tape = Tape.record();
                    Gradients g = tape.gradients(loss(leaves, false), leaves)) {
                assertThat(g.size()).isEqualTo(leaves.size());
            }
        });
    }

    @Test
    void ofBlocksThatAreComputedAgain() {
        everyCallOf(leaves -> {
            try (Tape tape = Tape.record();
                    Gradients g = tape.gradients(loss(leaves, true), leaves)) {
                assertThat(g.size()).isEqualTo(leaves.size());
            }
        });
    }

    @Test
    void ofSeveralLosses() {
        everyCallOf(leaves -> {
            try (Tape tape = Tape.record()) {
                Tensor y = block(leaves.get(1), leaves.get(2)).apply(new Tensor[] {leaves.get(0)});
                List<Tensor> losses = List.of(Ops.total(y), Ops.total(Ops.multiply(y, y)));
                int[] seen = new int[1];
                tape.backward(losses, List.of(leaves, leaves), (leaf, gradients) -> seen[0] += gradients.length);
                assertThat(seen[0]).isEqualTo(2 * leaves.size());
            }
        });
    }
}
