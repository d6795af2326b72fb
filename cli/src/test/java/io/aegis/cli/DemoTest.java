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
                    "--out",
                    out.toString());
            assertThat(status).as(said.toString()).isZero();
        }
        assertThat(said.toString()).contains("RGB, depth and infrared", "RGB alone", "report.html");
        assertThat(Files.readString(out.resolve("report.html")))
                .contains("What is presented", "flexible mask", "What the model looks at", "data:image/png;base64");

        Path mine = Files.createDirectories(folder.resolve("mine"));
        Files.writeString(mine.resolve("thesis.txt"), "years of work");
        StringWriter err = new StringWriter();
        int status = Main.run(
                new PrintWriter(said, true), new PrintWriter(err, true), "demo", "--quick", "--out", mine.toString());
        assertThat(status).isEqualTo(1);
        assertThat(err.toString()).contains("is not empty");
        assertThat(mine.resolve("thesis.txt")).hasContent("years of work");
    }
}
