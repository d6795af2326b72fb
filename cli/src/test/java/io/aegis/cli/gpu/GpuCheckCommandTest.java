package io.aegis.cli.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.aegis.cli.gpu.bench.Opener;
import io.aegis.kernels.Backends;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

/** Processes are played by scripts, which write down how they were started. */
class GpuCheckCommandTest {
    @TempDir
    Path folder;

    /** Devices that are held. */
    private final AtomicInteger opened = new AtomicInteger();

    private String said;

    private int check(String script, String... arguments) throws IOException {
        Path file = script("program", script);
        Opener opener = (device, precision) -> {
            if (device.equals("cuda:9")) {
                throw new IllegalStateException("there is no cuda:9");
            }
            opened.incrementAndGet();
            return Backends.best();
        };
        GpuCheckCommand command = new GpuCheckCommand(opener, opened::decrementAndGet, flags -> {
            List<String> words = new ArrayList<>(List.of(file.toString()));
            words.addAll(flags);
            return words;
        });
        StringWriter out = new StringWriter();
        CommandLine line = new CommandLine(command)
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setOut(new PrintWriter(out, true));
        int status = line.execute(arguments);
        said = out.toString();
        return status;
    }

    private Path script(String name, String text) throws IOException {
        Path file = folder.resolve(name);
        Files.writeString(file, "#!/bin/sh\ncd '" + folder + "'\necho \"$*\" >> calls\n" + text);
        assertThat(file.toFile().setExecutable(true)).isTrue();
        return file;
    }

    private List<String> calls() throws IOException {
        return Files.readAllLines(folder.resolve("calls"));
    }

    private List<JsonNode> failures() throws IOException {
        JsonNode report =
                new ObjectMapper().readTree(folder.resolve("report.json").toFile());
        List<JsonNode> failed = new ArrayList<>();
        report.path("sections").forEach(s -> s.path("lines").forEach(l -> {
            if (l.path("failed").asBoolean()) {
                failed.add(l);
            }
        }));
        return failed;
    }

    /** Of what hung, with what it had started, nothing is left; its row is computed again, and says which barrier it was. */
    @Test
    void aHangIsEndedAndItsBarrierNamed() throws IOException {
        int status = check("""
                case "$*" in
                  *-Daegis.cuda.debug=true*)
                    echo '{"begins":"a product"}'
                    echo '{"name":"a product","note":"block (3, 0, 0) hangs: warp 0 waits at empty[s]","failed":true}'
                    exit 1 ;;
                esac
                sleep 600 & echo $! > grandchild
                echo '{"name":"right","note":"","failed":false}'
                echo '{"begins":"first"}'
                echo '{"begins":"a product"}'
                printf '{"begins":"ha'
                wait
                """, "--sections", "hopper_bf16,kernels_f32", "--limit", "3", "--out", folder.toString());
        assertThat(status).isEqualTo(1);
        assertThat(failures()).hasSize(2).allSatisfy(l -> {
            assertThat(l.path("name").asText()).isEqualTo("a product");
            assertThat(l.path("note").asText())
                    .isEqualTo("ended after 3 s: it hung, or the limit is too short; in a debug build of that row"
                            + " alone: block (3, 0, 0) hangs: warp 0 waits at empty[s]");
        });
        String usual = "-Daegis.cublas=none -Daegis.cuda.hopper=true";
        String rest = "gpu-check --child --device cuda --sections HOPPER_BF16 --rounds 0";
        assertThat(calls())
                .hasSize(4)
                .startsWith(
                        usual + " -Daegis.cuda.timeout=none " + rest,
                        usual + " -Daegis.cuda.debug=true -Daegis.cuda.debug.seconds=1 -Daegis.cuda.timeout=2 " + rest
                                + " --row a product");
        long pid = Long.parseLong(Files.readString(folder.resolve("grandchild")).strip());
        assertThat(ProcessHandle.of(pid)
                        .filter(h -> h.isAlive() && h.info().command().isPresent()))
                .as("what the child had started")
                .isEmpty();
        assertThat(said).contains("right", "a product", "FAILED", "empty[s]");
    }

