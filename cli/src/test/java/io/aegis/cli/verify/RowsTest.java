package io.aegis.cli.verify;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RowsTest {
    /** What is not finite equals itself, and never widens what the other elements may differ by. */
    @ParameterizedTest
    @CsvSource({
        "NaN, NaN, 2, 0",
        "NaN, 1, 2, 1",
        "1, NaN, 2, 1",
        "NaN, NaN, 2.5, 1",
        "Infinity, Infinity, 2, 0",
        "Infinity, Infinity, 2.5, 1",
        "Infinity, -Infinity, 2, 1",
        "Infinity, 1, 2, 1"
    })
    void notFinite(double reference, double ours, double second, int exitCode) {
        Rows rows = new Rows(Tolerances.none());
        rows.compare("a:b", new double[] {reference, 2}, new double[] {ours, second}, 1e-4);
        assertThat(rows.exitCode()).isEqualTo(exitCode);
    }
}
