package io.aegis.training.faceshield;

import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.Backends;
import io.aegis.layers.Probe;
import io.aegis.training.Lanes;
import io.aegis.training.Shortage;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * An update of a tiny FaceShield's adapters whose device runs out of memory on the way: at the first allocations, and from there on at
 * every {@value #STRIDE}th, as all of them would take minutes. {@code io.aegis.training.ShortMemoryTest} has all of a smaller step.
 */
class ShortMemoryStepTest {
    private static final int FIRST = 3;
    /** A prime, so that it does not fall on the same kernels of every block. */
    private static final int STRIDE = 23;

    private static final double RATE = 1e-2;

    @TempDir
    static Path folder;

    /** Data, a model for stage 2, and what its tower sees of each picture. */
    @BeforeAll
    static void write() {
        TinyShield.write(folder, 8);
        FaceShieldTrainer.train(
                folder.resolve("base"),
                TinyShield.options(Stage.FULL, folder.resolve("full")),
                TinyShield.data(folder),
                TinyShield.SILENT);
    }

    @AfterEach
    void release() {
        Backends.choose(null);
    }

    private static FaceShieldTrainingOptions options() {
        return TinyShield.options(Stage.ADAPTERS, folder.resolve("run"));
    }

    /** As a run of stage 2 has it: dropout, masked vision tokens, and a block of two that is computed again going backward. */
    private static final class Student implements AutoCloseable {
        private final FaceShieldTrainingOptions options = options();
        private final BaseModel base = BaseModel.open(folder.resolve("full/best"));
        private final FaceShieldLearner learner = new FaceShieldLearner(base, options);
        private final Lanes lanes = new Lanes(1);
        private final Eyes eyes = new CachedEyes(
                learner.network(),
                learner.parameters(),
                base.dtype("vis.embeddings.position_embedding.weight"),
                options.run().cache());
        private final List<Lesson> lessons = Classroom.of(
                        TinyShield.data(folder), base, options, eyes, lanes, TinyShield.SILENT)
                .train()
                .subList(0, 2);
        private final FaceShieldStep step = new FaceShieldStep(
                new LessonLoss(
                        learner.network(),
                        eyes,
                        learner.network().config().options().pvtm().training(),
                        options.seed(),
                        1,
                        Probe.NONE),
                learner.trained(),
                learner.adam(),
                Optional.empty(),
                lanes,
                options.fit());

        FaceShieldStep.Report step() {
            return step.run(lessons, 0, p -> RATE);
        }

        /** What is trained, and Adam's moments and counts. */
        Map<String, byte[]> state() {
            Map<String, byte[]> out = new TreeMap<>();
            try (Arena arena = Arena.ofShared()) {
                learner.tensors(arena)
                        .forEach(t -> out.put(t.info().name(), t.bytes().toArray(ValueLayout.JAVA_BYTE)));
            }
            return out;
        }

        @Override
        public void close() {
            step.close();
            lanes.close();
            learner.close();
            base.close();
        }
    }

    private static void assertSame(String when, Map<String, byte[]> got, Map<String, byte[]> expected) {
        assertThat(got.keySet()).isEqualTo(expected.keySet());
        got.forEach((name, bytes) -> assertThat(bytes).as("%s, %s", name, when).isEqualTo(expected.get(name)));
    }

    /** Each failure leaves weights and optimiser as they were, and the same update goes well right after it: no half of a sum is left. */
    @Test
    void anUpdateThatFailsLeavesNothing() throws Exception {
        try (Shortage device = new Shortage()) {
            Backends.choose(device.kernels());
            Map<String, byte[]> fresh;
            Map<String, byte[]> learned;
            FaceShieldStep.Report report;
            try (Student s = new Student()) {
                fresh = s.state();
                report = s.step();
                learned = s.state();
            }
            String adapter = fresh.keySet().stream()
                    .filter(name -> name.endsWith("lora_B.weight") && !name.startsWith("adam."))
                    .findFirst()
                    .orElseThrow();
            assertThat(learned.get(adapter)).as(adapter).isNotEqualTo(fresh.get(adapter));
            long own = device.held();
            device.assertNothingIsLeft("after an update that went well", own);
            int failures = 0;
            boolean passed = false;
            for (int n = 1; !passed; n += n < FIRST ? 1 : STRIDE) {
                String when = "memory ended at allocation " + n;
                try (Student s = new Student()) {
                    passed = device.endingAt(n, s::step) == null;
                    assertThat(device.kernels().memory().liveBlocks()).as(when).isZero();
                    if (!passed) {
                        failures++;
                        assertSame(when, s.state(), fresh);
                        assertThat(s.step()).as(when).isEqualTo(report);
                    }
                    assertSame(when, s.state(), learned);
                }
                device.assertNothingIsLeft(when, own);
            }
            assertThat(failures).as("updates that failed").isGreaterThan(8);
        }
    }
}
