package io.aegis.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;

/**
 * A figure of a kernel, as a report in {@code bench/results} has it; {@code measured.tsv} says which kernels a line of a report
 * is about. What a report has no line for is not there.
 *
 * @param kernel its entry
 * @param what was measured, as the report says
 * @param figure in the report's digits
 * @param unit of the figure
 * @param share of the ceiling, from 0 on; NaN where the report's run measured none
 * @param ceiling what that is a share of, with its own figure of the same run; empty where there is none
 * @param card that it was measured on
 * @param commit of the sources that were measured
 * @param digest of the kernel's code at that commit, see {@link io.aegis.kernels.cuda.KernelSource#digest(String)}
 * @param report its file
 * @param section of the report
 */
record Measured(
        String kernel,
        String what,
        String figure,
        String unit,
        double share,
        String ceiling,
        String card,
        String commit,
        String digest,
        String report,
        String section) {
    private static final String RESOURCE = "measured.tsv";
    private static final String NONE = "-";

    /** All there are. */
    static List<Measured> all() {
        try (InputStream in = Measured.class.getResourceAsStream(RESOURCE)) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .filter(l -> !l.startsWith("#"))
                    .map(Measured::of)
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A line of the file; {@link #line} writes it. */
    static Measured of(String line) {
        String[] f = line.split("\t");
        if (f.length != 11) {
            throw new IllegalArgumentException(
                    RESOURCE + ": '" + line + "' has " + f.length + " fields, expected 11 with tabs between");
        }
        double share = f[4].equals(NONE) ? Double.NaN : Double.parseDouble(f[4]);
        String ceiling = f[5].equals(NONE) ? "" : f[5];
        return new Measured(f[0], f[1], f[2], f[3], share, ceiling, f[6], f[7], f[8], f[9], f[10]);
    }

    String line() {
        String part = Double.isNaN(share) ? NONE : String.format(Locale.ROOT, "%.2f", share);
        String of = ceiling.isEmpty() ? NONE : ceiling;
        return String.join("\t", kernel, what, figure, unit, part, of, card, commit, digest, report, section);
    }

    /**
     * For people: the figure, its place under the ceiling, where it is from, and whether it is one of the code that there is now.
     *
     * @param now the digest of the kernel's code
     */
    String text(String now) {
        String place = Double.isNaN(share)
                ? "no ceiling was measured beside it"
                : String.format(Locale.ROOT, "%.0f %% of %s", 100 * share, ceiling);
        return what + ": " + figure + " " + unit + ", " + place + " (" + card + ", commit " + commit + ", " + report
                + "; its code "
                + (digest.equals(now)
                        ? "is the same"
                        : "or a header's has changed since, and this was not measured again")
                + ")";
    }
}
