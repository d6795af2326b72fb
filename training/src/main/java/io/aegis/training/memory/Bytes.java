package io.aegis.training.memory;

import io.aegis.training.TrainingException;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Amounts of memory for people: decimal, as makers of memory have it. */
public final class Bytes {
    private static final Pattern TEXT = Pattern.compile("([0-9]+(?:\\.[0-9]+)?) ?([KMGT]?)B?");

    private Bytes() {}

    /** {@code 16.06 GB}, or {@code 3.20 MB} below one. */
    public static String text(long bytes) {
        return Math.abs(bytes) < 1e9
                ? String.format(Locale.ROOT, "%.2f MB", bytes / 1e6)
                : String.format(Locale.ROOT, "%.2f GB", bytes / 1e9);
    }

    /**
     * Reads {@code 26GB}, {@code 800MB} or a number of bytes.
     *
     * @throws TrainingException for anything else
     */
    public static long parse(String text) {
        Matcher m = TEXT.matcher(text.strip().toUpperCase(Locale.ROOT));
        if (!m.matches()) {
            throw new TrainingException("memory '" + text + "'; expected an amount such as 26GB");
        }
        double unit = Math.pow(1000, "KMGT".indexOf(m.group(2)) + (m.group(2).isEmpty() ? 0 : 1));
        return (long) (Double.parseDouble(m.group(1)) * unit);
    }
}
