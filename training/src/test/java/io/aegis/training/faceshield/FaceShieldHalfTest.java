package io.aegis.training.faceshield;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.offset;

import io.aegis.kernels.Backends;
import io.aegis.training.HalfOperands;
import io.aegis.training.Schedule;
import io.aegis.training.StoredScale;
import io.aegis.training.TrainingException;
import io.aegis.training.report.ProgressBar;
import io.aegis.weights.Safetensors;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Whole runs whose gradients go back in half precision. */
class FaceShieldHalfTest {
    /** Data, and a model for the stages that begin with one. */
    @TempDir
    static Path shared;

    private static final HalfOperands NARROW = new HalfOperands(0x1p12);

    private static FaceShieldTrainer.Outcome full;

    @TempDir
    Path folder;

    @BeforeAll
    static void run() {
        TinyShield.write(shared, 16);
        full = train(Stage.FULL, shared.resolve("full"), TinyShield.SILENT);
    }

    @BeforeEach
    void choose() {
        Backends.choose(new HalfOperands(1));
    }

    @AfterEach
    void release() {
        Backends.choose(null);
    }

    private static Path base(Stage stage) {
        return stage == Stage.FULL ? shared.resolve("base") : shared.resolve("full/best");
    }

    private static FaceShieldTrainer.Outcome train(Stage stage, Path out, ProgressBar.Surroundings console) {
        return FaceShieldTrainer.train(base(stage), TinyShield.options(stage, out), TinyShield.data(shared), console);
    }

    private static void resume(Stage stage, Path out, ProgressBar.Surroundings console) {
        FaceShieldTrainer.resume(base(stage), TinyShield.options(stage, out), TinyShield.data(shared), console);
    }

    @ParameterizedTest
    @EnumSource(Stage.class)
    void everyStageLearnsAsInFloat32(Stage stage) throws IOException {
        Path run = folder.resolve("run");
        FaceShieldTrainer.Outcome half = train(stage, run, TinyShield.SILENT);
        Backends.choose(null);
        FaceShieldTrainer.Outcome exact =
                stage == Stage.FULL ? full : train(stage, folder.resolve("exact"), TinyShield.SILENT);

        assertThat(half.log()).hasSameSizeAs(exact.log());
        for (int i = 0; i < half.log().size(); i++) {
            UpdateLog ours = half.log().get(i);
            UpdateLog theirs = exact.log().get(i);
            // Operands have 11 bits, and an update is a sum of many: seen are 2e-6 and 1e-3.
            assertThat(ours.loss()).isCloseTo(theirs.loss(), offset(2e-5 * theirs.loss()));
            assertThat(ours.norm()).isCloseTo(theirs.norm(), offset(4e-3 * theirs.norm()));
        }
        try (Safetensors last = Safetensors.open(run.resolve("last.safetensors"))) {
            assertThat(StoredScale.of(last)).isEqualTo(new StoredScale(65536, 10));
        }
        try (Safetensors last = Safetensors.open(exact.model().resolveSibling("last.safetensors"))) {
            assertThat(last.names()).noneMatch(n -> n.startsWith("loss_scale"));
        }
        assertThat(run.resolve("loss_scale.csv")).hasContent("step,before,after\n");
        assertThat(exact.model().resolveSibling("loss_scale.csv")).doesNotExist();
    }

    /** Half precision that ends at 16 rather than 65504. */
    @Test
    void overflowIsToldAndLosesNothing() throws IOException {
        Backends.choose(NARROW);
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        Path run = folder.resolve("run");
        FaceShieldTrainer.Outcome outcome = train(
                Stage.FULL,
                run,
                new ProgressBar.Surroundings(
                        new PrintStream(said, true, StandardCharsets.UTF_8), false, 80, System::nanoTime, () -> 0));

        assertThat(run.resolve("loss_scale.csv"))
                .content()
                .startsWith("step,before,after\n1,65536.0,32768.0\n1,32768.0,");
        assertThat(said.toString(StandardCharsets.UTF_8))
                .contains("loss scale 32768 rather than 65536: gradients of step 1 overflowed, it is computed again");
        assertThat(outcome.log()).hasSameSizeAs(full.log());
        for (int i = 0; i < full.log().size(); i++) {
            UpdateLog theirs = full.log().get(i);
            assertThat(outcome.log().get(i).loss()).isCloseTo(theirs.loss(), offset(2e-5 * theirs.loss()));
            assertThat(outcome.log().get(i).learningRate()).isEqualTo(theirs.learningRate());
        }
    }