    /** A debug build that finds nothing is no proof that nothing hangs. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            exit 0               | that row alone ends: it was slow rather than hung, or hangs now and then
            exec sleep 600       | no barrier in shared memory was waited for longer than 1 s, and that row did not end
            echo lost >&2 ; exit 3 | of that row alone: exit status 3: lost
            """)
    void aDebugBuildMayNotKnow(String then, String words) throws IOException {
        int status = check(
                "case \"$*\" in *debug=true*) " + then + " ;; esac\necho '{\"begins\":\"slow\"}'\nexec sleep 600\n",
                "--sections",
                "hopper_f16",
                "--limit",
                "2",
                "--out",
                folder.toString());
        assertThat(status).isEqualTo(1);
        assertThat(failures()).singleElement().satisfies(l -> assertThat(
                        l.path("note").asText())
                .contains("ended after 2 s", "; in a debug build " + words));
    }

    @Test
    void whatFailsBeforeItsFirstRowSaysSo() throws IOException {
        assertThat(check("exec sleep 600", "--sections", "memory", "--limit", "1", "--out", folder.toString()))
                .isEqualTo(1);
        assertThat(failures().getFirst().path("note").asText()).startsWith("before its first row: ended after 1 s");
        assertThat(calls()).hasSize(1);
    }

    /** All four tools over each of their sections; a finding, a tool that says nothing and one that finds nothing. */
    @Test
    void everyToolOfTheSanitizer() throws IOException {
        Path tool = script("compute-sanitizer", """
                echo '{"name":"compared","note":"","failed":false}'
                echo '========= COMPUTE-SANITIZER'
                case "$*" in
                  *racecheck*HOPPER*)
                    echo '========= Error: Race reported between Write access at a and Read access at b'
                    echo '=========     and more of it'
                    echo '========= Error: Race reported between Write access at a and Read access at b'
                    echo '========= RACECHECK SUMMARY: 2 hazards displayed (2 errors, 0 warnings)'
                    exit 9 ;;
                  *synccheck*HOPPER*) exit 0 ;;
                  *initcheck*HOPPER*) echo 'java: no GPU'; echo '========= ERROR SUMMARY: 0 errors'; exit 1 ;;
                esac
                echo '========= ERROR SUMMARY: 0 errors'
                """);
        int status = check(
                "exit 77", "--sections", "golden_f32", "--sanitizer=" + tool, "--rounds", "5", "--out", "" + folder);
        assertThat(status).isEqualTo(1);
        String child = folder.resolve("program").toString();
        List<String> expected = new ArrayList<>();
        for (String name : List.of("memcheck", "racecheck", "synccheck", "initcheck")) {
            for (Section s : List.of(Section.KERNELS_F32, Section.KERNELS_BF16, Section.HOPPER_BF16)) {
                expected.add("--tool " + name + " --error-exitcode 9 " + child + " " + String.join(" ", s.flags())
                        + " -Daegis.cuda.timeout=none gpu-check --child --device cuda --sections " + s
                        + " --rounds 1 --brief");
            }
        }
        assertThat(calls()).isEqualTo(expected);
        assertThat(failures().stream()
                        .map(l ->
                                l.path("name").asText() + ": " + l.path("note").asText()))
                .containsExactly(
                        "racecheck-hopper-bf16: Error: Race reported between Write access at a and Read access at b (2"
                                + " times): see racecheck-hopper-bf16.log",
                        "synccheck-hopper-bf16: the tool ended without a summary: see synccheck-hopper-bf16.log",
                        "initcheck-hopper-bf16: exit status 1: ========= COMPUTE-SANITIZER | java: no GPU | ========="
                                + " ERROR SUMMARY: 0 errors");
        assertThat(said).contains("memcheck-kernels-f32", "compared", "0 errors");
    }

