package io.aegis.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class OutOfMemoryTest {
    @TempDir
    Path folder;

    @Test
    void theHeapIsNamedWithItsSizeAndWhatToSet() {
        assertThat(OutOfMemory.fullHeap(24L << 20))
                .startsWith("out of memory: the Java heap is full, at its limit of 24 MB; AEGIS_JAVA_OPTS=-Xmx1g ");
        assertThat(OutOfMemory.fullHeap(3L << 30)).contains("3072 MB", "-Xmx6g");
        for (OutOfMemoryError e : List.of(
                new OutOfMemoryError("Java heap space"),
                new OutOfMemoryError(),
                new OutOfMemoryError("GC overhead limit exceeded"))) {
            assertThat(Failure.sentence(e))
                    .isEqualTo(OutOfMemory.fullHeap(Runtime.getRuntime().maxMemory()));
        }
        assertThat(Failure.sentence(new OutOfMemoryError("no memory for a tensor of 5 bytes")))
                .startsWith("out of memory: no memory for a tensor of 5 bytes; ")
                .doesNotContain("heap", "Xmx");
    }

    @Test
    void itIsFoundBehindOtherFailures() {
        OutOfMemoryError heap = new OutOfMemoryError("Java heap space");
        assertThat(Failure.sentence(new IllegalArgumentException("a.png: needs more than is left", heap)))
                .startsWith("a.png: needs more than is left: out of memory: the Java heap is full");
        assertThat(Failure.sentence(new IllegalStateException(heap))).startsWith("out of memory: the Java heap");
        Error initialiser = new NoClassDefFoundError("Could not initialize class Some");
        initialiser.initCause(new ExceptionInInitializerError(
                "Exception java.lang.OutOfMemoryError: Java heap space [in thread \"main\"]"));
        assertThat(Failure.sentence(initialiser)).startsWith("out of memory: the Java heap is full");
        assertThat(OutOfMemory.isBehind(new NoClassDefFoundError("Some"))).isFalse();
    }

    @Test
    void theLineNeedsNoMemory() {
        PrintWriter full = new PrintWriter(Writer.nullWriter()) {
            @Override
            public void println(String line) {
                throw new OutOfMemoryError();
            }
        };
        ByteArrayOutputStream last = new ByteArrayOutputStream();
        OutOfMemory.say(new OutOfMemoryError("Java heap space"), full, last);
        assertThat(last.toString())
                .startsWith("aegis: out of memory: the Java heap is full")
                .endsWith("less" + System.lineSeparator());
    }

    /** 3 MB are not enough to look at the words, 8 not enough to make faces. */
    @ParameterizedTest
    @CsvSource({"3m, score", "8m, synthesize-faces"})
    void aSmallHeapEndsInOneLine(String most, String command) throws IOException, InterruptedException {
        Path said = folder.resolve("said");
        Process process = ChildJvm.of(
                        "-Xmx" + most, command, "--out", folder.resolve("out").toString())
                .redirectErrorStream(true)
                .redirectOutput(said.toFile())
                .start();
        assertThat(process.waitFor()).isEqualTo(1);
        assertThat(Files.readAllLines(said))
                .filteredOn(line -> !line.contains("incubator"))
                .singleElement()
                .asString()
                .startsWith("aegis: out of memory: the Java heap is full, at its limit of ")
                .contains(" MB; AEGIS_JAVA_OPTS=-Xmx1g ");
    }
}
