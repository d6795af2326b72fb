package io.aegis.cli;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/** What is said when memory has run out: which, how large it is, and what helps. */
final class OutOfMemory {
    private static final long GIGA = 1L << 30;

    /** Written before it is needed: with a full heap it may be too late. */
    private static final String FULL_HEAP = fullHeap(Runtime.getRuntime().maxMemory());

    private static final byte[] LAST_LINE =
            ("aegis: " + FULL_HEAP + System.lineSeparator()).getBytes(StandardCharsets.UTF_8);

    private static final int DEEPEST = 20;

    private OutOfMemory() {}

    /** Loads this class while there is memory. */
    static void prepare() {}

    /** Whether a failure is one of memory, or began as one. */
    static boolean isBehind(Throwable e) {
        return cause(e).isPresent();
    }

    /** In one sentence; empty for another failure. */
    static Optional<String> sentence(Throwable e) {
        return cause(e).map(OutOfMemory::reason);
    }

    /**
     * Says a failure of memory, whatever is left of it.
     *
     * @param last where the line goes when {@code err} has no memory to print it
     */
    static void say(Throwable e, PrintWriter err, OutputStream last) {
        try {
            err.println("aegis: " + Failure.sentence(e));
            err.flush();
        } catch (OutOfMemoryError again) {
            lastLine(last);
        }
    }

    /** That the heap is full, without asking it for anything. */
    static void lastLine(OutputStream to) {
        try {
            to.write(LAST_LINE);
            to.flush();
        } catch (IOException | OutOfMemoryError nobodyHears) {
            // The exit status is left to say it.
        }
    }

    private static Optional<Throwable> cause(Throwable e) {
        Throwable at = e;
        for (int depth = 0; at != null && depth < DEEPEST; depth++) {
            // A class whose initialiser had no memory is told of in the next user's exception by name alone.
            if (at instanceof OutOfMemoryError
                    || at instanceof ExceptionInInitializerError
                            && String.valueOf(at.getMessage()).contains(OutOfMemoryError.class.getName())) {
                return Optional.of(at);
            }
            at = at.getCause();
        }
        return Optional.empty();
    }

    private static String reason(Throwable e) {
        String text = e.getMessage();
        // The virtual machine's own have these words, or none; ours say what was asked for beside the heap.
        if (text == null
                || e instanceof ExceptionInInitializerError
                || text.startsWith("Java heap space")
                || text.startsWith("GC overhead limit")) {
            return FULL_HEAP;
        }
        return "out of memory: " + text + "; a smaller --batch or model needs less";
    }

    /** @param most bytes that the heap may grow to */
    static String fullHeap(long most) {
        return "out of memory: the Java heap is full, at its limit of " + (most >> 20) + " MB; AEGIS_JAVA_OPTS=-Xmx"
                + Math.max(1, (2 * most + GIGA - 1) / GIGA) + "g raises it, and a smaller --batch or model needs less";
    }
}
