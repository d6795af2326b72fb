package io.aegis.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The cache with files that are cut, exchanged, flipped, or cannot be written, and with several processes at it. */
class CubinCacheTest {
    private static final String KEY = "a".repeat(64);
    private static final Cubin CUBIN = new Cubin("NVRTC 13.0", "a log, of 2 lines\nü", "\177ELF code".getBytes());

    @TempDir
    Path folder;

    private CubinCache cache;
    private Path file;
    private final List<String> warnings = new CopyOnWriteArrayList<>();
    private final AtomicInteger made = new AtomicInteger();

    @BeforeEach
    void open() {
        cache = new CubinCache(folder.resolve("cubin"), warnings::add);
        file = folder.resolve("cubin").resolve(KEY + ".cubin");
    }

    private Cubin get(String key) {
        return cache.get(key, () -> {
            made.incrementAndGet();
            return CUBIN;
        });
    }

    private static void same(Cubin got) {
        assertThat(got.code()).isEqualTo(CUBIN.code());
        assertThat(got.log()).isEqualTo(CUBIN.log());
        assertThat(got.compiler()).isEqualTo(CUBIN.compiler());
    }

    /** What is warned of while something runs. */
    private List<String> warned(Runnable work) {
        warnings.clear();
        work.run();
        return List.copyOf(warnings);
    }

    @Test
    void aKeyIsMadeOnce() throws IOException {
        assertThat(cache.has(KEY)).isFalse();
        assertThat(warned(() -> same(get(KEY)))).isEmpty();
        same(get(KEY));
        assertThat(made).hasValue(1);
        assertThat(cache.has(KEY)).isTrue();
        same(new CubinCache(folder.resolve("cubin")).get(KEY, () -> {
            throw new AssertionError("it is there");
        }));
        try (Stream<Path> files = Files.list(folder.resolve("cubin"))) {
            assertThat(files).containsExactly(file);
        }
    }

    /** Every shortened file and every flipped bit is noticed. */
    @Test
    void damageIsNoticed() {
        byte[] whole = CubinFile.write(KEY, CUBIN);
        for (int n = 0; n < whole.length; n++) {
            byte[] cut = Arrays.copyOf(whole, n);
            assertThatThrownBy(() -> CubinFile.read(KEY, cut)).as("%d bytes", n).isInstanceOf(IOException.class);
            byte[] flipped = whole.clone();
            flipped[n] ^= 1;
            assertThatThrownBy(() -> CubinFile.read(KEY, flipped))
                    .as("byte %d", n)
                    .isInstanceOf(IOException.class);
        }
    }

    @Test
    void aDamagedFileIsMadeAgain() throws IOException {
        get(KEY);
        byte[] whole = Files.readAllBytes(file);
        Files.write(file, Arrays.copyOf(whole, whole.length / 2));
        assertThat(warned(() -> same(get(KEY))))
                .singleElement()
                .asString()
                .startsWith(file + " is deleted and made again: ");
        assertThat(made).hasValue(2);
        assertThat(Files.readAllBytes(file)).isEqualTo(whole);
    }

    @Test
    void aForeignCubinIsNotTakenForOurs() throws IOException {
        String other = "b".repeat(64);
        get(other);
        Files.move(folder.resolve("cubin").resolve(other + ".cubin"), file, StandardCopyOption.REPLACE_EXISTING);
        assertThat(warned(() -> same(get(KEY))))
                .singleElement()
                .asString()
                .endsWith("is deleted and made again: it was made for another key, " + other);
        Files.writeString(file, "\177ELF straight from somewhere else");
        assertThat(warned(() -> same(get(KEY))))
                .singleElement()
                .asString()
                .endsWith("it is not a cubin of this project");
        assertThat(made).hasValue(3);
    }

    @Test
    void aFolderThatCannotBeWrittenCostsOnlyTime() throws IOException {
        Path inTheWay = Files.writeString(folder.resolve("file"), "not a folder");
        cache = new CubinCache(inTheWay.resolve("cubin"), warnings::add);
        assertThat(warned(() -> {
                    same(get(KEY));
                    same(get(KEY));
                }))
                .as("warned once")
                .singleElement()
                .asString()
                .contains("compiled kernels cannot be kept in " + inTheWay.resolve("cubin"), "-Daegis.cache=DIR");
        assertThat(made).hasValue(2);
    }

    @Test
    void whatDoesNotCompileLeavesNothing() {
        assertThatThrownBy(() -> cache.get(KEY, () -> {
                    throw new CudaException("a.cu(3): error");
                }))
                .hasMessage("a.cu(3): error");
        assertThat(cache.has(KEY)).isFalse();
    }

    @Test
    void whatAKilledProcessLeftIsCleared() throws IOException {
        Files.createDirectories(file.getParent());
        Path old = Files.writeString(file.resolveSibling(KEY + "1.tmp"), "half");
        Path fresh = Files.writeString(file.resolveSibling(KEY + "2.tmp"), "being written");
        Files.setLastModifiedTime(old, FileTime.from(Instant.now().minusSeconds(7200)));
        get(KEY);
        assertThat(old).doesNotExist();
        assertThat(fresh).exists();
    }

    @Test
    void manyThreads() {
        IntStream.range(0, 200)
                .parallel()
                .forEach(i -> same(get(Integer.toString(i % 7).repeat(64))));
        assertThat(made.get()).isBetween(7, 200);
    }

    /** Processes that write, read and damage the same files: none ever sees anything but the right bytes. */
    @Test
    void manyProcesses() throws Exception {
        List<Process> runs = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            List<String> command = new ArrayList<>();
            command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
            command.addAll(List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx128m", "-cp"));
            command.add(String.join(File.pathSeparator, "target/test-classes", "target/classes"));
            command.addAll(List.of(CubinCacheRun.class.getName(), cache.folder().toString(), Integer.toString(i)));
            runs.add(new ProcessBuilder(command).redirectErrorStream(true).start());
        }
        for (Process run : runs) {
            String said = new String(run.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(run.waitFor()).as(said).isZero();
            assertThat(said).contains("right every time");
        }
        try (Stream<Path> files = Files.list(cache.folder())) {
            assertThat(files).allMatch(f -> f.toString().endsWith(".cubin"));
        }
    }

    @Test
    void theKeyHoldsAllThatMatters() {
        CompileJob job = CompilerTest.job("KERNEL", "sm_80");
        List<String> keys = new ArrayList<>(List.of(job.key(), job.key("NVRTC 13.0"), job.key("NVRTC 13.1")));
        keys.add(CompilerTest.job("KERNEL ", "sm_80").key());
        keys.add(CompilerTest.job("KERNEL", "sm_86").key());
        keys.add(new CompileJob(job.variant(), job.arch(), job.source(), job.headers(), List.of("-DSCALE=4")).key());
        keys.add(new CompileJob(job.variant(), job.arch(), job.source(), new java.util.TreeMap<>(), job.options())
                .key());
        keys.add(new CompileJob(Variant.of("b.cu"), job.arch(), job.source(), job.headers(), job.options()).key());
        assertThat(keys).doesNotHaveDuplicates().allMatch(k -> k.matches("[0-9a-f]{64}"));
        assertThat(CompilerTest.job("KERNEL", "sm_80").key()).isEqualTo(job.key());
    }
}
