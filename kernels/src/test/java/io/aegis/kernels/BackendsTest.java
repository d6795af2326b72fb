package io.aegis.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class BackendsTest {
    @Test
    void aJvmWithoutItsCompilersIsSaidToBeSlow() {
        assertThat(Backends.handicap("mixed mode, sharing")).isNull();
        assertThat(Backends.handicap("")).isNull();
        assertThat(Backends.handicap("interpreted mode, sharing")).contains("-Xint");
        assertThat(Backends.handicap("mixed mode, emulated-client, sharing")).contains("-XX:TieredStopAtLevel");
    }
}
