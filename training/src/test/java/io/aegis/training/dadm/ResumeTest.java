package io.aegis.training.dadm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.training.TrainingException;
import io.aegis.training.data.DataException;
import io.aegis.training.data.Domains;
import io.aegis.weights.Safetensors;
import io.aegis.weights.WeightsException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A run that stopped and went on is the run that did not stop. */
class ResumeTest {
    /** A run that nothing happened to. */
    @TempDir
    static Path straight;

    private static DadmTrainer.Outcome outcome;

    @TempDir
    Path folder;

    @BeforeAll
    static void run() {
        outcome = DadmTrainer.train(TinyFaces.options(straight), TinyFaces.data(TinyFaces::draw), TinyFaces.SILENT);
    }

    @ParameterizedTest
    @CsvSource({"intended, 4, 2, 19", "intended, 5, 1, 43", "official, 18, 1, 36"})
    void aRunThatFailsAndGoesOnWritesTheSameBytes(String recipe, int batch, int accumulation, int reads)
            throws IOException {
        Path whole = folder.resolve("whole");
        Path broken = folder.resolve("broken");
        DadmTrainingData data = TinyFaces.data(TinyFaces::draw);
        DadmTrainer.train(options(whole, recipe, batch, accumulation), data, TinyFaces.SILENT);

        assertThatThrownBy(() -> DadmTrainer.train(
                        options(broken, recipe, batch, accumulation),
                        TinyFaces.data(failingAfter(reads)),
                        TinyFaces.SILENT))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("the disk went away");
        DadmTrainer.resume(broken, data, TinyFaces.SILENT);

        assertSameRun(broken, whole);
    }

    private static DadmTrainingOptions options(Path out, String recipe, int batch, int accumulation) {
        DadmTrainingOptions tiny = TinyFaces.options(out).withRecipe(recipe);
        DadmTrainingOptions.Fit f = tiny.fit();
        DadmTrainingOptions.Input i = tiny.input();
        // The official recipe breaks where all pictures of a class are missing.
        boolean missing = !recipe.equals("official");
        return tiny.withFit(new DadmTrainingOptions.Fit(
                        f.epochs(), batch, accumulation, f.learningRate(), f.schedule(), f.warmUp(), f.weightDecay()))
                .withInput(new DadmTrainingOptions.Input(
                        i.balance(), i.augmentation(), missing ? i.missing() : Optional.empty(), i.modalities()));
    }

    static void assertSameRun(Path run, Path other) throws IOException {
        for (String file : List.of(
                "last.safetensors",
                "best/model.safetensors",
                "best/config.json",
                "log.csv",
                "curves.svg",
                "roc.svg",
                "scores.svg",
                "report.html")) {
            assertThat(run.resolve(file)).as(file).hasSameBinaryContentAs(other.resolve(file));
        }
    }

    static SampleSource failingAfter(int reads) {
        AtomicInteger count = new AtomicInteger();
        return sample -> {
            if (count.incrementAndGet() > reads) {
                throw new IOException("the disk went away");
            }
            return TinyFaces.draw(sample);
        };
    }

    @Test
    void threadsThatLoadDoNotMatter() throws IOException {
        Path four = folder.resolve("four");
        DadmTrainer.train(
                TinyFaces.options(four).withRun(new DadmTrainingOptions.Run(four, 0, 4)),
                TinyFaces.data(TinyFaces::draw),
                TinyFaces.SILENT);

        assertSameRun(four, straight);
    }

    @Test
    void aRunThatEndedIsNotTrainedFurther() throws IOException {
        byte[] last = Files.readAllBytes(straight.resolve("last.safetensors"));
        Files.delete(straight.resolve("roc.svg"));

        DadmTrainer.Outcome again =
                DadmTrainer.resume(TinyFaces.options(straight), TinyFaces.data(TinyFaces::draw), TinyFaces.SILENT);

        assertThat(again.log()).isEqualTo(outcome.log());
        assertThat(again.development()).isEqualTo(outcome.development());
        assertThat(straight.resolve("last.safetensors")).hasBinaryContent(last);
        assertThat(straight.resolve("roc.svg")).exists();
    }

