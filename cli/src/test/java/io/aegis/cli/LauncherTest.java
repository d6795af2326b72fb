package io.aegis.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** The launcher, in a tree of its own with a Maven and JDKs that only take notes. */
@DisabledOnOs(OS.WINDOWS)
class LauncherTest {
    @TempDir
    Path folder;

    private Path root;
    private Path tools;
    private Path builds;
    private Path jdk;

    private record Result(int status, String out, String err) {}

    @BeforeEach
    void plant() throws IOException {
        root = Files.createDirectories(folder.resolve("a tree"));
        tools = Files.createDirectories(folder.resolve("tools"));
        builds = folder.resolve("builds");
        Files.copy(script(), root.resolve("aegis"));
        root.resolve("aegis").toFile().setExecutable(true);
        Files.writeString(root.resolve("pom.xml"), "<project/>");
        Files.createDirectories(root.resolve("cli/src/main/java"));
        Files.writeString(root.resolve("cli/pom.xml"), "<project/>");
        Files.writeString(root.resolve("cli/src/main/java/A.java"), "class A {}");
        Files.writeString(root.resolve("cli/src/main/java/B.java"), "class B {}");
        age(root);
        executable(tools.resolve("mvn"), "echo \"$*\" >> '" + builds + "'; touch cli/target/lib/aegis-cli.jar");
        jdk = jdk("jdk-25", "25.0.1");
    }

    /** The project's own launcher: Maven runs the tests of a module in its folder. */
    private static Path script() {
        Path here = Path.of("").toAbsolutePath();
        return Stream.of(here, here.getParent())
                .map(p -> p.resolve("aegis"))
                .filter(Files::isRegularFile)
                .findFirst()
                .orElseThrow();
    }

    /** As if everything had been written a minute ago. */
    private static void age(Path tree) throws IOException {
        try (Stream<Path> all = Files.walk(tree)) {
            for (Path p : all.toList()) {
                Files.setLastModifiedTime(p, FileTime.from(Instant.now().minusSeconds(60)));
            }
        }
    }

    private static void executable(Path file, String body) throws IOException {
        Files.createDirectories(file.getParent());
        Files.writeString(file, "#!/bin/sh\n" + body + "\n");
        file.toFile().setExecutable(true);
    }

    private Path jdk(String name, String version) throws IOException {
        Path home = folder.resolve(name);
        executable(home.resolve("bin/javac"), "exit 1");
        executable(home.resolve("bin/java"), "for a in \"$@\"; do echo \"[$a]\"; done");
        Files.writeString(home.resolve("release"), "IMPLEMENTOR=\"Nobody\"\nJAVA_VERSION=\"" + version + "\"\n");
        return home;
    }

    private ProcessBuilder launcher(Path script, Map<String, String> environment, String... words) {
        List<String> command = new ArrayList<>(List.of(script.toString()));
        command.addAll(List.of(words));
        ProcessBuilder b = new ProcessBuilder(command).directory(folder.toFile());
        b.environment().put("PATH", tools + ":" + System.getenv("PATH"));
        b.environment().put("JAVA_HOME", jdk.toString());
        b.environment().remove("AEGIS_JAVA_OPTS");
        b.environment().putAll(environment);
        return b;
    }

    private static Result result(Process p) throws IOException, InterruptedException {
        String out = new String(p.getInputStream().readAllBytes());
        String err = new String(p.getErrorStream().readAllBytes());
        return new Result(p.waitFor(), out, err);
    }

    private Result aegis(String... words) throws Exception {
        return result(launcher(root.resolve("aegis"), Map.of(), words).start());
    }

    private int builds() throws IOException {
        return Files.exists(builds) ? Files.readAllLines(builds).size() : 0;
    }

    @Test
    void buildsOnceAndPassesWordsOn() throws Exception {
        Result first = aegis("score", "--rgb", "a picture.png");
        assertThat(first.status()).isZero();
        assertThat(first.out())
                .contains("[--module]\n[io.aegis.cli/io.aegis.cli.Main]\n[score]\n[--rgb]\n[a picture.png]");
        assertThat(first.out()).contains("[" + root.toRealPath().resolve("cli/target/lib") + "]");
        assertThat(first.err()).contains("building");
        assertThat(aegis("doctor").err()).isEmpty();
        assertThat(builds()).isEqualTo(1);
    }

    @Test
    void usesTheStartUpCacheThatItsBuildMade() throws Exception {
        String maker = "for a in \"$@\"; do case $a in -XX:ArchiveClassesAtExit=*)" + " [ -s '" + root
                + "/cli/target/point.png' ] && : > \"${a#*=}\";; esac; echo \"[$a]\"; done";
        executable(jdk.resolve("bin/java"), maker);
        Result first = aegis("score");
        Path cache = root.toRealPath().resolve("cli/target/aegis.jsa");
        assertThat(first.err()).doesNotContain("cache");
        assertThat(first.out())
                .contains("[-XX:SharedArchiveFile=" + cache + "]")
                .doesNotContain("ArchiveClassesAtExit");
        assertThat(aegis("train").out()).contains("[-XX:SharedArchiveFile=" + cache + "]");

        executable(jdk.resolve("bin/java"), "for a in \"$@\"; do echo \"[$a]\"; done");
        Files.writeString(root.resolve("cli/src/main/java/A.java"), "class A { int a; }");
        Result without = aegis("score");
        assertThat(without.status()).isZero();
        assertThat(without.err().lines())
                .filteredOn(l -> l.contains("no start-up cache"))
                .hasSize(1);
        assertThat(without.out()).as("a cache of former jars").doesNotContain("SharedArchiveFile");
    }

