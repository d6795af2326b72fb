package io.aegis.cli;

import static io.aegis.cli.Typed.aegis;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.aegis.kernels.cuda.CudaBackend;
import io.aegis.kernels.cuda.CudaException;
import io.aegis.kernels.cuda.Precision;
import io.aegis.training.data.ScoresFile;
import io.aegis.training.metrics.Sample;
import io.aegis.training.metrics.Split;
import io.aegis.training.synthetic.Domain;
import io.aegis.training.synthetic.SyntheticDataset;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * analyze, score, train and evaluate with {@code --device emulator}, the GPU's kernels on the host, beside the processor's:
 * outputs within the 1e-4 that {@code verify} holds the GPU to, and the same verdicts. Models have learned one update.
 */
class EmulatedCommandsTest {
    private static final double OUTPUT = 1e-4;
    /** What verify allows gradients, of the largest. */
    private static final double GRADIENT = 1e-3;

    private static final Object[] EMULATOR = {"--device", "emulator"};
    private static final String CHECKS = "aegis.emulator.checks";

    @TempDir
    static Path folder;

    private static String missing;
    private static Path faces;
    private static TinyFaceShield shield;

    /** Runs on the processor, which all else is held against: their models, and the losses of their first step. */
    @BeforeAll
    static void train() throws Exception {
        // Each access is watched where kernels are tested; here it would take most of the time.
        System.setProperty(CHECKS, "false");
        try {
            ((AutoCloseable) CudaBackend.emulator(Precision.F32)).close();
        } catch (CudaException e) {
            missing = e.getMessage();
            return;
        }
        faces = folder.resolve("faces");
        new SyntheticDataset(5, new int[] {4}, 32, Domain.standard().subList(0, 1)).write(faces);
        shield = TinyFaceShield.in(folder, 4);
        right(trainDadm("dadm"));
        right(trainFaceShield("faceshield"));
    }

    @AfterAll
    static void watchAgain() {
        System.clearProperty(CHECKS);
    }

    @BeforeEach
    void needsACompiler() {
        Assumptions.assumeTrue(missing == null, "the CUDA kernels are not run: " + missing);
    }

    private static Typed with(Object[] more, Object... words) {
        return aegis(Stream.concat(Arrays.stream(words), Arrays.stream(more)).toArray());
    }

    private static Typed right(Typed r) {
        assertThat(r.status()).as(r.out() + r.err()).isZero();
        return r;
    }

    private static JsonNode json(Typed r) throws IOException {
        return new ObjectMapper().readTree(right(r).out());
    }

    /** One update of two samples, and a development set of the other two. */
    private static Typed trainDadm(String run, Object... more) {
        return with(
                more,
                "train",
                "dadm",
                "--data",
                faces.resolve("manifest.csv"),
                "--out",
                folder.resolve(run),
                "--size",
                "tiny",
                "--epochs",
                1,
                "--batch",
                2,
                "--dev-share",
                0.5,
                "--lr",
                "1e-3");
    }

    private static Typed trainFaceShield(String run, Object... more) {
        return with(
                more,
                "train",
                "faceshield",
                "--stage",
                "full",
                "--model",
                shield.base(),
                "--data",
                shield.data(),
                "--images",
                shield.images(),
                "--out",
                folder.resolve(run),
                "--epochs",
                1,
                "--batch",
                2,
                "--dev-share",
                0.5,
                "--lr",
                "3e-3");
    }

    /** The cells of a run's first line of log.csv under these names. */
    private static double[] logged(String run, String... names) throws IOException {
        List<String> lines = Files.readAllLines(folder.resolve(run).resolve("log.csv"));
        List<String> header = List.of(lines.get(0).split(","));
        String[] cells = lines.get(1).split(",");
        return Arrays.stream(names)
                .mapToDouble(n -> Double.parseDouble(cells[header.indexOf(n)]))
                .toArray();
    }

    private static void close(double[] got, double[] expected, double tolerance) {
        double largest = Arrays.stream(expected).map(Math::abs).max().orElseThrow();
        assertThat(largest).isPositive();
        assertThat(got).containsExactly(expected, within(tolerance * Math.max(1, largest)));
    }

    @Test
    void dadmTrains() throws IOException {
        Typed r = right(trainDadm("dadm emulated", EMULATOR));
        assertThat(r.out()).contains("best model, of epoch 1");
        String[] losses = {"loss", "loss_rgb", "loss_depth", "loss_infrared", "agreement"};
        close(logged("dadm emulated", losses), logged("dadm", losses), OUTPUT);
        for (String file : List.of("best/model.safetensors", "last.safetensors", "report.html", "run.json")) {
            assertThat(folder.resolve("dadm emulated").resolve(file)).isNotEmptyFile();
        }
    }

