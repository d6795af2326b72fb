package io.aegis.cli;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Arrays;

/**
 * What a command did that somebody typed.
 *
 * @param status its exit status
 * @param out what it printed
 * @param err what it said of errors
 */
record Typed(int status, String out, String err) {
    /** Runs {@code aegis} with these words. */
    static Typed aegis(Object... words) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int status = Main.run(
                new PrintWriter(out, true),
                new PrintWriter(err, true),
                Arrays.stream(words).map(Object::toString).toArray(String[]::new));
        return new Typed(status, out.toString(), err.toString());
    }
}