    @Test
    void compilesEarlyOnlyWhereItPays() throws Exception {
        assertThat(aegis("train", "dadm").out()).contains("Tier4InvocationThreshold");
        assertThat(aegis("score", "--json").out()).doesNotContain("Tier4InvocationThreshold");
        assertThat(aegis("--version").out()).doesNotContain("Tier4InvocationThreshold");
    }

    @Test
    void buildsAgainWhenSomethingChanged() throws Exception {
        aegis("doctor");
        Files.delete(root.resolve("cli/src/main/java/B.java"));
        aegis("doctor");
        assertThat(builds()).as("after a source was deleted").isEqualTo(2);
        Files.writeString(root.resolve("pom.xml"), "<project></project>");
        aegis("doctor");
        assertThat(builds()).as("after the pom changed").isEqualTo(3);
        Path stray = root.resolve("cli/target/lib/former-1.0.jar");
        Files.writeString(stray, "");
        Files.writeString(root.resolve("cli/src/main/java/A.java"), "class A { }");
        aegis("doctor");
        assertThat(stray).as("a jar of a former version").doesNotExist();
    }

    /**
     * Where somebody put the toolkit's jar or compiled kernels: there after the next build, and on the class path. On the module
     * path cuda-redist, whose descriptor asks for modules that are not there, keeps the program from starting.
     */
    @Test
    void ownJarsOutliveABuild() throws Exception {
        assertThat(aegis("doctor").out()).contains("cli/target/lib]").doesNotContain("--class-path");
        Path own = Files.createDirectories(root.resolve("lib")).resolve("cuda-redist.jar");
        Files.writeString(own, "");
        Files.writeString(root.resolve("cli/src/main/java/A.java"), "class A { int own; }");
        Result r = aegis("doctor");
        assertThat(builds()).isEqualTo(2);
        assertThat(own).exists();
        Path real = root.toRealPath();
        assertThat(r.out())
                .contains("[--module-path]\n[" + real.resolve("cli/target/lib") + "]")
                .contains("[--class-path]\n[" + real.resolve("lib") + "/*]");
    }

    @Test
    void startsThroughALinkFromAnotherFolderWithoutAHome() throws Exception {
        Path elsewhere = Files.createDirectories(folder.resolve("else where"));
        Path link = Files.createSymbolicLink(elsewhere.resolve("aegis"), root.resolve("aegis"));
        ProcessBuilder b = launcher(link, Map.of(), "doctor").directory(elsewhere.toFile());
        b.environment().remove("HOME");
        Result r = result(b.start());
        assertThat(r.status()).isZero();
        assertThat(r.out()).contains("[" + root.toRealPath().resolve("cli/target/lib") + "]");
    }

    @Test
    void twoAtOnceBuildOnce() throws Exception {
        executable(tools.resolve("mvn"), "echo x >> '" + builds + "'; sleep 0.5; touch cli/target/lib/aegis-cli.jar");
        Process a = launcher(root.resolve("aegis"), Map.of(), "doctor").start();
        Process b = launcher(root.resolve("aegis"), Map.of(), "doctor").start();
        assertThat(result(a).status()).isZero();
        assertThat(result(b).status()).isZero();
        assertThat(builds()).isEqualTo(1);
    }

    @Test
    void saysWhatMavenSaid() throws Exception {
        executable(tools.resolve("mvn"), "echo 'A.java: not a statement'; exit 1");
        Result r = aegis("doctor");
        assertThat(r.status()).isEqualTo(1);
        assertThat(r.err()).contains("A.java: not a statement").contains("the build failed");
        assertThat(r.out()).isEmpty();
    }

    @Test
    void saysWhatToInstall() throws Exception {
        // No machine has a JDK of this version, whatever its usual folders hold.
        String text = Files.readString(root.resolve("aegis")).replace("NEEDED=25", "NEEDED=999");
        Files.writeString(root.resolve("aegis"), text, StandardOpenOption.TRUNCATE_EXISTING);
        Result r = aegis("doctor");
        assertThat(r.status()).isEqualTo(1);
        assertThat(r.err().lines()).singleElement().asString().contains("needs a JDK of version 999 or newer");
        assertThat(builds()).isZero();
    }

    @Test
    void takesNoHalfOfAJdk() throws Exception {
        Path half = jdk("half", "25.0.1");
        Files.delete(half.resolve("bin/java"));
        Result r = result(launcher(
                        root.resolve("aegis"),
                        Map.of(
                                "JAVA_HOME",
                                half.toString(),
                                "PATH",
                                jdk + "/bin:" + tools + ":" + System.getenv("PATH")),
                        "--print-jdk")
                .start());
        assertThat(r.out().strip()).isEqualTo(jdk.toRealPath().toString());
    }

    @Test
    void takesNoOlderJdk() throws Exception {
        Path old = jdk("jdk-17", "17.0.9");
        Result r = result(launcher(
                        root.resolve("aegis"),
                        Map.of(
                                "JAVA_HOME",
                                old.toString(),
                                "PATH",
                                jdk + "/bin:" + tools + ":" + System.getenv("PATH")),
                        "--print-jdk")
                .start());
        assertThat(r.out().strip()).isEqualTo(jdk.toRealPath().toString());
    }
}
