package io.aegis.cli.gpu.bench;

import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.Backends;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CrossoverTest {
    /** Faster at 2, 3 and 4, each way. */
    @ParameterizedTest
    @CsvSource({
        "false, false, false, 9223372036854775807",
        "true, true, false, 9223372036854775807",
        "false, false, true, 64",
        "true, false, true, 64",
        "false, true, true, 27",
        "true, true, true, 8",
    })
    void fromWhereOnItIsFaster(boolean two, boolean three, boolean four, long least) {
        assertThat(Crossover.least(new long[] {2, 3, 4}, new boolean[] {two, three, four}))
                .isEqualTo(least);
    }

    @Test
    void withoutTheLibraryNothingIsChosen() {
        assertThat(Crossover.choose(Backends.scalar(), null, true, "")).startsWith("nothing is chosen: ");
    }
}
