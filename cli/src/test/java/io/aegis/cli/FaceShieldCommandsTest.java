package io.aegis.cli;

import static io.aegis.cli.Typed.aegis;
import static java.util.stream.Collectors.joining;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.aegis.training.data.ScoresFile;
import io.aegis.training.metrics.Sample;
import io.aegis.training.metrics.Split;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Training, evaluating and asking a FaceShield as a person types it. */
class FaceShieldCommandsTest {
    @TempDir
    static Path folder;

    private static Path images;
    private static Path data;
    private static Typed trained;

    /** Gray faces and white attacks, one picture that is missing, and a model that has seen them. */
    @BeforeAll
    static void train() throws IOException {
        TinyFaceShield made = TinyFaceShield.in(folder, 8);
        images = made.images();
        data = made.data();
        trained = train("full", folder.resolve("run"), "--epochs", 2, "--batch", 4, "--dev-share", 0.3, "--lr", 3e-3);
    }

    private static Typed train(String stage, Path out, Object... more) {
        return train(stage, folder.resolve("base"), out, more);
    }

    private static Typed train(String stage, Path model, Path out, Object... more) {
        Stream<Object> words = Stream.of(
                "train",
                "faceshield",
                "--stage",
                stage,
                "--model",
                model,
                "--data",
                data,
                "--images",
                images,
                "--out",
                out);
        return aegis(Stream.concat(words, Stream.of(more)).toArray());
    }

    @Test
    void trainingSaysWhatItReachedAndWhatItLeftOut() {
        assertThat(trained.status()).as(trained.err()).isZero();
        assertThat(trained.out())
                .contains("best state, after update ", "development: loss ", "AUC ")
                .contains("memory: planned ", "tensors of an update, counted ")
                .contains("left out, missing picture: 1 (8: 8.png)");
        assertThat(folder.resolve("run/best/model.safetensors")).isNotEmptyFile();
    }

    @Test
    void aPlanIsPrintedOfAFolderOrOfAConfigAlone() {
        Typed ours = aegis(
                "train",
                "faceshield",
                "--stage",
                "2",
                "--plan",
                "--memory",
                "2GB",
                "--model",
                folder.resolve("run/best"));
        assertThat(ours.status()).as(ours.err()).isZero();
        assertThat(ours.out())
                .startsWith("memory of training, stage 2: one sequence of at most 256 positions, 0 of 1 blocks")
                .contains("frozen weights, mapped", "Adam's moments", "largest working set", "\n  total ", "  fits: ");

        Typed large = aegis(
                "train",
                "faceshield",
                "--stage",
                "2",
                "--plan",
                "--model",
                "bunny-llama3-8b",
                "--length",
                1640,
                "--device",
                "cuda",
                "--dtype",
                "bf16",
                "--weights",
                "int4",
                "--memory",
                "12GB");
        assertThat(large.status()).as(large.err()).isZero();
        assertThat(large.out())
                .contains("32 blocks, checkpointed", "  does not fit: ", "  it would fit with --rank 8 (")
                .containsPattern("total +14\\.[0-9]{2} GB");
    }

    @Test
    void whatDoesNotFitDoesNotBegin() {
        Path out = folder.resolve("too large");
        Typed refused = train("full", out, "--memory", "1MB");
        assertThat(refused.status()).isNotZero();
        assertThat(refused.err()).contains("training would hold ", "more than the 1.00 MB that are allowed");
        assertThat(out).doesNotExist();
        assertThat(train("full", out, "--memory", "lots").err()).contains("memory 'lots'; expected an amount such as");
        assertThat(aegis("train", "faceshield", "--stage", "full", "--model", folder, "--data", data)
                        .err())
                .contains("Missing required options: --images, --out");
    }

    @Test
    void evaluationPrintsTablesOrOneObjectAndWritesAPage() throws IOException {
        Path best = folder.resolve("run/best");
        Path out = folder.resolve("evaluation");
        Typed table =
                aegis("evaluate", "faceshield", "--model", best, "--data", data, "--images", images, "--out", out);
        assertThat(table.status()).as(table.err()).isZero();
        assertThat(table.out()).contains("sft: coarse", "BPNRR", "AUC", "left out, missing picture: 1");
        for (String name : List.of("report.html", "answers.jsonl", "scores.csv", "roc.svg", "scores.svg")) {
            assertThat(out.resolve(name)).isNotEmptyFile();
        }
        Typed json = aegis("evaluate", "faceshield", "--model", best, "--data", data, "--images", images, "--json");
        JsonNode read = new ObjectMapper().readTree(json.out());
        assertThat(read.path("coarse").path("bona_fide").asInt()).isEqualTo(4);
        assertThat(read.path("scored").path("auc").isNumber()).isTrue();
    }

