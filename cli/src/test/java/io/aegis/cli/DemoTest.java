package io.aegis.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The demo from end to end, with next to no training. */
class DemoTest {
    @Test
    void writesAReportAndReplacesOnlyItsOwn(@TempDir Path folder) throws Exception {
        Path out = folder.resolve("demo");
        StringWriter said = new StringWriter();
        for (int time = 0; time < 2; time++) {
            int status = Main.run(
                    new PrintWriter(said, true),
                    new PrintWriter(said, true),
                    "demo",
                    "--quick",
                    "--seed",
                    "3",
                    "--out",
                    out.toString());
            assertThat(status).as(said.toString()).isZero();
        }
        String caution = "one short training, seed 3: with another --seed an AUC moves by a few hundredths";
        assertThat(said.toString()).contains("RGB, depth and infrared", "RGB alone", caution, "report.html");
        assertThat(Files.readString(out.resolve("report.html")))
                .contains(
                        caution,
                        "What is presented",
                        "flexible mask",
                        "What the model looks at",
                        "data:image/png;base64");

        Path mine = Files.createDirectories(folder.resolve("mine"));
        Files.writeString(mine.resolve("thesis.txt"), "years of work");
        StringWriter err = new StringWriter();
        int status = Main.run(
                new PrintWriter(said, true), new PrintWriter(err, true), "demo", "--quick", "--out", mine.toString());
        assertThat(status).isEqualTo(1);
        assertThat(err.toString()).contains("is not empty");
        assertThat(mine.resolve("thesis.txt")).hasContent("years of work");
    }

    /** A model that has learned nothing speaks nonsense, but all of the way from pictures to the page is gone. */
    @Test
    void aFaceShieldTalksAboutFaces(@TempDir Path folder) throws Exception {
        Path data = folder.resolve("data");
        Path model = folder.resolve("model");
        StringWriter said = new StringWriter();
        run(said, "synthesize-faces", "--out", data, "--count", 6, "--development", 1, "--test", 1, "--size", 32);
        run(said, "synthesize", "--config", data.resolve("base"), "--tokenizer", data.resolve("base"), "--out", model);
        Path out = folder.resolve("demo");
        run(said, "demo", "--quick", "--faceshield", model, "--out", out);
        assertThat(said.toString()).contains("partial eye", "FaceShield, by its words");
        assertThat(out.resolve("faces/partial-eye.png")).isNotEmptyFile();
        assertThat(Files.readString(out.resolve("report.html")))
                .contains("What FaceShield says", "its auxiliary picture", "importance, the picture", "which attack");
    }

    @Test
    void sizesAndDomainsThatCannotBeDrawnAreMisuse(@TempDir Path folder) {
        StringWriter err = new StringWriter();
        for (String[] wrong : new String[][] {{"--size", "50"}, {"--domains", "moon"}, {"--count", "0"}}) {
            int status = Main.run(
                    new PrintWriter(err, true),
                    new PrintWriter(err, true),
                    "synthesize-faces",
                    "--out",
                    folder.resolve("x").toString(),
                    wrong[0],
                    wrong[1]);
            assertThat(status).isEqualTo(2);
        }
        assertThat(err.toString())
                .contains("--size 50: expected a multiple of 16", "domain 'moon': expected one of office", "--count 0");
        assertThat(folder.resolve("x")).doesNotExist();
    }

    private static void run(StringWriter said, Object... words) {
        String[] line = java.util.Arrays.stream(words).map(Object::toString).toArray(String[]::new);
        int status = Main.run(new PrintWriter(said, true), new PrintWriter(said, true), line);
        assertThat(status).as(said.toString()).isZero();
    }
}
