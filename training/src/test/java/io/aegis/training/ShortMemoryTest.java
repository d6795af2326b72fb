package io.aegis.training;

import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.View;
import io.aegis.layers.Embedding;
import io.aegis.layers.Init;
import io.aegis.layers.LayerNorm;
import io.aegis.layers.Linear;
import io.aegis.layers.Parameter;
import io.aegis.layers.Parameters;
import io.aegis.layers.RmsNorm;
import io.aegis.tensor.Gradients;
import io.aegis.tensor.Ops;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import io.aegis.weights.StoredTensor;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** A training step whose device runs out of memory at each of its allocations in turn. */
class ShortMemoryTest {
    private static final int TOKENS = 5;
    private static final int WIDTH = 16;
    private static final int WORDS = 7;
    private static final int STRIDE = 29;

    /** A block of a language model, its loss and Adam. */
    private static final class Student implements AutoCloseable {
        private final Kernels kernels;
        private final Parameters parameters = new Parameters();
        private final Embedding words = new Embedding(parameters.at("words"), WORDS, WIDTH);
        private final RmsNorm before = new RmsNorm(parameters.at("before"), WIDTH, 1e-5);
        private final Linear qkv = new Linear(parameters.at("qkv"), WIDTH, 3 * WIDTH, true);
        private final Linear o = new Linear(parameters.at("o"), WIDTH, WIDTH, false);
        private final LayerNorm between = new LayerNorm(parameters.at("between"), WIDTH, 1e-6);
        private final Linear gate = new Linear(parameters.at("gate"), WIDTH, 2 * WIDTH, false);
        private final Linear up = new Linear(parameters.at("up"), WIDTH, 2 * WIDTH, false);
        private final Linear down = new Linear(parameters.at("down"), 2 * WIDTH, WIDTH, false);
        private final Adam adam;

        Student(Kernels kernels) {
            this.kernels = kernels;
            parameters.initialize(DType.F32, 3);
            adam = new Adam(parameters.trainable(), Adam.Constants.DADM);
        }

        private Tensor loss() {
            Tensor x = words.of(Tensor.of(new long[] {1, 4, 0, 6, 2}, 1, TOKENS));
            x = o.of(Ops.selfAttention(qkv.of(before.of(x)), 2), x);
            Tensor y = between.of(x);
            x = down.of(Ops.siluGate(gate.of(y), up.of(y)), x);
            return Ops.crossEntropy(
                    words.scores(x).reshape(TOKENS, WORDS), Tensor.of(new long[] {4, 0, 6, 2, 3}, TOKENS));
        }

        void step() {
            List<Parameter> all = parameters.trainable();
            try (Scope scope = Scope.open(kernels);
                    Tape tape = Tape.record();
                    Gradients gradients = tape.gradients(
                            loss(), all.stream().map(Parameter::tensor).toList())) {
                Map<Parameter, Tensor> each = new LinkedHashMap<>();
                all.forEach(p -> each.put(p, gradients.of(p.tensor())));
                adam.begin(1e-2);
                adam.update(each);
            }
        }

        /** Weights, and Adam's moments and counts. */
        Map<String, byte[]> state() {
            return ShortMemoryTest.state(parameters, adam);
        }

        @Override
        public void close() {
            adam.close();
            parameters.close();
        }
    }

    private static Map<String, byte[]> state(Parameters parameters, Adam adam) {
        Map<String, byte[]> out = new TreeMap<>();
        try (Arena arena = Arena.ofShared()) {
            List<StoredTensor> all = new ArrayList<>(adam.tensors(arena));
            parameters.all().forEach(p -> all.add(StoredTensor.of(p.name(), p.view(), arena)));
            all.forEach(t -> out.put(t.info().name(), t.bytes().toArray(ValueLayout.JAVA_BYTE)));
        }
        return out;
    }

