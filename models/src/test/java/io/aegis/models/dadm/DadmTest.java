package io.aegis.models.dadm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.aegis.image.DadmPictures;
import io.aegis.image.Image;
import io.aegis.kernels.DType;
import io.aegis.layers.Parameters;
import io.aegis.layers.Pass;
import io.aegis.layers.Probe;
import io.aegis.models.DecisionThreshold;
import io.aegis.models.HeatValues;
import io.aegis.tensor.Pool;
import io.aegis.tensor.Scope;
import io.aegis.tensor.Tape;
import io.aegis.tensor.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DadmTest {
    private static final int SIDE = SmallDadm.CONFIG.image();

    /** Vector code may round differently before and after it is compiled. */
    private static final Offset<Double> ROUNDING = within(1e-4);

    @TempDir
    Path folder;

    private Dadm dadm;
    private long before;

    @BeforeEach
    void load() {
        before = Pool.host().liveBlocks();
        SmallDadm.write(folder, SmallDadm.INFO, 1);
        dadm = Dadm.load(folder);
    }

    @AfterEach
    void nothingIsLeftBehind() {
        dadm.close();
        assertThat(Pool.host().liveBlocks() - before)
                .as("blocks of pool memory that were not given back")
                .isZero();
    }

    @Test
    void aLoadedModelScoresAsTheOneThatWasSaved() {
        DadmPictures sample = sample(1);
        double expected;
        try (Parameters p = new Parameters();
                Scope scope = Scope.open()) {
            DadmNetwork network = new DadmNetwork(p, SmallDadm.CONFIG);
            SmallDadm.fill(p, DType.F32, 1);
            Tensor[] x = {tensor(sample.x1()), tensor(sample.x2()), tensor(sample.x3())};
            double[] logits = network.forward(x, Pass.EVALUATION, null, Probe.NONE)
                    .logits()
                    .toDoubles();
            expected = Math.exp(logits[1]) / (Math.exp(logits[0]) + Math.exp(logits[1]));
        }
        assertThat(dadm.score(List.of(sample))[0]).isCloseTo(expected, ROUNDING);
        assertThat(dadm.info()).isEqualTo(SmallDadm.INFO);
        assertThat(dadm.network().config()).isEqualTo(SmallDadm.CONFIG);
        assertThat(dadm.threshold()).contains(new DecisionThreshold(0.25, "chosen by the test"));
    }

    @Test
    void aBatchOfAnySizeGivesEachSampleItsOwnScore() {
        List<DadmPictures> samples =
                IntStream.range(0, 19).mapToObj(i -> sample(i)).toList();
        double[] together = dadm.score(samples);
        assertThat(together).hasSize(19);
        assertThat(Arrays.stream(together).max().orElseThrow()
                        - Arrays.stream(together).min().orElseThrow())
                .isGreaterThan(0.01);
        for (int i = 0; i < together.length; i++) {
            assertThat(together[i]).isBetween(0.0, 1.0);
            assertThat(together[i]).isCloseTo(dadm.score(samples.subList(i, i + 1))[0], ROUNDING);
        }
        assertThat(dadm.score(List.of())).isEmpty();
    }

    @Test
    void picturesOfAnySizeAreBroughtToTheModels() {
        Image rgb = SmallDadm.picture(31, 17, 3, 1);
        Image depth = SmallDadm.picture(20, 20, 1, 2);
        Image infrared = Image.of16(5, 40, 1, new short[200]);
        DadmPictures same = DadmPictures.of(DadmPictures.Files.of(rgb, depth, infrared), SIDE);
        assertThat(dadm.score(rgb, depth, infrared)).isCloseTo(dadm.score(List.of(same))[0], ROUNDING);
    }

    @Test
    void aMissingModalityIsAPictureOfZeros() {
        Image[] all = {picture(1), picture(2), picture(3)};
        double whole = dadm.score(all[0], all[1], all[2]);
        for (int missing = 1; missing < 7; missing++) {
            Image[] some = all.clone();
            Image[] black = all.clone();
            for (int k = 0; k < 3; k++) {
                if ((missing >> k & 1) == 1) {
                    some[k] = null;
                    black[k] = Image.of(SIDE, SIDE, 3, new byte[3 * SIDE * SIDE]);
                }
            }
            double score = dadm.score(some[0], some[1], some[2]);
            assertThat(score)
                    .isCloseTo(dadm.score(black[0], black[1], black[2]), ROUNDING)
                    .isNotCloseTo(whole, within(1e-3));
        }
        assertThatThrownBy(() -> dadm.score(null, null, null))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("expected at least one");
    }

    @Test
    void picturesOfAnotherSizeAreRefusedBeforeAnythingIsComputed() {
        DadmPictures wrong =
                DadmPictures.of(DadmPictures.Files.of(picture(1), picture(2), SmallDadm.picture(9, 9, 3, 3)), SIDE + 1);
        assertThatThrownBy(() -> dadm.score(List.of(sample(1), wrong)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("sample 1: the RGB picture is 13x13, expected 12x12, the model's size");
        assertThatThrownBy(() -> dadm.importance(wrong))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("the RGB picture is 13x13, expected 12x12, the model's size");
    }

    @Test
    void threadsThatShareAModelGetTheSameScores() throws Exception {
        List<List<DadmPictures>> work = IntStream.range(0, 8)
                .mapToObj(t -> IntStream.range(0, 1 + t % 4)
                        .mapToObj(i -> sample(10L * t + i))
                        .toList())
                .toList();
        List<double[]> alone = work.stream().map(dadm::score).toList();
        List<List<HeatValues>> maps =
                work.stream().map(w -> dadm.importance(w.getFirst())).toList();
        try (ExecutorService threads = Executors.newFixedThreadPool(work.size())) {
            List<Callable<Void>> tasks = new ArrayList<>();
            for (int t = 0; t < work.size(); t++) {
                int own = t;
                tasks.add(() -> {
                    for (int i = 0; i < 5; i++) {
                        assertThat(dadm.score(work.get(own))).containsExactly(alone.get(own), ROUNDING);
                        assertClose(dadm.importance(work.get(own).getFirst()), maps.get(own));
                    }
                    return null;
                });
            }
            for (Future<Void> f : threads.invokeAll(tasks)) {
                f.get();
            }
        }
    }

    @Test
    void aClosedModelSaysSo() {
        DadmPictures sample = sample(1);
        dadm.close();
        dadm.close();
        for (Runnable use : List.<Runnable>of(
                () -> dadm.score(List.of(sample)),
                () -> dadm.importance(sample),
                () -> dadm.network(),
                () -> dadm.parameters())) {
            assertThatThrownBy(use::run)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage(folder + ": this model was closed");
        }
        assertThat(dadm.info()).isEqualTo(SmallDadm.INFO);
    }

    @Test
    void closingWaitsForThoseInside() throws Exception {
        DadmPictures sample = sample(1);
        double expected = dadm.score(List.of(sample))[0];
        CountDownLatch running = new CountDownLatch(4);
        try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
            List<Future<String>> ends = IntStream.range(0, 4)
                    .mapToObj(t -> threads.submit(() -> {
                        try {
                            while (true) {
                                assertThat(dadm.score(List.of(sample))[0]).isCloseTo(expected, ROUNDING);
                                running.countDown();
                            }
                        } catch (IllegalStateException e) {
                            return e.getMessage();
                        }
                    }))
                    .toList();
            running.await();
            dadm.close();
            for (Future<String> end : ends) {
                assertThat(end.get()).endsWith("this model was closed");
            }
        }
    }

    @Test
    void aTapeOfTheCallersSeesNothing() {
        try (Tape tape = Tape.record();
                Scope scope = Scope.open()) {
            dadm.score(List.of(sample(1)));
            dadm.importance(sample(1));
            assertThat(tape.size()).isZero();
        }
    }

    @Test
    void theDecisionIsTheThresholds() {
        assertThat(dadm.isBonaFide(0.25)).isTrue();
        assertThat(dadm.isBonaFide(Math.nextDown(0.25))).isFalse();
    }

    @Test
    void withoutAThresholdThereIsNoDecision() {
        DadmFolder.writeWeights(folder, dadm.parameters(), Map.of());
        try (Dadm bare = Dadm.load(folder)) {
            assertThat(bare.threshold()).isEmpty();
            assertThatThrownBy(() -> bare.isBonaFide(0.9))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining(folder + ": these weights have no threshold");
        }
    }

    @Test
    void importanceIsAMapOfPatchesForEachModality() {
        List<HeatValues> maps = dadm.importance(sample(4));
        assertThat(maps).hasSize(3);
        float greatest = 0;
        for (HeatValues map : maps) {
            assertThat(map.rows()).isEqualTo(SmallDadm.CONFIG.grid());
            assertThat(map.columns()).isEqualTo(SmallDadm.CONFIG.grid());
            assertThat(map.values()).hasSize(9);
            for (float v : map.values()) {
                assertThat(v).isGreaterThan(0).isLessThanOrEqualTo(1);
                greatest = Math.max(greatest, v);
            }
        }
        assertThat(greatest).isEqualTo(1);
    }

    @Test
    void aMissingModalityHasNoImportance() {
        List<HeatValues> maps = dadm.importance(dadm.pictures(picture(1), null, picture(3)));
        assertThat(maps.get(1).values()).containsOnly(0);
        assertThat(maps.get(0).values()).doesNotContain(0);
        assertThat(maps.get(2).values()).doesNotContain(0);
        Image gray = Image.of(1, 1, 1, new byte[] {90});
        assertThat(dadm.importance(dadm.pictures(gray, null, gray)))
                .allSatisfy(map -> assertThat(map.values()).containsOnly(0));
    }

    private static void assertClose(List<HeatValues> maps, List<HeatValues> expected) {
        for (int k = 0; k < 3; k++) {
            assertThat(maps.get(k).values()).containsExactly(expected.get(k).values(), within(1e-3f));
        }
    }

    private static DadmPictures sample(long seed) {
        return DadmPictures.of(
                DadmPictures.Files.of(picture(3 * seed), picture(3 * seed + 1), picture(3 * seed + 2)), SIDE);
    }

    private static Image picture(long seed) {
        return SmallDadm.picture(SIDE, SIDE, 3, seed);
    }

    private static Tensor tensor(float[] values) {
        double[] doubles = new double[values.length];
        Arrays.setAll(doubles, i -> values[i]);
        return Tensor.of(DType.F32, doubles, 1, 3, SIDE, SIDE);
    }
}