    /** Overflow at the start, a scale that grows, and that overflows again, wherever the run stops. */
    @Test
    void aRunThatStoppedGoesOnWithTheSameBytes() throws IOException {
        Backends.choose(NARROW);
        Path whole = folder.resolve("whole");
        Path broken = folder.resolve("broken");
        train(Stage.FULL, whole, TinyShield.SILENT);
        failing(() -> train(Stage.FULL, broken, TinyShield.console(22, FaceShieldHalfTest::stop)));
        resume(Stage.FULL, broken, TinyShield.SILENT);
        assertSameRun(broken, whole);

        Path early = folder.resolve("early");
        Path twice = folder.resolve("twice");
        failing(() -> train(Stage.FULL, early, TinyShield.console(20, FaceShieldHalfTest::stop)));
        StoredScale.pretend(early.resolve("last.safetensors"), 1998);
        StoredScale.copy(early, twice);
        resume(Stage.FULL, early, TinyShield.SILENT);
        failing(() -> resume(Stage.FULL, twice, TinyShield.console(20, FaceShieldHalfTest::stop)));
        resume(Stage.FULL, twice, TinyShield.SILENT);
        assertSameRun(twice, early);
        assertThat(early.resolve("loss_scale.csv"))
                .content()
                .contains(",256.0,512.0\n")
                .contains(",512.0,256.0\n");
    }

    private static void assertSameRun(Path run, Path other) {
        FaceShieldResumeTest.assertSameRun(run, other, "best/model.safetensors");
        assertThat(run.resolve("loss_scale.csv")).hasSameBinaryContentAs(other.resolve("loss_scale.csv"));
    }

    private static void stop() {
        throw new IllegalStateException("the clock stopped");
    }

    private static void failing(ThrowingCallable run) {
        assertThatThrownBy(run).hasMessage("the clock stopped");
    }

    @Test
    void aStateOfAnotherPrecisionGoesOn() {
        Backends.choose(null);
        Path out = folder.resolve("run");
        Path last = out.resolve("last.safetensors");
        failing(() -> train(Stage.FULL, out, TinyShield.console(20, FaceShieldHalfTest::stop)));
        Backends.choose(new HalfOperands(1));
        failing(() -> resume(Stage.FULL, out, TinyShield.console(20, FaceShieldHalfTest::stop)));
        try (Safetensors state = Safetensors.open(last)) {
            assertThat(StoredScale.of(state).scale()).isEqualTo(65536);
            assertThat(StoredScale.of(state).good()).isBetween(1L, 8L);
        }
        Backends.choose(null);
        resume(Stage.FULL, out, TinyShield.SILENT);
        try (Safetensors state = Safetensors.open(last)) {
            assertThat(state.names()).noneMatch(n -> n.startsWith("loss_scale"));
        }
    }

    @Test
    void aRunThatDivergesNamesTheOtherTypes() {
        Path out = folder.resolve("run");
        FaceShieldTrainingOptions options = TinyShield.options(Stage.FULL, out);
        FaceShieldTrainingOptions.Fit f = options.fit();
        FaceShieldTrainingOptions wild = options.withFit(new FaceShieldTrainingOptions.Fit(
                3, 2, 2, f.normalization(), 1e30, 1e30, new Schedule.Constant(), 0, f.beta2(), 0, f.clip()));

        assertThatThrownBy(() ->
                        FaceShieldTrainer.train(base(Stage.FULL), wild, TinyShield.data(shared), TinyShield.SILENT))
                .isInstanceOf(TrainingException.class)
                .hasMessageContaining("training diverged, ")
                .hasMessageContaining(
                        "a lower learning rate may help, or --dtype bf16 or f32: float16 has no number above 65504");
    }
}
