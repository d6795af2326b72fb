package io.aegis.cli;

import static io.aegis.cli.Typed.aegis;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.aegis.image.Image;
import io.aegis.image.Png;
import io.aegis.tokenizer.BpeTrainer;
import io.aegis.training.synthetic.Domain;
import io.aegis.training.synthetic.SyntheticDataset;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands as a person types them: what they print, how they exit, and what they say of bad input. */
class CommandLineTest {
    @TempDir
    static Path folder;

    private static Path data;
    private static Path run;

    /** A few faces, and a model that has seen them once. */
    @BeforeAll
    static void train() throws IOException {
        data = folder.resolve("faces");
        List<Domain> domains = Domain.standard().subList(0, 3);
        new SyntheticDataset(5, new int[] {24, 24, 24}, 48, domains).write(data);
        run = folder.resolve("run");
        Typed r = aegis(
                "train",
                "dadm",
                "--data",
                data.resolve("manifest.csv"),
                "--out",
                run,
                "--size",
                "tiny",
                "--epochs",
                1,
                "--batch",
                12,
                "--lr",
                "1e-3",
                "--dev-share",
                0.3,
                "--balance",
                "domain_and_label");
        assertThat(r.status()).as(r.err()).isZero();
        assertThat(r.out()).contains("best model, of epoch 1", "AUC");
    }

    @Test
    void theRunFolderHoldsWhatItShould() {
        for (String file : List.of(
                "best/config.json",
                "best/model.safetensors",
                "last.safetensors",
                "log.csv",
                "curves.svg",
                "roc.svg",
                "scores.svg",
                "report.html",
                "run.json")) {
            assertThat(run.resolve(file)).isNotEmptyFile();
        }
    }

    @Test
    void scoresOneFaceForPeopleAndForPrograms() throws IOException {
        Path stem = data.resolve(Domain.standard().getFirst().name());
        Object[] face = {
            "score",
            "--model",
            run.resolve("best"),
            "--rgb",
            stem.resolve("000000-rgb.png"),
            "--depth",
            stem.resolve("000000-depth.png"),
            "--ir",
            stem.resolve("000000-ir.png")
        };
        Typed people = aegis(face);
        assertThat(people.status()).as(people.err()).isZero();
        assertThat(people.out()).contains("probability of bona fide", "threshold");

        Object[] json = Arrays.copyOf(face, face.length + 1);
        json[face.length] = "--json";
        JsonNode node = new ObjectMapper().readTree(aegis(json).out());
        assertThat(node.path("bona_fide_probability").asDouble()).isBetween(0.0, 1.0);
        boolean accepted = node.path("bona_fide_probability").asDouble()
                >= node.path("threshold").asDouble();
        assertThat(node.path("decision").asText()).isEqualTo(accepted ? "bona fide" : "attack");
        assertThat(node.path("missing").size()).isZero();
    }

    @Test
    void aMissingCameraIsSaid() throws IOException {
        Path stem = data.resolve(Domain.standard().getFirst().name());
        Typed r = aegis("score", "--model", run.resolve("best"), "--ir", stem.resolve("000001-ir.png"), "--json");
        assertThat(new ObjectMapper().readTree(r.out()).path("missing").toString())
                .isEqualTo("[\"rgb\",\"depth\"]");
    }

    @Test
    void evaluatesWithAllAndWithoutSome() throws IOException {
        Path manifest = data.resolve("manifest.csv");
        Path out = folder.resolve("evaluated");
        Typed all = aegis(
                "evaluate",
                "dadm",
                "--model",
                run.resolve("best"),
                "--data",
                manifest,
                "--out",
                out,
                "--paper-protocol");
        assertThat(all.status()).as(all.err()).isZero();
        assertThat(all.out()).contains("APCER, maximum", "TPR at FPR", "threshold chosen on the measured set itself");
        assertThat(Files.readAllLines(out.resolve("scores.csv"))).hasSize(73);
        Typed less = aegis(
                "evaluate",
                "dadm",
                "--model",
                run.resolve("best"),
                "--data",
                manifest,
                "--missing",
                "depth,ir",
                "--json");
        JsonNode node = new ObjectMapper().readTree(less.out());
        assertThat(node.path("auc").asDouble()).isBetween(0.0, 1.0);
    }