    private static Typed evaluate(Path model, Object... more) {
        Stream<Object> words =
                Stream.of("evaluate", "faceshield", "--model", model, "--data", data, "--images", images, "--json");
        return aegis(Stream.concat(words, Stream.of(more)).toArray());
    }

    /** Scores, answers and the threshold: the base's was chosen for other scores. */
    @Test
    void anAdapterIsEvaluatedAsWhatComesOfMergingIt() throws IOException {
        Path best = folder.resolve("run/best");
        Path run = folder.resolve("adapted");
        Typed learned = train("2", best, run, "--epochs", 2, "--dev-share", 0.3, "--lr", 3e-2);
        assertThat(learned.status()).as(learned.err()).isZero();
        Path merged = folder.resolve("merged");
        Path adapter = run.resolve("adapter");
        assertThat(aegis("merge", "--model", best, "--adapter", adapter, "--out", merged)
                        .status())
                .isZero();

        Path base = folder.resolve("of the base");
        Path beside = folder.resolve("beside");
        Path inside = folder.resolve("inside");
        assertThat(evaluate(best, "--out", base).status()).isZero();
        Typed adapted = evaluate(best, "--adapter", adapter, "--out", beside);
        assertThat(adapted.status()).as(adapted.err()).isZero();
        ObjectMapper json = new ObjectMapper();
        JsonNode expected = json.readTree(evaluate(merged, "--out", inside).out());
        assertThat(json.readTree(adapted.out()).path("scored").path("threshold"))
                .isEqualTo(expected.path("scored").path("threshold"))
                .isNotEqualTo(json.readTree(evaluate(best).out()).path("scored").path("threshold"));
        double[] scores = scores(beside);
        assertThat(scores).containsExactly(scores(inside), within(1e-4));
        assertThat(Math.abs(scores[0] - scores(base)[0])).isGreaterThan(1e-2);

        Typed none = evaluate(best, "--adapter", folder.resolve("none"));
        assertThat(none.status()).isEqualTo(1);
        assertThat(none.err()).contains("adapter_config.json", "no such file").doesNotContain("\tat ");
    }

    private static double[] scores(Path evaluation) {
        return ScoresFile.read(evaluation.resolve("scores.csv"), "", Split.TEST).samples().stream()
                .mapToDouble(Sample::score)
                .toArray();
    }

    @Test
    void aFaceIsAnalysedInWordsAndAsOneObject() throws IOException {
        Path best = folder.resolve("run/best");
        Path page = folder.resolve("face.html");
        Path picture = images.resolve("1.png");
        Typed words = aegis("analyze", "--model", best, "--image", picture, "--report", page);
        assertThat(words.status()).as(words.err()).isZero();
        assertThat(words.out())
                .startsWith("Real or spoof ?")
                .contains(
                        "What Attack Type of the face in the image ?", "probability of bona fide 0.", "tokens read in");
        assertThat(page).content().contains("Real or spoof ?", "its auxiliary picture", "data:image/png");

        Typed json =
                aegis("analyze", "--model", best, "--image", picture, "--json", "--task", "coarse", "--ask", "Why ?");
        assertThat(json.status()).as(json.err()).isZero();
        JsonNode read = new ObjectMapper().readTree(json.out());
        double score = read.path("score").asDouble();
        assertThat(read.path("bona_fide_probability").asDouble()).isCloseTo(1 / (1 + Math.exp(-score)), within(1e-12));
        assertThat(read.path("threshold").isNumber()).isTrue();
        assertThat(read.path("basis").asText()).isEqualTo("threshold");
        assertThat(read.path("decision").asText())
                .isEqualTo(score >= read.path("threshold").asDouble() ? "bona fide" : "attack");
        assertThat(read.path("answers").size()).isEqualTo(1);
        assertThat(words.out()).contains(read.path("answers").path("coarse").asText());
        assertThat(read.path("asked").get(0).path("question").asText()).isEqualTo("Why ?");
        assertThat(read.path("kept").path("coarse").path("sav").asDouble()).isEqualTo(1);
        assertThat(read.path("timings").path("decode_tokens").asInt()).isPositive();

        Typed best50 =
                aegis("analyze", "--model", best, "--image", picture, "--json", "--task", "coarse", "--pvtm", "topk");
        JsonNode kept = new ObjectMapper().readTree(best50.out()).path("kept").path("coarse");
        assertThat(kept.path("rgb").asDouble() + kept.path("sav").asDouble()).isEqualTo(1);
    }

