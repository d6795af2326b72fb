package io.aegis.training.report;

import java.io.PrintStream;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Locale;
import java.util.Objects;
import java.util.function.LongSupplier;

/**
 * One line about a run: step, loss, samples a second, memory, time left. On a terminal the line is rewritten in place,
 * at most ten times a second; elsewhere a line is printed now and then. Belongs to one thread.
 */
public final class ProgressBar implements AutoCloseable {
    /**
     * Where the line goes, and what it asks.
     *
     * @param out receives the text
     * @param rewrites whether out is a terminal that can rewrite a line
     * @param columns width of the terminal
     * @param nanoTime a clock, as {@link System#nanoTime}
     * @param memory bytes in use
     */
    public record Surroundings(
            PrintStream out, boolean rewrites, int columns, LongSupplier nanoTime, LongSupplier memory) {
        private static final int USUAL_COLUMNS = 100;

        /** Standard error, as a person at a terminal or a log file wants it. */
        public static Surroundings standard() {
            boolean terminal =
                    System.console() != null && System.console().isTerminal() && !"dumb".equals(System.getenv("TERM"));
            return new Surroundings(System.err, terminal, terminalColumns(), System::nanoTime, ResidentMemory::bytes);
        }

        private static int terminalColumns() {
            String columns = System.getenv("COLUMNS");
            return columns != null && columns.matches("[1-9][0-9]{1,3}") ? Integer.parseInt(columns) : USUAL_COLUMNS;
        }
    }

    private static final long SECOND = 1_000_000_000L;
    private static final long REWRITE = SECOND / 10;
    private static final long PRINT = 15 * SECOND;
    private static final long WINDOW = 30 * SECOND;
    private static final int BAR = 24;
    private static final String ERASE_TO_END = "\u001b[K";

    private record Mark(long time, long step, long samples) {}

    private final Surroundings around;
    private final long total;
    private final Deque<Mark> window = new ArrayDeque<>();
    private final long began;
    private String label;
    private long step;
    private long samples;
    private double loss;
    private boolean measured;
    private long shown;
    private long shownStep = -1;
    private boolean closed;

    /**
     * A run about to begin or to go on.
     *
     * @param label before the numbers, such as the name of the run; may be empty
     * @param done steps done already, when a run is resumed
     * @param total steps in all, at least one
     * @throws IllegalArgumentException for a total below one, or done outside [0, total]
     */
    public ProgressBar(String label, long done, long total, Surroundings around) {
        if (total < 1 || done < 0 || done > total) {
            throw new IllegalArgumentException("no progress from step " + done + " of " + total);
        }
        this.label = Objects.requireNonNull(label, "label");
        this.around = Objects.requireNonNull(around, "around");
        this.total = total;
        step = done;
        began = around.nanoTime.getAsLong();
        shown = began;
        window.add(new Mark(began, step, 0));
    }

    /** Changes the text before the numbers, such as the epoch. */
    public void label(String text) {
        label = Objects.requireNonNull(text, "label");
    }

    /**
     * One step is done.
     *
     * @param sampled how many samples it took
     * @param value its loss
     */
    public void step(int sampled, double value) {
        measured = true;
        loss = value;
        step(sampled);
    }

    /** One step of work that has no loss is done. */
    public void step(int sampled) {
        step++;
        samples += sampled;
        long now = around.nanoTime.getAsLong();
        window.add(new Mark(now, step, samples));
        while (window.size() > 2 && now - window.getFirst().time > WINDOW) {
            window.removeFirst();
        }
        boolean first = shownStep < 0;
        if (first || now - shown >= (around.rewrites ? REWRITE : PRINT)) {
            show(now);
        }
    }

    /** Prints a line of its own, above the bar. */
    public void message(String text) {
        if (around.rewrites) {
            around.out.print("\r" + text + ERASE_TO_END + System.lineSeparator());
            show(around.nanoTime.getAsLong());
        } else {
            around.out.println(text);
            around.out.flush();
        }
    }

    /** Shows where it ended, and ends the line. */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        long now = around.nanoTime.getAsLong();
        if (around.rewrites || shownStep != step) {
            show(now);
        }
        if (around.rewrites) {
            around.out.println();
            around.out.flush();
        }
    }

    private void show(long now) {
        shown = now;
        shownStep = step;
        if (around.rewrites) {
            String line = line(now, true);
            // One column stays free: some terminals wrap as soon as the last one is written.
            int fits = Math.min(line.length(), Math.max(1, around.columns - 1));
            around.out.print("\r" + line.substring(0, fits) + ERASE_TO_END);
        } else {
            around.out.println(line(now, false));
        }
        around.out.flush();
    }

    private String line(long now, boolean bar) {
        StringBuilder line = new StringBuilder(label);
        double share = Math.min(1, step / (double) total);
        if (bar) {
            int full = (int) (share * BAR);
            separate(line).append('[').append("=".repeat(full)).append(full < BAR ? ">" : "");
            line.append(" ".repeat(Math.max(0, BAR - full - 1))).append(']');
        }
        separate(line).append(step).append('/').append(total);
        line.append(String.format(Locale.ROOT, " (%.0f%%)", Math.floor(100 * share)));
        if (step > 0 && measured) {
            line.append("  loss ").append(number(loss));
        }
        Mark from = window.getFirst();
        double seconds = (now - from.time) / (double) SECOND;
        if (seconds > 0 && samples > from.samples) {
            line.append("  ").append(number((samples - from.samples) / seconds)).append(" samples/s");
        }
        line.append(String.format(Locale.ROOT, "  %.2f GB", around.memory.getAsLong() / 1e9));
        if (step >= total || closed) {
            line.append("  in ").append(duration((now - began) / (double) SECOND));
        } else if (seconds > 0 && step > from.step) {
            line.append("  ")
                    .append(duration((total - step) * seconds / (step - from.step)))
                    .append(" left");
        }
        return line.toString();
    }

    private static StringBuilder separate(StringBuilder line) {
        return line.isEmpty() ? line : line.append("  ");
    }

    private static String number(double value) {
        if (!Double.isFinite(value)) {
            return Double.toString(value);
        }
        double size = Math.abs(value);
        String format = size != 0 && size < 1e-3 || size >= 1e6 ? "%.2e" : size < 10 ? "%.4f" : "%.1f";
        return String.format(Locale.ROOT, format, value);
    }

    /** Minutes and seconds, hours when there are any, days when there are many. */
    static String duration(double seconds) {
        long s = Math.round(seconds);
        if (s >= 100 * 3600) {
            return s / 86400 + " d " + s % 86400 / 3600 + " h";
        }
        return s >= 3600
                ? String.format(Locale.ROOT, "%d:%02d:%02d", s / 3600, s / 60 % 60, s % 60)
                : String.format(Locale.ROOT, "%d:%02d", s / 60, s % 60);
    }
}
