package io.aegis.kernels.scalar;

import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.*;
import org.junit.jupiter.api.Test;

class ScalarKernelsTest {
    @Test
    void saysWhatServesEachFamily() {
        Kernels scalar = Backends.scalar();
        assertThat(scalar.name()).isEqualTo("scalar");
        assertThat(scalar.device()).isEqualTo(Device.CPU);
        assertThat(scalar.choices())
                .extracting(Kernels.Choice::family)
                .containsExactly(
                        "matmul",
                        "attention",
                        "rotary embedding",
                        "normalization",
                        "convolution",
                        "elementwise",
                        "reduction",
                        "embedding",
                        "loss",
                        "mutual information",
                        "optimizer",
                        "vision masking");
    }
}
