package io.aegis.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Where something is missing or forbidden, a new JVM computes the same, slower, and says so in one line. */
class DegradedStartTest {
    private static final String VECTORS = "--add-modules=jdk.incubator.vector";
    /** Products want OpenBLAS only where they are not machine code. */
    private static final String LIBRARY = "-Daegis.machine=none";

    private static final String NATIVE = "--enable-native-access=ALL-UNNAMED";

    @TempDir
    Path folder;

    private record Run(Process process, Path errors) {
        Said finish() throws IOException, InterruptedException {
            String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(process.waitFor()).as(Files.readString(errors)).isZero();
            String[] words = out.strip().split(" \\| ");
            List<String> ours = Files.readAllLines(errors).stream()
                    .filter(l -> l.startsWith("said: "))
                    .toList();
            return new Said(words[0], words[1], Double.parseDouble(words[2]), words[3], ours);
        }
    }

    private record Said(String kernels, String products, double sum, String bfloat, List<String> lines) {}

    private static Run start(Path folder, String name, String classPath, String... flags) throws IOException {
        return start(Map.of(), folder, name, classPath, flags);
    }

    private static Run start(
            Map<String, String> environment, Path folder, String name, String classPath, String... flags)
            throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(
                List.of("-XX:+UseSerialGC", "-Xmx256m", "-Djava.util.logging.SimpleFormatter.format=said: %5$s%n"));
        command.addAll(List.of(flags));
        command.addAll(List.of("-cp", classPath, DegradedStartRun.class.getName()));
        Path errors = folder.resolve(name + ".err");
        ProcessBuilder builder = new ProcessBuilder(command).redirectError(errors.toFile());
        builder.environment().putAll(environment);
        return new Run(builder.start(), errors);
    }

    /** The tests run as a module, the processes from the class path. */
    private static List<String> classPath() {
        List<String> parts = new ArrayList<>(List.of("target/test-classes", "target/classes"));
        for (String property : List.of("jdk.module.path", "java.class.path")) {
            Arrays.stream(System.getProperty(property, "").split(File.pathSeparator))
                    .filter(p -> !p.isEmpty())
                    .forEach(parts::add);
        }
        return parts;
    }

    private static String all() {
        return String.join(File.pathSeparator, classPath());
    }

    private static String without(String jar) {
        return String.join(
                File.pathSeparator,
                classPath().stream()
                        .filter(p -> !Path.of(p).getFileName().toString().matches(jar))
                        .toList());
    }

    @Test
    void aMissingModuleFlagOrCompilerIsSaid() throws Exception {
        Run usual = start(folder, "usual", all(), VECTORS, NATIVE);
        Run plain = start(folder, "plain", all(), NATIVE);
        Run limited = start(folder, "limited", all(), NATIVE, "--limit-modules=java.base,java.logging");
        Run library = start(folder, "library", all(), VECTORS, NATIVE, LIBRARY);
        Run interpreted = start(folder, "interpreted", all(), VECTORS, NATIVE, "-Xint");
        Said a = usual.finish();
        assertThat(a.kernels()).isEqualTo("cpu");
        assertThat(a.lines()).isEmpty();
        for (Run r : List.of(plain, limited)) {
            Said b = r.finish();
            assertThat(b.sum()).isEqualTo(a.sum());
            assertThat(b.kernels()).isEqualTo("scalar");
            assertThat(b.lines()).singleElement().asString().contains("--add-modules jdk.incubator.vector");
        }
        Said l = library.finish();
        assertThat(l.sum()).isEqualTo(a.sum());
        assertThat(l.products()).doesNotContain("machine code");
        assertThat(l.lines()).isEmpty();
        Said c = interpreted.finish();
        assertThat(c.sum()).isEqualTo(a.sum());
        assertThat(c.lines()).singleElement().asString().contains("-Xint");
    }

    @Test
    void anAbsentOrForbiddenLibraryIsSaid() throws Exception {
        Run denied = start(folder, "denied", all(), VECTORS, "--illegal-native-access=deny");
        Run noNatives = start(folder, "natives", without("openblas-.*-.*-.*-.*\\.jar"), VECTORS, NATIVE, LIBRARY);
        Run noJars = start(folder, "jars", without("(openblas|javacpp)-.*\\.jar"), VECTORS, NATIVE, LIBRARY);
        double expected = start(folder, "scalar", all(), NATIVE).finish().sum();
        Said d = denied.finish();
        assertThat(d.sum()).isEqualTo(expected);
        assertThat(d.lines()).singleElement().asString().contains("--enable-native-access");
        for (Run r : List.of(noNatives, noJars)) {
            Said s = r.finish();
            assertThat(s.sum()).isEqualTo(expected);
            assertThat(s.kernels()).isEqualTo("cpu");
            assertThat(s.products()).doesNotContain("OpenBLAS");
            assertThat(s.lines()).singleElement().asString().contains("without OpenBLAS");
        }
    }

    /** The library of another processor, or half a library, in JavaCPP's cache; no place to write to. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void aLibraryThatCannotBeLoadedIsSaidOrReplaced() throws Exception {
        Path kept = OpenBlasLibrary.kept(OpenBlasLibrary.class.getClassLoader());
        assumeTrue(kept != null, "OpenBLAS is not in JavaCPP's cache");
        Path cache = folder.resolve("cache");
        damaged(kept, cache);
        Run foreign =
                start(folder, "foreign", all(), VECTORS, NATIVE, LIBRARY, "-Dorg.bytedeco.javacpp.cachedir=" + cache);
        Path nowhere = Files.writeString(folder.resolve("nowhere"), "a file, not a folder");
        Run unwritable = start(
                folder,
                "unwritable",
                all(),
                VECTORS,
                NATIVE,
                LIBRARY,
                "-Dorg.bytedeco.javacpp.cachedir=" + nowhere,
                "-Duser.home=" + nowhere,
                "-Djava.io.tmpdir=" + nowhere);
        double expected = start(folder, "scalar", all(), NATIVE).finish().sum();
        for (Run r : List.of(foreign, unwritable)) {
            Said s = r.finish();
            assertThat(s.sum()).isEqualTo(expected);
            assertThat(s.products()).doesNotContain("OpenBLAS");
            assertThat(s.lines()).singleElement().asString().contains("without OpenBLAS");
        }
    }

    /** A Java that is told to leave wide vectors alone uses narrow ones, and no machine code that would use them. */
    @Test
    @EnabledIfSystemProperty(named = "os.arch", matches = "amd64|x86_64")
    void narrowVectorsGiveTheSame() throws Exception {
        Run usual = start(folder, "usual", all(), VECTORS, NATIVE);
        Run avx2 = start(folder, "avx2", all(), VECTORS, NATIVE, "-XX:UseAVX=2");
        Run avx = start(folder, "avx", all(), VECTORS, NATIVE, "-XX:UseAVX=1");
        Run sse = start(folder, "sse", all(), VECTORS, NATIVE, "-XX:UseAVX=0");
        Said u = usual.finish();
        Said two = avx2.finish();
        assertThat(two.sum()).isEqualTo(u.sum());
        assertThat(two.kernels()).isEqualTo("cpu");
        for (Run r : List.of(avx, sse)) {
            Said s = r.finish();
            assertThat(s.sum()).isEqualTo(u.sum());
            assertThat(s.kernels()).isEqualTo("cpu");
            assertThat(s.products()).doesNotContain("machine code");
            assertThat(s.lines()).as("OpenBLAS chooses by itself").isEmpty();
        }
    }

    /** oneDNN held to other instructions, switched off, or damaged: bfloat16 is float32 then, and it is said why. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void withoutOneDnnProductsOfBfloat16AreOfFloat32() throws Exception {
        Path kept = keptOneDnn();
        assumeTrue(kept != null, "oneDNN is not in JavaCPP's cache");
        Path cache = folder.resolve("cache");
        damaged(kept, cache);
        Run held = start(Map.of("ONEDNN_MAX_CPU_ISA", "AVX2"), folder, "held", all(), VECTORS, NATIVE);
        Run off = start(folder, "off", all(), VECTORS, NATIVE, "-Daegis.onednn=none");
        Run noJar = start(folder, "jar", without("dnnl-.*\\.jar"), VECTORS, NATIVE);
        Run damaged = start(folder, "damaged", all(), VECTORS, NATIVE, "-Dorg.bytedeco.javacpp.cachedir=" + cache);
        double expected = start(folder, "scalar", all(), NATIVE).finish().sum();
        Said h = held.finish();
        assertThat(h.bfloat()).startsWith("as float32").contains("AVX2").contains("AVX512_CORE_BF16");
        Said o = off.finish();
        assertThat(o.bfloat()).startsWith("as float32").contains("aegis.onednn=none");
        Said n = noJar.finish();
        assertThat(n.bfloat()).startsWith("as float32").contains("oneDNN");
        Said d = damaged.finish();
        assertThat(d.bfloat()).startsWith("as float32").contains("dnnl");
        for (Said s : List.of(h, o, n, d)) {
            assertThat(s.sum()).isEqualTo(expected);
            assertThat(s.kernels()).isEqualTo("cpu");
        }
    }

    private static Path keptOneDnn() throws IOException {
        Path cache = Path.of(System.getProperty("user.home"), ".javacpp", "cache");
        if (!Files.isDirectory(cache)) {
            return null;
        }
        try (Stream<Path> files = Files.walk(cache)) {
            return files.filter(f -> f.endsWith("libdnnl.so.3")).findFirst().orElse(null);
        }
    }

    /** A file of JavaCPP's cache in another cache, of the same size and time, and nothing but zeros. */
    private static void damaged(Path kept, Path cache) throws IOException {
        Path jar = kept;
        while (!jar.getFileName().toString().endsWith(".jar")) {
            jar = jar.getParent();
        }
        Path copy = cache.resolve(jar.getFileName()).resolve(jar.relativize(kept));
        Files.createDirectories(copy.getParent());
        try (var file = new RandomAccessFile(copy.toFile(), "rw")) {
            file.setLength(Files.size(kept));
        }
        Files.setLastModifiedTime(
                copy, FileTime.from(Files.getLastModifiedTime(kept).toInstant()));
    }
}