    @Test
    void howManyQuestionsAreAnsweredAtOnceChangesNoAnswer() throws IOException {
        Path best = folder.resolve("run/best");
        List<JsonNode> said = new ArrayList<>();
        List<String> printed = new ArrayList<>();
        for (int batch : new int[] {1, 2, 5}) {
            Object[] words = {
                "analyze",
                "--model",
                best,
                "--image",
                images.resolve("1.png"),
                "--task",
                "coarse,fine,reason,locate",
                "--ask",
                "Why ?",
                "--ask",
                "Where ?",
                "--ask",
                "Who ?",
                "--batch",
                batch
            };
            Object[] json = Arrays.copyOf(words, words.length + 1);
            json[words.length] = "--json";
            said.add(new ObjectMapper().readTree(aegis(json).out()));
            printed.add(aegis(words)
                    .out()
                    .lines()
                    .takeWhile(l -> !l.contains("probability"))
                    .collect(joining("\n")));
        }
        assertThat(said.get(0).path("answers").size()).isGreaterThanOrEqualTo(3);
        assertThat(said.get(0).path("asked").size()).isEqualTo(3);
        for (String key : List.of("answers", "asked", "score", "decision", "kept")) {
            assertThat(said)
                    .as(key)
                    .extracting(n -> n.path(key))
                    .containsOnly(said.get(0).path(key));
        }
        assertThat(printed).containsOnly(printed.getFirst());
        List<String> evaluated = new ArrayList<>();
        for (int batch : new int[] {1, 3}) {
            evaluated.add(aegis(
                            "evaluate",
                            "faceshield",
                            "--model",
                            best,
                            "--data",
                            data,
                            "--images",
                            images,
                            "--json",
                            "--batch",
                            batch)
                    .out());
        }
        assertThat(evaluated).containsOnly(evaluated.getFirst());
        assertThat(aegis("analyze", "--model", best, "--image", images.resolve("1.png"), "--batch", "0")
                        .err())
                .startsWith("--batch 0: expected at least 1");
    }

    @Test
    void whatCannotBeAnalysedIsSaidInOneSentence() {
        Path best = folder.resolve("run/best");
        Path picture = images.resolve("1.png");
        assertThat(aegis("analyze", "--model", best, "--image", picture, "--task", "smell")
                        .err())
                .contains("aegis: task 'smell': expected one of coarse, fine, reason, locate");
        assertThat(aegis("analyze", "--model", best, "--image", images.resolve("none.png"))
                        .err())
                .contains("none.png: no such file");
        assertThat(aegis("analyze", "--model", folder.resolve("base"), "--image", picture)
                        .err())
                .contains("the folder holds no weights");
        assertThat(aegis("analyze", "--model", best, "--image", picture, "--ask", "why ? ".repeat(100))
                        .err())
                .containsPattern("the prompt has \\d+ tokens, 8 of them the picture's, more than the model's 256");
    }

    @Test
    void badInputIsOneSentence() {
        assertThat(aegis("train", "faceshield").status()).isEqualTo(2);
        Path out = folder.resolve("other");
        Typed stage = train("3", out);
        assertThat(stage.err().lines().toList()).contains("aegis: stage '3': expected 1, 2 or full");
        Typed again = train("full", folder.resolve("run"));
        assertThat(again.status()).isEqualTo(1);
        assertThat(again.err()).contains(folder.resolve("run") + ": holds a run already");
        Typed frozen = train("1", out);
        assertThat(frozen.err()).contains("holds no weights; only with --stage full does a model begin at random");
        assertThat(out).doesNotExist();
    }
}
