package io.aegis.training.dadm;

import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.models.dadm.DadmConfig;
import io.aegis.models.dadm.Labels;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tensor;
import io.aegis.training.Shortage;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * Steps of a tiny DADM whose device runs out of memory on the way: at the first allocations of a step, and from there on at every
 * {@value #STRIDE}th, as all of them would take minutes. {@code ShortMemoryTest} has all of a smaller step.
 */
class ShortMemoryStepTest {
    private static final DadmConfig CONFIG = new DadmConfig(8, 1, 1, 2, 2, 16, 4, 2, 5);
    private static final DadmTrainingOptions OPTIONS = DadmTrainingOptions.published(CONFIG, Path.of("run"));
    private static final int FIRST = 3;
    /** A prime, so that it does not fall on the same kernels of every block. */
    private static final int STRIDE = 151;

    @AfterEach
    void release() {
        Backends.choose(null);
    }

    private static void step(Learner learner, int number) {
        try (Scope scope = Scope.open()) {
            learner.step().run(batch(number), number == 0 ? 0 : 1, number, 1e-3);
        }
    }

    private static Batch batch(int number) {
        Tensor[] pictures = new Tensor[3];
        for (int k = 0; k < 3; k++) {
            pictures[k] = Tensor.empty(DType.F32, 2, 3, CONFIG.image(), CONFIG.image());
            View v = pictures[k].view();
            for (long i = 0; i < v.elements(); i++) {
                v.setAt(i, Math.sin(0.37 * i + k + 5 * number));
            }
        }
        long[] live = {1, 0};
        Labels labels = new Labels(live, live.clone(), new long[] {0, 1});
        return new Batch(pictures, null, labels, Tensor.of(new long[] {7, 8}, 2));
    }

    private static Map<String, byte[]> state(Learner learner) {
        Map<String, byte[]> state = new TreeMap<>();
        try (Arena arena = Arena.ofShared()) {
            learner.tensors(arena)
                    .forEach(t -> state.put(t.info().name(), t.bytes().toArray(ValueLayout.JAVA_BYTE)));
        }
        return state;
    }

    private static Map<String, byte[]> learned(int steps) {
        try (Learner learner = Learner.fresh(OPTIONS)) {
            for (int i = 0; i < steps; i++) {
                step(learner, i);
            }
            return state(learner);
        }
    }

    private static void assertSame(String when, Map<String, byte[]> got, Map<String, byte[]> expected) {
        assertThat(got.keySet()).isEqualTo(expected.keySet());
        got.forEach((name, bytes) -> assertThat(bytes).as("%s, %s", name, when).isEqualTo(expected.get(name)));
    }

    /** After the last of the failures the same device gives the same bits, in steps kernel by kernel and recorded. */
    @Test
    void aStepThatFailsLeavesNothingOnTheDevice() throws Exception {
        try (Shortage device = new Shortage()) {
            Backends.choose(device.kernels());
            Map<String, byte[]> expected = learned(2);
            long own = device.held();
            int failures = 0;
            boolean passed = false;
            for (int n = 1; !passed; n += n < FIRST ? 1 : STRIDE) {
                String when = "memory ended at allocation " + n;
                try (Learner learner = Learner.fresh(OPTIONS)) {
                    passed = device.endingAt(n, () -> step(learner, 0)) == null;
                    failures += passed ? 0 : 1;
                    assertThat(device.kernels().memory().liveBlocks()).as(when).isZero();
                }
                device.assertNothingIsLeft(when, own);
            }
            assertThat(failures).as("steps that failed").isGreaterThan(5);
            assertSame("after " + failures + " failures", learned(2), expected);
            device.assertNothingIsLeft("at the end", own);
        }
    }

    /** Adam counts what it updated: nothing, where memory is short before a recorded step's way back. */
    @Test
    void aRecordedStepThatFailsCountsNothing() throws Exception {
        try (Shortage device = new Shortage()) {
            Backends.choose(device.kernels());
            List<String> failed = new ArrayList<>();
            try (Learner learner = Learner.fresh(OPTIONS)) {
                step(learner, 0);
                step(learner, 1);
                Map<String, byte[]> before = state(learner);
                for (int n = 1; n <= FIRST; n++) {
                    OutOfMemoryError full = device.endingAt(n, () -> step(learner, 2));
                    assertThat(full).as("allocation %d of a recorded step", n).isNotNull();
                    failed.add(full.getMessage());
                    Map<String, byte[]> after = state(learner);
                    before.forEach((name, bytes) -> {
                        if (name.startsWith("adam.")) {
                            assertThat(after.get(name)).as(name).isEqualTo(bytes);
                        }
                    });
                }
                step(learner, 2);
                Map<String, byte[]> after = state(learner);
                List<String> counts = before.keySet().stream()
                        .filter(name -> name.startsWith("adam.steps/") && before.get(name)[0] > 0)
                        .toList();
                assertThat(counts).hasSizeGreaterThan(50).allSatisfy(name -> assertThat(after.get(name))
                        .as("the step goes well afterwards")
                        .isEqualTo(oneMore(before.get(name))));
            }
            assertThat(failed).hasSize(FIRST);
        }
    }

    private static byte[] oneMore(byte[] count) {
        byte[] more = count.clone();
        more[0]++;
        return more;
    }
}