    @Test
    void anAbsentSanitizerIsSaidOnce() throws IOException {
        String none = folder.resolve("none").toString();
        int status = check("exit 77", "--sections", "golden_f32", "--sanitizer=" + none, "--out", "" + folder);
        assertThat(status).isZero();
        assertThat(said).containsOnlyOnce("left out: Cannot run program").contains(none, "NVIDIA's toolkit");
        assertThat(folder.resolve("calls")).doesNotExist();
    }

    /** Two are started with one empty folder, run at once, and either may fail; the folder is not left. */
    @Test
    void twoProcessesShareADeviceAndACache() throws IOException {
        String meets = """
                for flag in "$@"; do
                  case "$flag" in -Daegis.cache=*) cache="${flag#*=}" ;; esac
                done
                touch "$cache/$$"
                for wait in $(seq 100); do
                  [ "$(ls "$cache" | wc -l)" -ge 2 ] && break
                  sleep 0.1
                done
                [ "$(ls "$cache" | wc -l)" -ge 2 ] || exit 5
                echo '{"begins":"a product"}'
                echo '{"name":"compared","note":"9 of 9 calls right","failed":false}'
                """;
        String[] arguments = {"--sections", "two_processes", "--out", folder.toString()};
        assertThat(check(meets, arguments)).as(said).isZero();
        assertThat(calls()).hasSize(2);
        String first = calls().getFirst();
        assertThat(calls().get(1)).isEqualTo(first);
        assertThat(first)
                .matches("-Daegis.cuda.timeout=none -Daegis.cache=(\\S+) -Daegis.emulator.cache=\\1"
                        + " gpu-check --child --device cuda --sections TWO_PROCESSES --rounds 0");
        assertThat(said).contains("process 1: compared", "process 2: compared");
        try (Stream<Path> left = Files.list(folder)) {
            assertThat(left.filter(Files::isDirectory))
                    .as("the folder they filled")
                    .isEmpty();
        }

        String oneFails = meets + "mkdir \"$cache/last\" 2>/dev/null || { echo lost >&2; exit 3; }\n";
        assertThat(check(oneFails, arguments)).isEqualTo(1);
        assertThat(failures()).singleElement().satisfies(l -> {
            assertThat(l.path("name").asText()).matches("process [12]");
            assertThat(l.path("note").asText()).isEqualTo("at a product: exit status 3: lost");
        });
    }

    /** One line for all sections, and nothing is begun. */
    @Test
    void aDeviceThatCannotBeHadIsSaidOnce() throws IOException {
        Path out = folder.resolve("out");
        assertThat(check("exit 77", "--device", "cuda:9", "--out", out.toString()))
                .isNotZero();
        assertThat(folder.resolve("calls")).doesNotExist();
        assertThat(out).doesNotExist();
        assertThat(check("exit 0", "--sections", "memory", "--out", out.toString()))
                .isZero();
        assertThat(opened)
                .as("devices that this process holds while sections run")
                .hasValue(0);
    }

    /** What a child says of itself: each row before it is computed, and with --row that one alone. */
    @Test
    void aChildNamesItsRows() throws IOException {
        String[] child = {"--child", "--sections", "kernels_f32", "--rounds", "1", "--brief"};
        assertThat(check("exit 77", child)).as(said).isZero();
        List<String> rows = begun();
        assertThat(rows).hasSizeGreaterThan(20).doesNotHaveDuplicates();
        String[] one = Arrays.copyOf(child, child.length + 2);
        one[child.length] = "--row";
        one[child.length + 1] = rows.get(7);
        assertThat(check("exit 77", one)).as(said).isZero();
        assertThat(begun()).containsExactly(rows.get(7));
        assertThat(said).contains("1 of 1 calls right");
        assertThat(folder.resolve("calls")).doesNotExist();
    }

    private List<String> begun() throws IOException {
        List<String> rows = new ArrayList<>();
        for (String line : said.lines().toList()) {
            JsonNode o = new ObjectMapper().readTree(line);
            if (o.has("begins")) {
                rows.add(o.path("begins").asText());
            }
        }
        return rows;
    }
}
