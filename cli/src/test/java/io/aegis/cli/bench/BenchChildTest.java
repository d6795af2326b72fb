package io.aegis.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** Several sections run in a process each, which is told all that was asked for; one that fails does not end the others. */
class BenchChildTest {
    /** Says what a section's process says, among other lines, and fails as {@code decode}. */
    private static final String CHILD = """
            echo "a line of somebody's"
            if [ "$2" = decode ]; then echo "no memory"; exit 3; fi
            echo '{"section":"'"$2"'","figures":[{"work":"w","note":"left out: by the test"}],"seconds":1}'
            """;

    @TempDir
    Path folder;

    @Test
    void aProcessASectionIsToldWhatWasAskedFor() throws IOException {
        FakeLauncher launcher = FakeLauncher.in(folder, CHILD);
        StringWriter out = new StringWriter();
        int status = bench(
                launcher,
                out,
                "--json",
                "gemm",
                "dadm",
                "--compute",
                "bf16,f32",
                "--dtype",
                "f32",
                "--batch",
                "1,3",
                "--runs",
                "2",
                "--scaling",
                "--quick");
        assertThat(status).as(out.toString()).isZero();
        String said = " --child --prompt 512 --runs 2 --compute bf16 --compute f32 --dtype F32 --batch 1 --batch 3"
                + " --scaling --quick";
        assertThat(launcher.starts()).containsExactly("bench gemm" + said, "bench dadm" + said);
        JsonNode sections = new ObjectMapper().readTree(out.toString()).path("sections");
        assertThat(sections.get(0).path("section").asText()).isEqualTo("gemm");
        assertThat(sections.get(1).path("figures").get(0).path("note").asText()).isEqualTo("left out: by the test");
    }

    @Test
    void oneThatFailsIsNamedAndTheOthersGoOn() throws IOException {
        FakeLauncher launcher = FakeLauncher.in(folder, CHILD);
        StringWriter out = new StringWriter();
        assertThat(bench(launcher, out, "decode", "startup")).isEqualTo(1);
        assertThat(launcher.starts()).hasSize(2);
        assertThat(out.toString())
                .contains("failed: exit status 3: a line of somebody's | no memory")
                .contains("w                                                    left out: by the test");
    }

    private static int bench(FakeLauncher launcher, StringWriter out, String... words) {
        BenchCommand command = new BenchCommand(() -> List.of(launcher.program().toString()));
        return new CommandLine(command)
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setOut(new PrintWriter(out, true))
                .setErr(new PrintWriter(new StringWriter(), true))
                .execute(words);
    }
}