    @Test
    void aFinishedRunIsNotTrainedOver() {
        Typed r = aegis("train", "dadm", "--data", data.resolve("manifest.csv"), "--out", run, "--size", "tiny");
        refused(r, run.toString());
        assertThat(run.resolve("best/model.safetensors")).isNotEmptyFile();
    }

    @Test
    void doctorNamesEveryFamily() {
        Typed r = aegis("doctor");
        assertThat(r.status()).isZero();
        assertThat(r.out())
                .contains(
                        "matmul",
                        "matmul in bfloat16",
                        "attention",
                        "normalization",
                        "convolution",
                        "elementwise",
                        "reduction",
                        "loss");
    }

    @Test
    void precisionsThatTheProcessorLacks() throws IOException {
        refused(aegis("verify", folder, "--dtype", "f16"), "the processor computes in f32 or bf16");
        refused(aegis("verify", folder, "--dtype", "bf16", "--kernels", "scalar"), "the plain kernels compute in f32");
    }

    @Test
    void wrongManifests() throws IOException {
        refused(train("rgb,depth,label\na.png,b.png,1\n"), "no column ir");
        refused(train("rgb,depth,ir,label\na.png,,,maybe\n"), "line 2, column label: 'maybe' is no label");
        refused(train("rgb,depth,ir,label\nnowhere.png,,,1\n"), "nowhere.png");
        refused(aegis("train", "dadm", "--data", folder.resolve("none.csv"), "--out", folder.resolve("x")), "none.csv");
    }

    private Typed train(String csv) throws IOException {
        Path manifest = Files.writeString(folder.resolve("wrong.csv"), csv);
        return aegis("train", "dadm", "--data", manifest, "--out", folder.resolve("never"), "--size", "tiny");
    }

    @Test
    void wrongPictures() throws IOException {
        Path empty = Files.write(folder.resolve("empty.png"), new byte[0]);
        Path text = Files.writeString(folder.resolve("text.jpg"), "this is no picture");
        byte[] whole = Png.encode(Image.of(8, 8, 3, new byte[192]));
        Path cut = Files.write(folder.resolve("cut.png"), Arrays.copyOf(whole, whole.length / 2));
        byte[] huge = whole.clone();
        huge[18] = 0x75; // width 30000
        huge[19] = 0x30;
        huge[22] = 0x75; // height 30000
        huge[23] = 0x30;
        Path bomb = Files.write(folder.resolve("bomb.png"), huge);
        for (Path p : List.of(empty, text, cut, bomb, folder.resolve("nothing.png"))) {
            refused(
                    aegis("score", "--model", run.resolve("best"), "--rgb", p),
                    p.getFileName().toString());
        }
        assertThat(aegis("score", "--model", run.resolve("best"), "--rgb", bomb).err())
                .contains("30000");
        Path one = folder.resolve("one.png");
        Png.write(one, Image.of(1, 1, 3, new byte[3]));
        assertThat(aegis("score", "--model", run.resolve("best"), "--rgb", one).status())
                .isZero();
        refused(aegis("score", "--model", run.resolve("best"), "--rgb", one, "--box", "5,5,9,9"), "one.png", "5,5,9,9");
    }

    @Test
    void aBoxIsOfOneSizeOfPicture() {
        Path rgb = folder.resolve("wide.png");
        Path ir = folder.resolve("narrow.png");
        Png.write(rgb, Image.of(48, 48, 3, new byte[48 * 48 * 3]));
        Png.write(ir, Image.of(24, 24, 1, new byte[24 * 24]));
        Path model = run.resolve("best");
        refused(
                aegis("score", "--model", model, "--rgb", rgb, "--ir", ir, "--box", "0,0,20,20"),
                "narrow.png: is 24x24",
                "wide.png is 48x48",
                "of one size");
        assertThat(aegis("score", "--model", model, "--rgb", rgb, "--ir", ir).status())
                .isZero();
    }

