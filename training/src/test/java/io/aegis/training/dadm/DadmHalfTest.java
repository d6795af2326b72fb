package io.aegis.training.dadm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.offset;

import io.aegis.kernels.Backends;
import io.aegis.training.HalfOperands;
import io.aegis.training.StoredScale;
import io.aegis.training.TrainingException;
import io.aegis.training.data.DataException;
import io.aegis.training.report.ProgressBar;
import io.aegis.weights.Safetensors;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whole runs whose gradients go back in half precision: two batches an update, of which the last is alone. */
class DadmHalfTest {
    /** Half precision that ends at 1024 rather than 65504. */
    private static final HalfOperands NARROW = new HalfOperands(0x1p6);

    @TempDir
    Path folder;

    @AfterEach
    void release() {
        Backends.choose(null);
    }

    /**
     * Updates that move next to nothing, so that an epoch's loss is that of the parameters it began with: an update of Adam's is as
     * long for a gradient that is mostly rounding, and after a few of those two runs go apart.
     */
    private static DadmTrainingOptions still(Path out) {
        DadmTrainingOptions options = TinyFaces.options(out);
        DadmTrainingOptions.Fit f = options.fit();
        return options.withFit(new DadmTrainingOptions.Fit(
                f.epochs(), f.batchSize(), f.accumulation(), 1e-9, f.schedule(), f.warmUp(), f.weightDecay()));
    }

    @Test
    void overflowIsToldAndLosesNothing() {
        DadmTrainer.Outcome exact =
                DadmTrainer.train(still(folder.resolve("exact")), TinyFaces.data(TinyFaces::draw), TinyFaces.SILENT);
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        Path run = folder.resolve("run");
        Backends.choose(NARROW);
        DadmTrainer.Outcome half = DadmTrainer.train(
                still(run),
                TinyFaces.data(TinyFaces::draw),
                new ProgressBar.Surroundings(
                        new PrintStream(said, true, StandardCharsets.UTF_8), false, 80, System::nanoTime, () -> 0));

        assertThat(half.log()).hasSameSizeAs(exact.log());
        for (int epoch = 0; epoch < exact.log().size(); epoch++) {
            EpochLog ours = half.log().get(epoch);
            EpochLog theirs = exact.log().get(epoch);
            assertThat(ours.loss()).isCloseTo(theirs.loss(), offset(5e-4));
            assertThat(ours.depth()).isCloseTo(theirs.depth(), offset(2e-4));
            assertThat(ours.agreement()).isCloseTo(theirs.agreement(), offset(2e-4));
        }
        assertThat(run.resolve("loss_scale.csv"))
                .content()
                .startsWith("step,before,after\n2,65536.0,32768.0\n2,32768.0,");
        assertThat(said.toString(StandardCharsets.UTF_8))
                .contains("loss scale 32768 rather than 65536: gradients of step 2 overflowed, it is computed again");
        try (Safetensors state = Safetensors.open(folder.resolve("exact/last.safetensors"))) {
            assertThat(state.names()).noneMatch(n -> n.startsWith("loss_scale"));
        }
        assertThat(folder.resolve("exact/loss_scale.csv")).doesNotExist();
    }

    /** Overflow at the start and a scale that grows, wherever the run stops. */
    @Test
    void aRunThatStoppedGoesOnWithTheSameBytes() throws IOException {
        Backends.choose(NARROW);
        Path straight = folder.resolve("straight");
        Path broken = folder.resolve("broken");
        // One thread loads: of two, the one that is late may be the first to be told, before anything was saved.
        DadmTrainingOptions inOrder = TinyFaces.options(straight).withRun(new DadmTrainingOptions.Run(straight, 1, 1));
        failing(() -> DadmTrainer.train(inOrder, TinyFaces.data(ResumeTest.failingAfter(15)), TinyFaces.SILENT));
        StoredScale.pretend(straight.resolve("last.safetensors"), 1998);
        StoredScale.copy(straight, broken);
        DadmTrainer.resume(straight, TinyFaces.data(TinyFaces::draw), TinyFaces.SILENT);
        failing(() -> DadmTrainer.resume(broken, TinyFaces.data(ResumeTest.failingAfter(31)), TinyFaces.SILENT));
        DadmTrainer.resume(broken, TinyFaces.data(TinyFaces::draw), TinyFaces.SILENT);

        ResumeTest.assertSameRun(broken, straight);
        assertThat(broken.resolve("loss_scale.csv")).hasSameBinaryContentAs(straight.resolve("loss_scale.csv"));
        assertThat(straight.resolve("loss_scale.csv")).content().endsWith("5,1024.0,2048.0\n");
    }

    @Test
    void aRunThatDivergesNamesTheOtherTypes() {
        Backends.choose(NARROW);
        DadmTrainingOptions options = TinyFaces.options(folder.resolve("run"));
        DadmTrainingOptions.Fit f = options.fit();
        DadmTrainingOptions wild = options.withFit(new DadmTrainingOptions.Fit(
                3, f.batchSize(), f.accumulation(), 1e30, f.schedule(), f.warmUp(), f.weightDecay()));
        assertThatThrownBy(() -> DadmTrainer.train(wild, TinyFaces.data(TinyFaces::draw), TinyFaces.SILENT))
                .isInstanceOf(TrainingException.class)
                .hasMessageStartingWith("epoch 1: ")
                .hasMessageContaining(
                        "; a lower learning rate may help, or --dtype bf16 or f32: float16 has no number above 65504");
    }

    private static void failing(ThrowingCallable run) {
        assertThatThrownBy(run).isInstanceOf(DataException.class).hasMessageContaining("the disk went away");
    }
}
