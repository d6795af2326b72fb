package io.aegis.kernels.check;

import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.Backends;
import org.junit.jupiter.api.Test;

class KernelCheckTest {
    @Test
    void theProcessorsKernelsAreRight() {
        assertThat(KernelCheck.run(Backends.best(), false, 4, 1, 1))
                .hasSize(4 * Cases.count())
                .allSatisfy(o -> assertThat(o.problem()).as(o.name()).isNull());
    }
}
