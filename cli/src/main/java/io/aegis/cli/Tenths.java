package io.aegis.cli;

import java.io.PrintWriter;
import java.util.Locale;
import java.util.function.LongConsumer;

/** A line for every tenth of a file that takes a while to be written. */
final class Tenths {
    private static final double GIGA = 1e9;
    private static final int STEPS = 10;

    private Tenths() {}

    /** Takes the number of bytes written so far; prints nothing about less than a gigabyte. */
    static LongConsumer of(PrintWriter print, long total) {
        long[] shown = {0};
        return written -> {
            long tenth = written * STEPS / total;
            if (total > GIGA && tenth > shown[0]) {
                shown[0] = tenth;
                print.printf(Locale.ROOT, "  %.2f of %.2f GB%n", written / GIGA, total / GIGA);
                print.flush();
            }
        };
    }
}
