package io.aegis.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * A figure of a kernel, as a report in {@code bench/results} has it; {@code measured.tsv} says which kernels a line of a report
 * is about. What a report has no line for is not there.
 *
 * @param kernel its entry
 * @param what was measured, as the report says
 * @param figure two decimals, as in the report
 * @param unit of the figure
 * @param card that it was measured on
 * @param report its file
 * @param section of the report
 */
record Measured(String kernel, String what, String figure, String unit, String card, String report, String section) {
    private static final String RESOURCE = "measured.tsv";

    /** All there are. */
    static List<Measured> all() {
        try (InputStream in = Measured.class.getResourceAsStream(RESOURCE)) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .filter(l -> !l.startsWith("#"))
                    .map(l -> l.split("\t"))
                    .map(f -> new Measured(f[0], f[1], f[2], f[3], f[4], f[5], f[6]))
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public String toString() {
        return what + ": " + figure + " " + unit + " (" + card + ", " + report + ")";
    }
}
