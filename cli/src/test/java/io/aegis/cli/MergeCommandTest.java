package io.aegis.cli;

import static io.aegis.cli.Typed.aegis;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.aegis.weights.Checkpoint;
import io.aegis.weights.Safetensors;
import io.aegis.weights.Views;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MergeCommandTest {
    @TempDir
    Path folder;

    /** What PEFT's own merge gives. */
    @Test
    void theMergedModelIsThatOfTheReference() {
        Path golden = Path.of(System.getProperty("aegis.golden", "golden")).resolve("hf");
        assumeTrue(Files.exists(golden), () -> "skipped: no reference data at " + golden);
        Path target = folder.resolve("merged");
        Typed merge = aegis(
                "merge", "--model", golden.resolve("llama-gqa"), "--adapter", golden.resolve("lora"), "--out", target);
        assertThat(merge.status()).as(merge.err()).isZero();
        assertThat(merge.out()).contains("21 tensors changed");
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
        Typed merge =
                aegis("merge", "--model", folder, "--adapter", folder.resolve("none"), "--out", folder.resolve("x"));
        assertThat(merge.status()).isEqualTo(1);
        assertThat(merge.err()).contains("adapter_config.json", "no such file").doesNotContain("\tat ");
        assertThat(folder.resolve("x")).doesNotExist();
    }
}