    private static void assertSame(String when, Map<String, byte[]> got, Map<String, byte[]> expected) {
        assertThat(got.keySet()).isEqualTo(expected.keySet());
        got.forEach((name, bytes) -> assertThat(bytes).as("%s, %s", name, when).isEqualTo(expected.get(name)));
    }

    /** Each failure leaves weights and optimiser as they were, and the same step goes well right after it. */
    @Test
    void everyAllocationOfAStep() throws Exception {
        try (Shortage device = new Shortage()) {
            Map<String, byte[]> fresh;
            Map<String, byte[]> learned;
            try (Student s = new Student(device.kernels())) {
                fresh = s.state();
                s.step();
                learned = s.state();
            }
            assertThat(learned.get("words.weight")).isNotEqualTo(fresh.get("words.weight"));
            long own = device.held();
            device.assertNothingIsLeft("after a step that went well", own);
            assertThat(own).as("counters of kernels").isEqualTo(4L << 14);
            long n = 0;
            boolean passed = false;
            while (!passed) {
                n++;
                String when = "memory ended at allocation " + n;
                try (Student s = new Student(device.kernels())) {
                    passed = device.endingAt(n, s::step) == null;
                    assertThat(device.kernels().memory().liveBlocks()).as(when).isZero();
                    if (!passed) {
                        assertSame(when, s.state(), fresh);
                        s.step();
                    }
                    assertSame(when, s.state(), learned);
                }
                device.assertNothingIsLeft(when, own);
            }
            assertThat(n).as("allocations of a step").isGreaterThan(60);
        }
    }

    /** More parameters than one launch takes; memory ends at every {@value #STRIDE}th allocation. */
    @Test
    void allParametersAreUpdatedOrNone() throws Exception {
        try (Shortage device = new Shortage();
                Many expected = new Many();
                Many got = new Many()) {
            Map<String, byte[]> fresh = got.state();
            expected.update(device.kernels());
            long n = 1;
            int failures = 0;
            while (device.endingAt(n, () -> got.update(device.kernels())) != null) {
                assertSame("memory ended at allocation " + n, got.state(), fresh);
                got.letGo();
                n += STRIDE;
                failures++;
            }
            assertThat(failures).isGreaterThan(10);
            assertSame("after " + failures + " failures", got.state(), expected.state());
        }
    }

    /** Parameters that need two launches, and Adam. */
    private static final class Many implements AutoCloseable {
        private final Parameters parameters = new Parameters();
        private final Arena arena = Arena.ofShared();
        private final Map<Parameter, View> gradients = new LinkedHashMap<>();
        private Adam adam;

        Many() {
            for (int i = 0; i < 100; i++) {
                Parameter p = parameters.weight("p" + i, new Init.Normal(1), 3);
                View g = View.allocate(arena, DType.F32, 3);
                g.setAt(0, 0.1 * i);
                gradients.put(p, g);
            }
            parameters.initialize(DType.F32, 1);
            adam = new Adam(parameters.trainable(), Adam.Constants.DADM);
        }

        void update(Kernels kernels) {
            try (Scope scope = Scope.open(kernels)) {
                Map<Parameter, Tensor> all = new LinkedHashMap<>();
                gradients.forEach((p, g) -> all.put(p, Tensor.wrap(g, false)));
                adam.begin(1e-2);
                adam.update(all);
            }
        }

        /** Weights, and Adam's moments and counts. */
        Map<String, byte[]> state() {
            return ShortMemoryTest.state(parameters, adam);
        }

        /** The device's copies of weights and gradients, so that the next step needs memory for them again. */
        void letGo() {
            state();
            adam.close();
            adam = new Adam(parameters.trainable(), Adam.Constants.DADM);
            gradients.values().forEach(g -> g.buffer().discardMirror());
        }

        @Override
        public void close() {
            adam.close();
            gradients.values().forEach(g -> g.buffer().discardMirror());
            parameters.close();
            arena.close();
        }
    }
}
