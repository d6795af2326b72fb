package io.aegis.training.faceshield;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.models.faceshield.FaceShield;
import io.aegis.models.faceshield.SimilaritySpace;
import io.aegis.models.lora.Adapter;
import io.aegis.tensor.Pool;
import io.aegis.training.Lanes;
import io.aegis.training.Schedule;
import io.aegis.training.TrainingException;
import io.aegis.training.data.DataException;
import io.aegis.training.memory.MemoryReport;
import io.aegis.training.metrics.Sample;
import io.aegis.weights.Safetensors;
import io.aegis.weights.Views;
import io.aegis.weights.WeightsException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class FaceShieldTrainerTest {
    /** A model that has learned from nothing, for the other stages to start from. */
    @TempDir
    static Path shared;

    private static FaceShieldTrainer.Outcome full;

    @TempDir
    Path folder;

    @BeforeAll
    static void train() {
        TinyShield.write(shared, 16);
        full = FaceShieldTrainer.train(
                shared.resolve("base"),
                TinyShield.options(Stage.FULL, shared.resolve("run")),
                TinyShield.data(shared),
                TinyShield.SILENT);
    }

    private FaceShieldTrainer.Outcome stage(Stage stage, Path out) {
        return FaceShieldTrainer.train(
                full.model(), TinyShield.options(stage, out), TinyShield.data(shared), TinyShield.SILENT);
    }

    @Test
    void fullLearnsAndWritesAModelThatAnswers() throws IOException {
        Path run = shared.resolve("run");
        assertThat(full.log().getLast().loss()).isLessThan(full.log().getFirst().loss());
        assertThat(full.development()).hasSize(2);
        assertThat(full.development().getLast().loss())
                .isLessThan(full.development().getFirst().loss());
        assertThat(full.best()).isEqualTo(full.development().getLast());
        assertThat(full.problems().isEmpty()).isTrue();
        assertThat(run.resolve("log.csv")).hasContent(UpdateLog.csv(full.log()));
        assertThat(UpdateLog.parse(Files.readString(run.resolve("log.csv")))).isEqualTo(full.log());
        assertThat(DevelopmentLog.parse(Files.readString(run.resolve("development_log.csv"))))
                .isEqualTo(full.development());
        for (String picture : List.of("curves.svg", "roc.svg", "scores.svg")) {
            assertThat(run.resolve(picture)).content().startsWith("<svg");
        }
        try (FaceShield shield = FaceShield.load(full.model());
                Lanes lanes = new Lanes(2)) {
            assertThat(shield.threshold().orElseThrow().value())
                    .isEqualTo(full.best().threshold());
            InstructionSet development = TinyShield.data(shared).development();
            FaceShieldEvaluator.Outcome asked =
                    new FaceShieldEvaluator(shield, lanes, new Problems()).evaluate(development, TinyShield.SILENT);
            assertThat(asked.overall().coarse()).isPresent();
            assertThat(asked.overall().localization().orElseThrow().ious()).hasSize(2);
            assertThat(asked.overall().scored().orElseThrow().auc())
                    .isEqualTo(full.best().auc());
            // The facade reads a prompt in two pieces, training in one.
            assertThat(asked.scores().orElseThrow().samples())
                    .extracting(Sample::score)
                    .usingComparatorForType((a, b) -> Math.abs(a - b) < 1e-3 ? 0 : Double.compare(a, b), Double.class)
                    .containsExactlyElementsOf(io.aegis.training.data.ScoresFile.read(
                                    run.resolve("development.csv"), "d", io.aegis.training.metrics.Split.DEVELOPMENT)
                            .samples()
                            .stream()
                            .map(Sample::score)
                            .toList());
        }
    }

    /** Vision tokens are masked at random, so that lessons are a little shorter than planned. */
    @ParameterizedTest
    @EnumSource(Stage.class)
    void memoryIsWhatWasPlanned(Stage stage) {
        FaceShieldTrainer.Outcome outcome = stage == Stage.FULL ? full : stage(stage, folder.resolve("run"));
        MemoryReport memory = outcome.memory();

        assertThat(memory.counted()).isBetween(memory.tensors() / 2, memory.tensors() + memory.tensors() / 100);
        assertThat(memory.longest().orElseThrow().total())
                .isGreaterThan(memory.tensors())
                .isLessThan(memory.allowed().total());
        Path run = stage == Stage.FULL ? shared.resolve("run") : folder.resolve("run");
        assertThat(run.resolve("report.html")).content().contains(">Memory<", "trained weights");
        assertThat(run.resolve("memory.txt")).content().contains("trained weights", "tensors of an update, counted: ");
    }

    @Test
    void aRunThatWouldNotFitDoesNotBegin() {
        Path out = folder.resolve("run");
        FaceShieldTrainingOptions options = TinyShield.options(Stage.ADAPTERS, out)
                .withRun(new FaceShieldTrainingOptions.Run(out, 1, null, 100_000));

        assertThatThrownBy(() ->
                        FaceShieldTrainer.train(full.model(), options, TinyShield.data(shared), TinyShield.SILENT))
                .isInstanceOf(TrainingException.class)
                .hasMessageContaining("more than the 0.10 MB that are allowed; the largest parts: ");
        assertThat(out).doesNotExist();
    }

    /** Half of the blocks computed again, and none, learn the same bits. */
    @Test
    void aBudgetChangesNothingThatIsLearned() {
        FaceShieldTrainer.Outcome all = stage(Stage.ADAPTERS, folder.resolve("all"));
        Path out = folder.resolve("some");
        FaceShieldTrainer.Outcome some = FaceShieldTrainer.train(
                full.model(),
                TinyShield.options(Stage.ADAPTERS, out)
                        .withRun(new FaceShieldTrainingOptions.Run(out, 1, null, 1L << 40)),
                TinyShield.data(shared),
                TinyShield.SILENT);

        assertThat(all.memory().allowed().title()).contains("2 of 2 blocks computed again");
        assertThat(some.memory().allowed().title()).contains("0 of 2 blocks computed again");
        assertThat(some.model().resolve("adapter_model.safetensors"))
                .hasSameBinaryContentAs(all.model().resolve("adapter_model.safetensors"));
    }

    @Test
    void stageOneChangesTheProjectorAndNothingElse() {
        long before = Pool.host().liveBlocks();
        FaceShieldTrainer.Outcome outcome = stage(Stage.PROJECTOR, folder.resolve("run"));

        assertThat(Pool.host().liveBlocks()).as("nothing leaks").isEqualTo(before);
        try (Safetensors then = Safetensors.open(full.model().resolve("model.safetensors"));
                Safetensors now = Safetensors.open(outcome.model().resolve("model.safetensors"))) {
            assertThat(now.names()).containsExactlyInAnyOrderElementsOf(then.names());
            for (String name : now.names()) {
                boolean same = then.bytes(name).mismatch(now.bytes(name)) < 0;
                assertThat(same).as(name).isEqualTo(!name.startsWith("model.mm_projector."));
            }
        }
        try (Stream<Path> features = files(folder.resolve("run/features"))) {
            assertThat(features).hasSize(16);
        }
    }

    /** A base that ranks nothing by what was learned is given a map of questions, which then learns. */
    @Test
    void stageOneLearnsWhatOnlyAFaceShieldHas() throws IOException {
        Path base = folder.resolve("base");
        Files.createDirectory(base);
        for (String name : List.of("config.json", "tokenizer.json", "model.safetensors")) {
            Files.copy(full.model().resolve(name), base.resolve(name));
        }
        Path config = base.resolve("config.json");
        Files.writeString(
                config,
                Files.readString(config)
                        .replace(
                                "\"faceshield\": {",
                                "\"faceshield\": {\"pvtm\": {\"similarity\": \"prompt-mean-tower\"}, "));
        FaceShieldTrainingOptions options = TinyShield.options(Stage.PROJECTOR, folder.resolve("run"));

        FaceShieldTrainer.Outcome outcome =
                FaceShieldTrainer.train(base, options, TinyShield.data(shared), TinyShield.SILENT);

        try (BaseModel before = BaseModel.open(base);
                FaceShieldLearner fresh = new FaceShieldLearner(before, options);
                Safetensors now = Safetensors.open(outcome.model().resolve("model.safetensors"));
                FaceShield shield = FaceShield.load(outcome.model())) {
            double[] began = fresh.parameters().get("pvtm.text.weight").view().toDoubles();
            double[] ended = Views.of(now, "model.pvtm.text.weight").toDoubles();
            assertThat(ended).hasSameSizeAs(began).isNotEqualTo(began);
            assertThat(shield.config().options().pvtm().space()).isEqualTo(SimilaritySpace.TOWER);
        }
    }

    @Test
    void stageTwoWritesAnAdapterWithTheProjectorBesideIt() {
        FaceShieldTrainer.Outcome outcome = stage(Stage.ADAPTERS, folder.resolve("run"));

        assertThat(outcome.model()).isEqualTo(folder.resolve("run/adapter"));
        try (Adapter adapter = Adapter.open(outcome.model());
                Safetensors weights = Safetensors.open(outcome.model().resolve("adapter_model.safetensors"))) {
            assertThat(adapter.pairs()).hasSize(14).containsKey("model.layers.1.mlp.down_proj");
            assertThat(adapter.config().rank()).isEqualTo(2);
            assertThat(adapter.config().saved()).containsExactly("mm_projector");
            assertThat(adapter.others())
                    .containsOnlyKeys(
                            "model.mm_projector.0.weight",
                            "model.mm_projector.0.bias",
                            "model.mm_projector.2.weight",
                            "model.mm_projector.2.bias");
            assertThat(Double.parseDouble(weights.metadata().get("threshold")))
                    .isEqualTo(outcome.best().threshold());
            double[] learned =
                    adapter.pairs().get("model.layers.0.self_attn.q_proj").b().toDoubles();
            assertThat(learned).isNotEqualTo(new double[learned.length]);
        }
    }

    /** Lanes only divide the work: the sums of gradients round otherwise, and nothing more. */
    @Test
    void lanesGiveTheSameRunUpToRounding() {
        FaceShieldTrainingOptions options = TinyShield.options(Stage.FULL, folder.resolve("run"));
        FaceShieldTrainer.Outcome one = FaceShieldTrainer.train(
                shared.resolve("base"),
                options.withLimits(new FaceShieldTrainingOptions.Limits(0, 1, true)),
                TinyShield.data(shared),
                TinyShield.SILENT);

        assertThat(one.log()).hasSameSizeAs(full.log());
        for (int i = 0; i < one.log().size(); i++) {
            assertThat(one.log().get(i).loss())
                    .isCloseTo(full.log().get(i).loss(), org.assertj.core.data.Offset.offset(1e-3));
        }
    }

    @Test
    void damagedFeaturesAreMadeAgain() throws IOException {
        FaceShieldTrainingOptions first = TinyShield.options(Stage.PROJECTOR, folder.resolve("first"));
        FaceShieldTrainer.train(full.model(), first, TinyShield.data(shared), TinyShield.SILENT);
        Path cache = first.run().cache();
        Path victim;
        try (Stream<Path> features = files(cache)) {
            victim = features.findFirst().orElseThrow();
        }
        byte[] whole = Files.readAllBytes(victim);
        byte[] damaged = whole.clone();
        damaged[damaged.length - 1] ^= 1;
        Files.write(victim, damaged);

        Path second = folder.resolve("second");
        FaceShieldTrainer.train(
                full.model(),
                first.withRun(new FaceShieldTrainingOptions.Run(second, 1, cache)),
                TinyShield.data(shared),
                TinyShield.SILENT);

        assertThat(victim).hasBinaryContent(whole);
        assertThat(second.resolve("last.safetensors")).hasSameBinaryContentAs(folder.resolve("first/last.safetensors"));
    }

    private static Stream<Path> files(Path folder) {
        try {
            return Files.walk(folder).filter(Files::isRegularFile);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    @Test
    void whatCannotBeUsedIsLeftOutAndTold() throws IOException {
        TinyShield.write(folder, 12);
        Files.writeString(folder.resolve("images/3.png"), "no picture");
        Path file = folder.resolve("sft.json");
        String more = String.format(
                ", {\"id\": \"long\", \"image\": \"0.png\", \"conversations\": [{\"from\": \"human\", \"value\": \"Q\"},"
                        + " {\"from\": \"gpt\", \"value\": \"%s\"}]}, {\"id\": \"mute\", \"image\": \"0.png\","
                        + " \"conversations\": [{\"from\": \"human\", \"value\": \"<image>\"}, {\"from\": \"gpt\","
                        + " \"value\": \"A\"}]}]",
                "word ".repeat(80));
        Files.writeString(file, Files.readString(file).replaceFirst("\\]\\s*$", more));

        FaceShieldTrainer.Outcome outcome = FaceShieldTrainer.train(
                folder.resolve("base"),
                TinyShield.options(Stage.FULL, folder.resolve("run")),
                TinyShield.data(folder),
                TinyShield.SILENT);

        assertThat(outcome.problems().of(Problem.UNREADABLE_PICTURE)).hasSize(2).allMatch(w -> w.contains("3.png"));
        assertThat(outcome.problems().of(Problem.TRUNCATED)).hasSize(1).allMatch(w -> w.startsWith("long, 0.png: "));
        assertThat(outcome.problems().of(Problem.EMPTY_QUESTION)).containsExactly("mute, 0.png");
        assertThat(folder.resolve("run/report.html")).content().contains("unreadable picture", "Left out");
    }

    @ParameterizedTest
    @EnumSource(FaceShieldTrainingOptions.Normalization.class)
    void aRunThatDivergesSaysSo(FaceShieldTrainingOptions.Normalization normalization) {
        FaceShieldTrainingOptions options = TinyShield.options(Stage.FULL, folder.resolve("run"));
        FaceShieldTrainingOptions.Fit f = options.fit();
        FaceShieldTrainingOptions wild = options.withFit(new FaceShieldTrainingOptions.Fit(
                3, 2, 2, normalization, 1e30, 1e30, new Schedule.Constant(), 0, f.beta2(), 0, f.clip()));

        assertThatThrownBy(() -> FaceShieldTrainer.train(
                        shared.resolve("base"), wild, TinyShield.data(shared), TinyShield.SILENT))
                .isInstanceOf(TrainingException.class)
                .hasMessageContaining("training diverged, ")
                .hasMessageContaining("a lower learning rate may help");
    }

    @Test
    void whatCannotBeTrainedIsRefused() throws IOException {
        Path out = folder.resolve("run");
        assertThatThrownBy(() -> FaceShieldTrainer.train(
                        shared.resolve("base"),
                        TinyShield.options(Stage.ADAPTERS, out),
                        TinyShield.data(shared),
                        TinyShield.SILENT))
                .isInstanceOf(TrainingException.class)
                .hasMessage(shared.resolve("base")
                        + ": holds no weights; only with --stage full does a model begin at random");
        assertThatThrownBy(() -> FaceShieldTrainer.train(
                        folder.resolve("none"),
                        TinyShield.options(Stage.FULL, out),
                        TinyShield.data(shared),
                        TinyShield.SILENT))
                .isInstanceOf(WeightsException.class)
                .hasMessageStartingWith(folder.resolve("none") + "");
        assertThat(out).doesNotExist();
        TinyShield.write(folder, 4);
        for (int i = 0; i < 4; i++) {
            Files.writeString(folder.resolve("images/" + i + ".png"), "no picture");
        }
        assertThatThrownBy(() -> FaceShieldTrainer.train(
                        folder.resolve("base"),
                        TinyShield.options(Stage.FULL, out),
                        TinyShield.data(folder),
                        TinyShield.SILENT))
                .isInstanceOf(DataException.class)
                .hasMessageStartingWith("'train' has no samples that can be used; left out, unreadable picture: ");
    }
}