    @Test
    void otherOptionsOrDataAreRefused() throws IOException {
        Path out = folder.resolve("run");
        DadmTrainingOptions options = TinyFaces.options(out);
        DadmTrainingData data = TinyFaces.data(TinyFaces::draw);
        assertThatThrownBy(() -> DadmTrainer.train(options, TinyFaces.data(failingAfter(20)), TinyFaces.SILENT))
                .isInstanceOf(DataException.class);
        byte[] last = Files.readAllBytes(out.resolve("last.safetensors"));

        assertThatThrownBy(
                        () -> DadmTrainer.resume(options.withFit(options.fit().withEpochs(3)), data, TinyFaces.SILENT))
                .isInstanceOf(TrainingException.class)
                .hasMessage(out + ": cannot be resumed with other options than it began with: epochs 3 rather than 2");
        DadmTrainingData more = new DadmTrainingData(
                new Domains(TinyFaces.DOMAINS), TinyFaces.split("train", 0, 8), data.development(), data.source());
        assertThatThrownBy(() -> DadmTrainer.resume(out, more, TinyFaces.SILENT))
                .isInstanceOf(TrainingException.class)
                .hasMessageStartingWith(out + ": cannot be resumed with other data than it began with");
        assertThatThrownBy(() -> DadmTrainer.train(options, data, TinyFaces.SILENT))
                .isInstanceOf(TrainingException.class)
                .hasMessageStartingWith(out + ": holds a run already");
        assertThat(out.resolve("last.safetensors")).hasBinaryContent(last);
    }

    @Test
    void whatIsNoRunIsRefused() throws IOException {
        DadmTrainingData data = TinyFaces.data(TinyFaces::draw);
        assertThatThrownBy(() -> DadmTrainer.resume(folder, data, TinyFaces.SILENT))
                .isInstanceOf(TrainingException.class)
                .hasMessage(folder + ": holds no run to resume; there is no run.json");

        Path out = folder.resolve("run");
        Files.createDirectory(out);
        Files.copy(straight.resolve("run.json"), out.resolve("run.json"));
        byte[] last = Files.readAllBytes(straight.resolve("last.safetensors"));
        Files.write(out.resolve("last.safetensors"), java.util.Arrays.copyOf(last, last.length / 2));
        assertThatThrownBy(() -> DadmTrainer.resume(out, data, TinyFaces.SILENT))
                .isInstanceOf(WeightsException.class)
                .hasMessageStartingWith(out.resolve("last.safetensors") + ": ");
        Files.copy(
                straight.resolve("best/model.safetensors"),
                out.resolve("last.safetensors"),
                java.nio.file.StandardCopyOption.REPLACE_EXISTING);
        assertThatThrownBy(() -> DadmTrainer.resume(out, data, TinyFaces.SILENT))
                .isInstanceOf(WeightsException.class)
                .hasMessageContaining("no checkpoint of a run");
    }

    @Test
    void aRunKilledBeforeItsFirstCheckpointStartsAnew() throws IOException {
        Path out = folder.resolve("run");
        DadmTrainingData data = TinyFaces.data(TinyFaces::draw);
        assertThatThrownBy(() ->
                        DadmTrainer.train(TinyFaces.options(out), TinyFaces.data(failingAfter(0)), TinyFaces.SILENT))
                .isInstanceOf(DataException.class);
        assertThat(out.resolve("last.safetensors")).doesNotExist();

        DadmTrainer.resume(out, data, TinyFaces.SILENT);

        assertSameRun(out, straight);
    }

    @Test
    void theCheckpointHoldsWhatTheRunIsMadeOf() {
        try (Safetensors last = Safetensors.open(straight.resolve("last.safetensors"))) {
            assertThat(last.metadata()).containsEntry("epoch", "2").containsEntry("step", "0");
            assertThat(last.metadata()).containsEntry("global_step", "10").containsEntry("seed", "42");
            // Five batches an epoch, two for an update and the last alone: three updates.
            assertThat(io.aegis.weights.Views.of(last, "adam.steps/class_token1")
                            .getLong(0))
                    .isEqualTo(6);
            assertThat(last.info("prototypes/2").shape()).containsExactly(5, 24);
            assertThat(io.aegis.weights.Views.of(last, "prototypes/present").toDoubles())
                    .containsExactly(1, 1, 1, 1, 0);
        }
    }
}
