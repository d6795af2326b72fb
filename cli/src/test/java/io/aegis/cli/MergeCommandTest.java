package io.aegis.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.aegis.weights.Checkpoint;
import io.aegis.weights.Safetensors;
import io.aegis.weights.Views;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MergeCommandTest {
    @TempDir
    Path folder;

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    private int aegis(Object... words) {
        String[] args = new String[words.length];
        for (int i = 0; i < args.length; i++) {
            args[i] = words[i].toString();
        }
        return Main.run(new PrintWriter(out, true), new PrintWriter(err, true), args);
    }

    /** What PEFT's own merge gives. */
    @Test
    void theMergedModelIsThatOfTheReference() {
        Path golden = Path.of(System.getProperty("aegis.golden", "golden")).resolve("hf");
        assumeTrue(Files.exists(golden), () -> "skipped: no reference data at " + golden);
        Path target = folder.resolve("merged");
        int status = aegis(
                "merge", "--model", golden.resolve("llama-gqa"), "--adapter", golden.resolve("lora"), "--out", target);
        assertThat(status).as(err.toString()).isZero();
        assertThat(out.toString()).contains("21 tensors changed");
        assertThat(target.resolve("config.json")).exists();
        try (Checkpoint merged = Checkpoint.open(target);
                Checkpoint base = Checkpoint.open(golden.resolve("llama-gqa"));
                Safetensors expected = Safetensors.open(golden.resolve("lora/merged.safetensors"))) {
            assertThat(merged.names()).isEqualTo(base.names());
            for (String name : merged.names()) {
                Checkpoint from = expected.has(name) ? expected : base;
                assertThat(Views.of(merged, name).toDoubles())
                        .as(name)
                        .containsExactly(Views.of(from, name).toDoubles(), within(1e-6));
            }
        }
    }

    @Test
    void whatIsMissingIsSaidInOneSentence() {
        assertThat(aegis("merge", "--model", folder, "--adapter", folder.resolve("none"), "--out", folder.resolve("x")))
                .isEqualTo(1);
        assertThat(err.toString())
                .contains("adapter_config.json", "no such file")
                .doesNotContain("\tat ");
        assertThat(folder.resolve("x")).doesNotExist();
    }
}
