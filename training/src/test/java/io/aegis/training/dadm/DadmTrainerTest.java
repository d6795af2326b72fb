package io.aegis.training.dadm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.models.dadm.Dadm;
import io.aegis.models.dadm.DadmConfig;
import io.aegis.models.dadm.Modality;
import io.aegis.tensor.Pool;
import io.aegis.training.Schedule;
import io.aegis.training.TrainingException;
import io.aegis.training.data.DataException;
import io.aegis.training.data.Domains;
import io.aegis.training.data.Sample;
import io.aegis.training.data.Split;
import io.aegis.training.metrics.Evaluation;
import io.aegis.training.metrics.PaperProtocol;
import io.aegis.training.metrics.Scores;
import io.aegis.training.metrics.ThresholdRule;
import io.aegis.weights.Safetensors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DadmTrainerTest {
    @TempDir
    Path folder;

    private DadmTrainingOptions options(int epochs, double rate) {
        return TinyFaces.options(folder.resolve("run"))
                .withFit(new DadmTrainingOptions.Fit(epochs, 6, 1, rate, new Schedule.Constant(), 0, 5e-5));
    }

    @Test
    void learnsChoosesAndWritesItsFolder() throws IOException {
        DadmTrainingOptions options = options(6, 3e-3).withInput(plainInput(Set.of(Modality.values())));
        DadmTrainingData data = TinyFaces.data(TinyFaces::draw);
        long before = Pool.host().liveBlocks();

        DadmTrainer.Outcome outcome = DadmTrainer.train(options, data, TinyFaces.SILENT);

        assertThat(Pool.host().liveBlocks()).as("nothing leaks").isEqualTo(before);
        assertThat(outcome.log()).hasSize(6).extracting(EpochLog::epoch).containsExactly(1, 2, 3, 4, 5, 6);
        assertThat(outcome.log().getLast().loss())
                .isLessThan(outcome.log().getFirst().loss());
        assertThat(outcome.development().auc()).isGreaterThan(0.9);
        assertThat(outcome.log()).allMatch(e -> EpochLog.BEST_FIRST.compare(outcome.best(), e) <= 0);
        Path run = folder.resolve("run");
        assertThat(run.resolve("log.csv")).hasContent(EpochLog.csv(outcome.log()));
        assertThat(EpochLog.parse(Files.readString(run.resolve("log.csv")))).isEqualTo(outcome.log());
        for (String picture : List.of("curves.svg", "roc.svg", "scores.svg")) {
            assertThat(run.resolve(picture)).content().startsWith("<svg");
        }
        assertThat(DadmTrainer.options(run)).isEqualTo(options);

        try (Dadm best = Dadm.load(outcome.model());
                Safetensors weights = Safetensors.open(outcome.model().resolve("model.safetensors"))) {
            assertThat(weights.metadata())
                    .containsEntry("format", "aegis-dadm")
                    .containsEntry("epoch", Integer.toString(outcome.best().epoch()))
                    .containsEntry("step", Integer.toString(outcome.best().epoch() * 3))
                    .containsEntry("modalities", "rgb, depth, ir");
            assertThat(best.info().domains()).isEqualTo(TinyFaces.DOMAINS);
            assertThat(best.threshold().orElseThrow().value())
                    .isEqualTo(outcome.best().threshold());
            evaluatesLikeTheFacade(best, data.development());
        }
    }

    private static void evaluatesLikeTheFacade(Dadm dadm, Split split) {
        DadmEvaluator evaluator = DadmEvaluator.of(dadm, TinyFaces::draw, 2);
        Scores all = evaluator.scores(split, io.aegis.training.metrics.Split.TEST, Set.of());
        Scores colour = evaluator.scores(
                split, io.aegis.training.metrics.Split.TEST, Set.of(Modality.DEPTH, Modality.INFRARED));
        Scores noColour = evaluator.scores(split, io.aegis.training.metrics.Split.TEST, Set.of(Modality.RGB));
        assertThat(all.samples()).hasSize(split.size());
        for (int i = 0; i < split.size(); i++) {
            Sample sample = split.samples().get(i);
            var files = TinyFaces.draw(sample);
            var depth = files.depth().orElseThrow();
            var infrared = files.infrared().orElseThrow();
            assertThat(all.samples().get(i).id()).isEqualTo(sample.id());
            assertThat(all.samples().get(i).score()).isCloseTo(dadm.score(files.rgb(), depth, infrared), within());
            assertThat(colour.samples().get(i).score()).isCloseTo(dadm.score(files.rgb(), null, null), within());
            assertThat(noColour.samples().get(i).score()).isCloseTo(dadm.score(null, depth, infrared), within());
        }
        Evaluation at = DadmEvaluator.evaluate(all, dadm.threshold().orElseThrow());
        assertThat(at.threshold().origin()).startsWith("equal error rate on the development set");
        assertThat(PaperProtocol.of(all).auc()).isEqualTo(at.auc());
    }

    private static org.assertj.core.data.Offset<Double> within() {
        return org.assertj.core.data.Offset.offset(1e-5);
    }

    private static DadmTrainingOptions.Input plainInput(Set<Modality> modalities) {
        return new DadmTrainingOptions.Input(
                io.aegis.training.data.Balance.NONE, io.aegis.image.Augmentation.NONE, Optional.empty(), modalities);
    }

    @Test
    void aModalityThatIsNotInUseHasNoInfluence() throws IOException {
        DadmTrainingOptions options = options(1, 1e-3)
                .withInput(plainInput(Set.of(Modality.DEPTH)))
                .withThreshold(new ThresholdRule.BpcerAtMost(0.2));
        DadmTrainer.train(options, TinyFaces.data(TinyFaces::draw), TinyFaces.SILENT);
        DadmTrainingData noise = TinyFaces.data(s -> {
            var files = TinyFaces.draw(s);
            return io.aegis.image.DadmPictures.Files.of(
                    files.infrared().orElseThrow(), files.depth().orElseThrow(), files.rgb());
        });
        Path other = folder.resolve("other");
        DadmTrainer.train(options.withRun(new DadmTrainingOptions.Run(other, 1, 1)), noise, TinyFaces.SILENT);

        ResumeTest.assertSameRun(other, folder.resolve("run"));
    }

    @Test
    void aRunThatDivergesSaysSoAndKeepsWhatWasSaved() throws IOException {
        assertThatThrownBy(() -> DadmTrainer.train(options(3, 1e30), TinyFaces.data(TinyFaces::draw), TinyFaces.SILENT))
                .isInstanceOf(TrainingException.class)
                .hasMessageStartingWith("epoch 1: ")
                .hasMessageContaining("a lower learning rate may help");
    }

    @Test
    void dataThatCannotTeachAreRefused() {
        Split train = TinyFaces.split("train", 0, 6);
        Split development = TinyFaces.split("development", 6, 10);
        Domains domains = new Domains(TinyFaces.DOMAINS);
        SampleSource none = TinyFaces::draw;
        assertThatThrownBy(() -> new DadmTrainingData(domains, new Split("train", List.of()), development, none))
                .isInstanceOf(DataException.class)
                .hasMessage("the training set 'train' has no samples");
        Split spoofs = new Split(
                "train",
                train.samples().stream()
                        .filter(s -> !s.domain().equals("CeFA") || !s.bonaFide())
                        .toList());
        assertThatThrownBy(() -> new DadmTrainingData(domains, spoofs, development, none))
                .isInstanceOf(DataException.class)
                .hasMessage("the training set 'train': domain 'CeFA' has 0 bona fide samples and 3 attacks;"
                        + " expected some of each");
        Split live = new Split(
                "development",
                development.samples().stream().filter(Sample::bonaFide).toList());
        assertThatThrownBy(() -> new DadmTrainingData(domains, train, live, none))
                .isInstanceOf(DataException.class)
                .hasMessage("the development set 'development' has 6 bona fide samples and 0 attacks;"
                        + " expected some of each");
        assertThatThrownBy(() -> new DadmTrainingData(new Domains(List.of("WMCA", "CeFA")), train, development, none))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("'SURF' is not among the training domains");
        assertThatThrownBy(() -> new DadmTrainingData(
                        new Domains(List.of("WMCA", "CeFA", "SURF", "PADISI")), train, development, none))
                .isInstanceOf(DataException.class)
                .hasMessageStartingWith("4 training domains (WMCA, CeFA, SURF, PADISI); DADM has heads for 3");
        DadmTrainingOptions small =
                DadmTrainingOptions.published(new DadmConfig(24, 2, 2, 2, 8, 48, 8, 4, 3), folder.resolve("run"));
        assertThatThrownBy(() -> DadmTrainer.train(small, TinyFaces.data(none), TinyFaces.SILENT))
                .isInstanceOf(TrainingException.class)
                .hasMessage("n_classes 3; the training domains WMCA, CeFA, SURF need 5");
        assertThat(folder.resolve("run")).doesNotExist();
    }

    @Test
    void halfOfTheSubjectsCanBeHeldOut() {
        DadmTrainingData data = DadmTrainingData.heldOut(TinyFaces.split("all", 0, 8), 0.5, 1, TinyFaces::draw);
        assertThat(data.train().size()).isEqualTo(12);
        assertThat(data.development().size()).isEqualTo(12);
        assertThat(data.domains().names()).isEqualTo(TinyFaces.DOMAINS);
    }
}
