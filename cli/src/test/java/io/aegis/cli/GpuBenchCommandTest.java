package io.aegis.cli;

import static io.aegis.cli.Typed.aegis;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The command as a person types it, in the emulator. */
class GpuBenchCommandTest {
    @TempDir
    Path folder;

    /** What a section's own process says, a JSON object a line; the report is made of it. */
    @Test
    void aSectionSaysWhatItMeasures() throws IOException {
        Typed r = aegis("gpu-bench", "attention", "--tiny", "--device", "emulator", "--child");
        Assumptions.assumeFalse(r.err().contains("g++"), r.err());
        assertThat(r.status()).as(r.out() + r.err()).isZero();
        List<String> kinds = new ArrayList<>();
        List<JsonNode> results = new ArrayList<>();
        for (String line : r.out().lines().toList()) {
            JsonNode said = new ObjectMapper().readTree(line);
            assertThat(said).hasSize(1);
            said.fieldNames().forEachRemaining(kinds::add);
            if (said.has("result")) {
                results.add(said.path("result"));
            }
        }
        assertThat(kinds)
                .startsWith("measuring", "ceiling", "measuring", "result")
                .contains("result");
        assertThat(results).hasSize(6);
        assertThat(results.stream().map(x -> x.path("route").asText())).contains("PORTABLE", "HOPPER", "CUDNN");
        JsonNode portable = results.stream()
                .filter(x -> x.path("route").asText().equals("PORTABLE"))
                .findFirst()
                .orElseThrow();
        assertThat(portable.path("kernels").get(0).asText()).isEqualTo("attention_forward");
        assertThat(portable.path("value").asDouble()).isPositive();
    }

    /** Whoever has a hundred GPUs may be surprised. */
    @Test
    void anAbsentDeviceIsOneSentence() {
        Typed r = aegis("gpu-bench", "--device", "cuda:99", "--out", folder.resolve("none"));
        assertThat(r.status()).isEqualTo(1);
        assertThat(r.err()).startsWith("aegis: ").contains("cuda:99").hasLineCount(1);
        assertThat(folder.resolve("none")).doesNotExist();
    }

    @Test
    void wrongWords() {
        refused("there is no section fly, expected one of attention, gemm, decode, memory, models", "fly");
        refused("--device emulator takes days for these shapes: add --tiny", "--device", "emulator");
        refused("--device cpu: expected cuda, cuda:N", "--device", "cpu");
        refused("--limit 0: expected 1 or more", "--limit", "0");
    }

    private static void refused(String words, Object... arguments) {
        Object[] all = new Object[arguments.length + 1];
        all[0] = "gpu-bench";
        System.arraycopy(arguments, 0, all, 1, arguments.length);
        Typed r = aegis(all);
        assertThat(r.status()).as(r.err()).isEqualTo(2);
        assertThat(r.err()).contains(words);
    }
}
