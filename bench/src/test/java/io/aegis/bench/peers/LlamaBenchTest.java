package io.aegis.bench.peers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is made of llama-bench's rate, and of its failure. */
class LlamaBenchTest {
    @TempDir
    Path folder;

    @Test
    void millisecondsOfItsRate() throws IOException {
        LlamaBench bench = saying("echo loading >&2; echo '[ { \"avg_ts\": 256.0 } ]'");
        assertThat(bench.name()).isEqualTo("llama.cpp Q8_0");
        assertThat(bench.run()).isEqualTo(2000);
    }

    @Test
    void whatFailsIsAbsentWithItsLastWords() throws IOException {
        LlamaBench failing = saying("echo loading >&2; echo no such model >&2; exit 1");
        assertThatThrownBy(failing::run)
                .isInstanceOf(AbsentException.class)
                .hasMessage("its process ended with status 1 and said: no such model");
        LlamaBench silent = saying("echo '[]'");
        assertThatThrownBy(silent::run)
                .isInstanceOf(AbsentException.class)
                .hasMessage("its process ended with status 0 and said: nothing");
        LlamaBench missing = new LlamaBench(folder.resolve("none"), Path.of("shape-q8_0.gguf"), List.of(), 2, 512);
        assertThatThrownBy(missing::run)
                .isInstanceOf(AbsentException.class)
                .hasMessageStartingWith("it cannot be run: ")
                .hasMessageContaining("none");
    }

    /** A shell script in its place. */
    private LlamaBench saying(String script) throws IOException {
        Path program = Files.writeString(folder.resolve("llama-bench"), "#!/bin/sh\n" + script + "\n");
        assertThat(program.toFile().setExecutable(true)).isTrue();
        return new LlamaBench(program, Path.of("shape-q8_0.gguf"), List.of("-p", "512", "-n", "0"), 2, 512);
    }
}