    @Test
    void aDepthRangeIsOfSixteenBitDepthMaps() {
        Path eight = folder.resolve("eight.png");
        Path sixteen = folder.resolve("sixteen.png");
        Png.write(eight, Image.of(8, 8, 1, new byte[64]));
        Png.write(sixteen, Image.of16(8, 8, 1, new short[64]));
        Path model = run.resolve("best");
        refused(
                aegis("score", "--model", model, "--depth", eight, "--depth-range", "0,4000"),
                "eight.png: has 8-bit samples");
        refused(
                aegis("score", "--model", model, "--depth", sixteen, "--depth-range", "4000,0"),
                "--depth-range 4000,0: ");
        for (String range : List.of("a,b", "1", "1,2,3", "1,")) {
            Typed r = aegis("score", "--model", model, "--depth", sixteen, "--depth-range", range);
            assertThat(r.status()).isEqualTo(2);
            assertThat(r.err()).contains("--depth-range " + range + ": expected two whole numbers");
        }
        Typed without = aegis("score", "--model", model, "--rgb", eight, "--depth-range", "0,4000");
        assertThat(without.status()).isEqualTo(2);
        assertThat(without.err()).contains("--depth-range is for --depth");
        assertThat(aegis("score", "--model", model, "--depth", sixteen, "--depth-range", "0, 4000")
                        .status())
                .isZero();
    }

    /** What is wrong with the words is said before the work and not after it. */
    @Test
    void wrongOptionsBeginNothing() throws IOException {
        Path manifest = data.resolve("manifest.csv");
        Path out = folder.resolve("unbegun");
        refused(
                aegis("train", "dadm", "--data", manifest, "--out", out, "--size", "tiny", "--bpcer", 2),
                "BPCER",
                "2.0");
        Typed lists = aegis("train", "dadm", "--data", manifest, "--out", out, "--size", "tiny", "--root", folder);
        assertThat(lists.status()).isEqualTo(2);
        assertThat(lists.err()).contains("belong to --protocol");
        assertThat(out).doesNotExist();
        Path file = Files.writeString(folder.resolve("a file"), "kept");
        refused(aegis("train", "dadm", "--data", manifest, "--out", file, "--size", "tiny"), "a file: is a file");
        refused(
                aegis("train", "dadm", "--data", manifest, "--out", file.resolve("run"), "--size", "tiny"),
                "cannot be made");
        Path model = run.resolve("best");
        refused(
                aegis("evaluate", "dadm", "--model", model, "--data", manifest, "--out", file),
                "a file: is in the way");
        refused(aegis("evaluate", "dadm", "--model", model, "--data", manifest, "--threshold", 7), "--threshold 7.0");
        assertThat(file).hasContent("kept");
    }

    @Test
    void theFiguresArePrintedWhenTheirFilesCannotBeWritten() throws IOException {
        Path out = folder.resolve("in the way");
        Files.createDirectories(out.resolve("scores.csv"));
        Typed r = aegis(
                "evaluate",
                "dadm",
                "--model",
                run.resolve("best"),
                "--data",
                data.resolve("manifest.csv"),
                "--out",
                out);
        refused(r, "scores.csv");
        assertThat(r.out()).contains("HTER");
    }

    @Test
    void wrongModels() throws IOException {
        Path rgb = data.resolve(Domain.standard().getFirst().name()).resolve("000000-rgb.png");
        refused(aegis("score", "--model", folder.resolve("nowhere"), "--rgb", rgb), "nowhere");
        Path model = Files.createDirectories(folder.resolve("broken"));
        Files.copy(run.resolve("best/config.json"), model.resolve("config.json"));
        byte[] weights = Files.readAllBytes(run.resolve("best/model.safetensors"));
        Files.write(model.resolve("model.safetensors"), Arrays.copyOf(weights, weights.length - 100));
        refused(aegis("score", "--model", model, "--rgb", rgb), "model.safetensors");
        for (int i = weights.length - 64; i < weights.length; i++) {
            weights[i] = (byte) 0xff; // NaN
        }
        Files.write(model.resolve("model.safetensors"), weights);
        refused(aegis("score", "--model", model, "--rgb", rgb), "model.safetensors");
        Files.copy(run.resolve("best/model.safetensors"), model.resolve("inputs.safetensors"));
        Files.write(model.resolve("weights.safetensors"), weights);
        refused(aegis("verify", model), "weights.safetensors: tensor ", "has NaN at");
    }