    @Test
    void faceShieldTrains() throws IOException {
        Typed r = right(trainFaceShield("faceshield emulated", EMULATOR));
        assertThat(r.out()).contains("best state, after update 1");
        close(logged("faceshield emulated", "loss"), logged("faceshield", "loss"), OUTPUT);
        close(logged("faceshield emulated", "gradient_norm"), logged("faceshield", "gradient_norm"), GRADIENT);
        assertThat(folder.resolve("faceshield emulated/best/model.safetensors")).isNotEmptyFile();
    }

    private static Typed score(Object... more) {
        Path stem = faces.resolve(Domain.standard().getFirst().name());
        return with(
                more,
                "score",
                "--json",
                "--model",
                folder.resolve("dadm/best"),
                "--rgb",
                stem.resolve("000001-rgb.png"),
                "--ir",
                stem.resolve("000001-ir.png"));
    }

    /** In 16 bits a product's operands are off by 1/512 or 1/4096 of themselves; a probability of some tens of them by a few times that. */
    @ParameterizedTest
    @CsvSource({"f32, 1e-4", "bf16, 2e-2", "f16, 2e-3"})
    void dadmScores(String precision, double tolerance) throws IOException {
        JsonNode expected = json(score());
        JsonNode got = json(score("--device", "emulator", "--dtype", precision));
        double probability = expected.path("bona_fide_probability").asDouble();
        double emulated = got.path("bona_fide_probability").asDouble();
        assertThat(emulated).isCloseTo(probability, within(tolerance));
        assertThat(emulated != probability || precision.equals("f32"))
                .as("something was rounded to %s", precision)
                .isTrue();
        assertThat(got.path("missing")).isEqualTo(expected.path("missing"));
        double threshold = expected.path("threshold").asDouble();
        assertThat(Math.abs(probability - threshold))
                .as("a clear case, %s at %s", probability, threshold)
                .isGreaterThan(tolerance);
        assertThat(got.path("decision")).isEqualTo(expected.path("decision"));
    }

    private static double[] scores(Path evaluation) {
        return ScoresFile.read(evaluation.resolve("scores.csv"), "", Split.TEST).samples().stream()
                .mapToDouble(Sample::score)
                .toArray();
    }

    /**
     * Evaluates a model in either place: the same scores of four samples, and the same figures.
     *
     * @param keys of the figures in the report
     * @param words behind the model, which is in the folder of its name
     */
    private static void evaluatesAlike(String model, List<String> keys, Object... words) throws IOException {
        Path host = folder.resolve(model + " on the processor");
        Path emulated = folder.resolve(model + " in the emulator");
        JsonNode expected = json(evaluate(model, words, "--out", host));
        JsonNode got = json(evaluate(model, words, "--out", emulated, "--device", "emulator"));
        double[] all = scores(host);
        assertThat(all).hasSize(4);
        assertThat(scores(emulated)).containsExactly(all, within(OUTPUT));
        for (String key : keys) {
            assertThat(got.path(key)).as(key).isEqualTo(expected.path(key));
        }
    }

    private static Typed evaluate(String model, Object[] words, Object... more) {
        Object[] begin = {
            "evaluate", model, "--json", "--model", folder.resolve(model).resolve("best")
        };
        return aegis(Stream.of(begin, words, more).flatMap(Arrays::stream).toArray());
    }

    @Test
    void dadmIsEvaluated() throws IOException {
        evaluatesAlike(
                "dadm",
                List.of("threshold", "apcer_max", "bpcer"),
                "--data",
                faces.resolve("manifest.csv"),
                "--threshold",
                0.01); // no probability is near it
    }

    @Test
    void faceShieldIsEvaluated() throws IOException {
        evaluatesAlike(
                "faceshield", List.of("coarse", "left_out"), "--data", shield.data(), "--images", shield.images());
    }

    /** Words, kept tokens and the verdict. */
    @ParameterizedTest
    @CsvSource({"off", "topk"})
    void faceShieldAnalyses(String pvtm) throws IOException {
        Object[] words = {
            "analyze",
            "--json",
            "--model",
            folder.resolve("faceshield/best"),
            "--image",
            shield.images().resolve("1.png"),
            "--task",
            "coarse",
            "--ask",
            "Why ?",
            "--max-tokens",
            4,
            "--pvtm",
            pvtm
        };
        JsonNode expected = json(aegis(words));
        JsonNode got = json(with(EMULATOR, words));
        assertThat(got.path("score").asDouble())
                .isCloseTo(expected.path("score").asDouble(), within(OUTPUT));
        for (String key : List.of("decision", "basis", "threshold", "answers", "asked", "kept")) {
            assertThat(expected.has(key)).as(key).isTrue();
            assertThat(got.path(key)).as(key).isEqualTo(expected.path(key));
        }
    }
}
