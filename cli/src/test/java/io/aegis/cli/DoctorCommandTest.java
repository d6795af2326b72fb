package io.aegis.cli;

import static io.aegis.cli.Typed.aegis;
import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.cuda.CudaDiagnosis;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** What is printed of a GPU, or of none; {@code CudaDiagnosisTest} has the words for machines that this is not. */
class DoctorCommandTest {
    @Test
    void everyLineOfTheDiagnosisIsPrinted() {
        Typed r = aegis("doctor");
        assertThat(r.status()).isZero();
        assertThat(CudaDiagnosis.ofMachine())
                .extracting(CudaDiagnosis.Line::subject)
                .contains("gpu", "nvrtc", "cublaslt", "cudnn");
        assertThat(CudaDiagnosis.ofMachine())
                .allSatisfy(l -> assertThat(r.out()).contains(l.text()));
    }

    /** A library that is no driver, in a process of its own: said in one line, and the processor's kernels are there. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void aDriverThatDoesNotWork() throws Exception {
        Process process = ChildJvm.of("-Daegis.libcuda=libc.so.6", "doctor")
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).isZero();
        assertThat(said)
                .containsPattern("(?m)^gpu +not used: the NVIDIA driver does not start: libc\\.so\\.6 has no cu")
                .containsPattern("(?m)^matmul +\\S");
    }
}
