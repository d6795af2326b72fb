package io.aegis.cli;

import static io.aegis.cli.Typed.aegis;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Every section runs on something tiny, and what it prints can be read; how fast it was is not looked at. */
class BenchCommandTest {
    @TempDir
    static Path folder;

    @ParameterizedTest
    @CsvSource({
        "vision, siglip-tiny, 'f32,int8', 2",
        "prefill, llama-tiny, 'f16,int4', 2",
        "decode, llama-tiny, 'bf16,int8,int4', 3",
        "dadm, dadm-tiny, f32, 4",
        "gemm, 9x64x40, 'f32,int8', 2",
        "gemm, 9x65x40, int8, 1",
    })
    void figuresStandBesideCeilings(String section, String shape, String types, int figures) throws IOException {
        JsonNode report = json(section, "--shape", shape, "--dtype", types, "--batch", 1, "--compute", "f32");
        assertThat(report.path("processor").asText()).isNotEmpty();
        assertThat(report.path("kernels").has("matmul")).isTrue();
        assertThat(report.path("sections")).hasSize(1);
        JsonNode part = report.path("sections").get(0);
        assertThat(part.path("section").asText()).isEqualTo(section);
        assertThat(part.path("ceilings")).hasSizeBetween(5, 7); // two more with products of bfloat16
        part.path("ceilings")
                .forEach(c ->
                        assertThat(c.path("value").asDouble()).as(c.toString()).isPositive());
        assertThat(part.path("figures")).hasSize(figures);
        for (JsonNode f : part.path("figures")) {
            if (shape.equals("9x65x40")) {
                assertThat(f.path("note").asText()).contains("left out: 65 weights a row are not whole groups of 64");
                continue;
            }
            assertThat(f.path("value").asDouble()).as(f.toString()).isPositive();
            assertThat(f.path("least").asDouble())
                    .isLessThanOrEqualTo(f.path("value").asDouble());
            assertThat(f.path("most").asDouble())
                    .isGreaterThanOrEqualTo(f.path("value").asDouble());
            assertThat(f.path("runs").asInt()).isPositive();
            assertThat(f.path("ceiling").path("value").asDouble()).isPositive();
            assertThat(f.has("heap_bytes") && f.has("processor_seconds") && f.has("wall_seconds"))
                    .isTrue();
        }
        assertThat(part.path("peak_resident_bytes").asLong()).isPositive();
    }

    @Test
    void aFolderIsMeasuredAsItIsStored() throws IOException {
        Path model = folder.resolve("tiny");
        Typed made = aegis("synthesize", "--config", "bunny-tiny", "--out", model);
        assertThat(made.status()).as(made.err()).isZero();
        for (String section : List.of("vision", "decode")) {
            JsonNode part = json(section, "--model", model, "--batch", 1, "--compute", "f32")
                    .path("sections")
                    .get(0);
            assertThat(part.path("figures")).hasSize(1);
            assertThat(part.path("figures").get(0).path("work").asText()).startsWith(model.toString());
        }
    }

    @Test
    void bfloatStandsBesideItsOwnCeilings() throws IOException {
        String before = System.setProperty("aegis.bf16", "emulated");
        try {
            JsonNode part = json("gemm", "--shape", "9x64x40", "--dtype", "f32", "--compute", "f32,bf16", "--scaling")
                    .path("sections")
                    .get(0);
            assertThat(part.path("ceilings")).hasSize(7);
            assertThat(part.path("figures")).hasSize(4);
            for (int i = 0; i < 4; i++) {
                JsonNode f = part.path("figures").get(i);
                assertThat(f.path("work").asText())
                        .isEqualTo("gemm 9x64x40, f32" + (i < 2 ? "" : ", computed in bf16")
                                + (i % 2 == 0 ? "" : ", threads"));
                if (i % 2 == 0) {
                    assertThat(f.path("ceiling").path("name").asText())
                            .startsWith(i == 0 ? "FMA f32" : "our product bf16, 512x512x512");
                }
            }
        } finally {
            if (before == null) {
                System.clearProperty("aegis.bf16");
            } else {
                System.setProperty("aegis.bf16", before);
            }
        }
    }

    @Test
    void peopleReadASentenceAFigure() {
        Typed r = aegis("bench", "gemm", "--shape", "1x64x40", "--dtype", "int4", "--quick", "--runs", 1);
        assertThat(r.status()).as(r.err()).isZero();
        assertThat(r.out())
                .contains("FMA f32, registers only, 1 thread", "reading 64 MiB", "our product f32")
                .containsPattern("1 row by \\d+ of 64x40, int4 +\\S+ ms +\\[")
                .contains("% of reading", "KB of Java heap a product", "GB resident");
    }

    @Test
    void wrongWords() {
        refused(
                "there is no section fly, expected one of vision, prefill, decode, dadm, gemm, faceshield, startup",
                "fly");
        refused(
                "--shape vit-9 is not known, expected for vision one of siglip-so400m-384",
                "vision",
                "--shape",
                "vit-9");
        refused("for prefill and decode one of llama-3.2-1b", "--shape", "vit-9");
        refused("--dtype int8: dadm takes f32", "dadm", "--dtype", "int8");
        refused("--runs 0: expected 1 or more", "gemm", "--runs", 0);
        refused("--compute bf16: decode computes in f32 whatever is asked for", "decode", "--compute", "bf16");
        refused("for faceshield one of bunny-llama3-8b", "faceshield", "--shape", "vit-9");
        refused("give either --shape or --model", "vision", "--shape", "siglip-tiny", "--model", folder);
        Typed none = aegis("bench", "--quick", "decode", "--model", folder.resolve("none"));
        assertThat(none.status()).isEqualTo(1);
        assertThat(none.err()).startsWith("aegis: ").contains("none", "does not exist");
    }

    @Test
    void whatDoesNotFitIsLeftOut() throws IOException {
        JsonNode part = json("gemm", "--shape", "4000000x131072x131072", "--dtype", "f32")
                .path("sections")
                .get(0);
        assertThat(part.path("figures").get(0).path("note").asText())
                .matches("left out: needs about [0-9.]+ GB of memory, [0-9.]+ GB are available");
    }

    private static void refused(String words, Object... arguments) {
        Object[] all = new Object[arguments.length + 1];
        all[0] = "bench";
        System.arraycopy(arguments, 0, all, 1, arguments.length);
        Typed r = aegis(all);
        assertThat(r.status()).as(r.err()).isEqualTo(2);
        assertThat(r.err()).contains(words);
    }

    private static JsonNode json(Object... arguments) throws IOException {
        List<Object> all = new ArrayList<>(List.of("bench"));
        all.addAll(List.of(arguments));
        all.addAll(List.of("--json", "--quick", "--warmups", 0, "--runs", 1, "--prompt", 5));
        if (!all.contains("--tokens")) {
            all.addAll(List.of("--tokens", 2));
        }
        Typed r = aegis(all.toArray());
        assertThat(r.status()).as(r.out() + r.err()).isZero();
        return new ObjectMapper().readTree(r.out());
    }
}
