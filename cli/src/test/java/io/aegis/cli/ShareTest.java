package io.aegis.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.aegis.cli.workload.Share;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

class ShareTest {
    @Test
    void whatIsLessThanTheHostsIsSaid() {
        assertThat(new Share(8, 8, 1L << 34, 1L << 34).limits()).isEmpty();
        assertThat(new Share(2, 0, 1L << 34, 0).limits()).as("nobody tells").isEmpty();
        assertThat(new Share(2, 8, 1L << 32, 1L << 34).limits())
                .satisfiesExactly(l -> assertThat(l).startsWith("2 of the host's 8 processors"), l -> assertThat(l)
                        .startsWith("4,096 of the host's 16,384 MB of memory"));
    }

    /** The command in a process that may use one processor. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void doctorSaysThatThereAreFewerProcessors() throws IOException, InterruptedException {
        assumeTrue(Share.here().hostProcessors() > 1, "the host has one processor, or does not tell");
        Process process = ChildJvm.of("-XX:ActiveProcessorCount=1", "doctor")
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).isZero();
        assertThat(said)
                .contains("1 processors for this process")
                .containsPattern("limited +1 of the host's \\d+ processors")
                .contains(", 1 thread");
    }
}
