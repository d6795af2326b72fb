package io.aegis.bench.peers;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Which line is told of a process that has ended. */
class LastWordsTest {
    @Test
    void theLastThatIsNotBlank() {
        assertThat(said("loading", "terminate called without an active exception", "  ", ""))
                .isEqualTo("its process ended with status 134 and said: terminate called without an active exception");
        assertThat(said()).isEqualTo("its process ended with status 134 and said: nothing");
    }

    @Test
    void signalAndFrameOfAVirtualMachinesOwnReport() {
        assertThat(said("""
                        loading
                        #
                        # A fatal error has been detected by the Java Runtime Environment:
                        #
                        #  SIGSEGV (0xb) at pc=0x00007f0c8a1c1e2a, pid=17, tid=18
                        #
                        # JRE version: OpenJDK Runtime Environment (25.0.3+9) (build 25.0.3+9-LTS)
                        # Problematic frame:
                        # C  [libpeer.so+0x1c1e2a]  multiply+0x1a
                        #
                        # An error report file with more information is saved as:
                        # /tmp/hs_err_pid17.log
                        #
                        # If you would like to submit a bug report, please visit:
                        #   https://bugreport.java.com/bugreport/crash.jsp
                        #
                        """.split("\n")))
                .endsWith("said: SIGSEGV (0xb) at pc=0x00007f0c8a1c1e2a, pid=17, tid=18,"
                        + " C  [libpeer.so+0x1c1e2a]  multiply+0x1a");
    }

    private static String said(String... lines) {
        LastWords words = new LastWords();
        for (String line : lines) {
            words.hear(line);
        }
        return words.absent(134).getMessage();
    }
}