    @Test
    void wrongWords() {
        assertThat(aegis("score").status()).isEqualTo(2);
        assertThat(aegis("fly").status()).isEqualTo(2);
        assertThat(aegis("train", "dadm", "--out", folder.resolve("x")).err()).contains("--data");
        refused(aegis("verify", folder.resolve("nowhere")), "nowhere");
        refused(aegis("verify", folder.resolve("faces")), "nothing to compare");
        refused(aegis("verify", run.resolve("best")), "inputs.safetensors is missing", "reference values");
    }

    /** One sentence that names what was wrong, and a status that is not zero. */
    private static void refused(Typed r, String... words) {
        assertThat(r.status()).as(r.out() + r.err()).isNotZero();
        String said =
                r.err().lines().filter(l -> l.startsWith("aegis: ")).findFirst().orElse("");
        assertThat(said).as(r.err()).contains(words);
        assertThat(r.err()).doesNotContain("\tat ", "Exception");
    }

    @Test
    void tokenize() throws IOException {
        Path tokenizer = Files.writeString(
                folder.resolve("tokenizer.json"),
                new BpeTrainer(300, List.of("<|begin_of_text|>"), "<|begin_of_text|>").train(List.of("the face")));
        Typed r = aegis("tokenize", "--tokenizer", tokenizer, "--special", "--pieces", "the face");
        assertThat(r.status()).as(r.err()).isZero();
        assertThat(r.out().lines().toList().get(1)).isEqualTo("<|begin_of_text|> the Ġface");
        Path vectors = Files.writeString(
                folder.resolve("vectors.json"),
                "[{\"text\": \"the\", \"ids\": [" + r.out().split(" ")[1] + "], \"decoded\": \"the\"}]");
        assertThat(aegis("tokenize", "--tokenizer", tokenizer, "--vectors", vectors))
                .isEqualTo(new Typed(0, "1 texts, 3 comparisons, 0 failures" + System.lineSeparator(), ""));
        Files.writeString(vectors, "[{\"text\": \"the\", \"ids\": [1]}]");
        assertThat(aegis("tokenize", "--tokenizer", tokenizer, "--vectors", vectors)
                        .status())
                .isEqualTo(1);
        assertThat(aegis("tokenize", "--tokenizer", tokenizer).err()).contains("give either a text or --vectors");
        assertThat(aegis("tokenize", "--tokenizer", folder.resolve("none"), "x").err())
                .isEqualTo("aegis: " + folder.resolve("none") + ": no such file or folder" + System.lineSeparator());
    }

    @Test
    void synthesizesACheckpointOnceAndNeverOverSomething() {
        Path out = folder.resolve("synthesized");
        Typed r = aegis("synthesize", "--config", "bunny-tiny", "--out", out, "--dtype", "bf16", "--seed", 4);
        assertThat(r.status()).as(r.err()).isZero();
        assertThat(r.out()).contains("bunny-tiny: 98 tensors of BF16", "seed 4", "model.safetensors");
        assertThat(out.resolve("config.json")).isNotEmptyFile();

        Typed again = aegis("synthesize", "--config", "bunny-tiny", "--out", out);
        assertThat(again.status()).isEqualTo(1);
        assertThat(again.err()).contains("exists and is not empty");
        assertThat(aegis("synthesize", "--config", "bunny-tiny", "--out", out, "--dtype", "i8")
                        .status())
                .isEqualTo(2);
        Typed unknown = aegis("synthesize", "--config", "bunny-9b", "--out", folder.resolve("nothing"));
        assertThat(unknown.status()).isEqualTo(1);
        assertThat(unknown.err()).contains("bunny-9b is neither a config.json nor one of bunny-llama3-8b");
    }
}
