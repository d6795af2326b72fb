package io.aegis.cli.demo;

import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/** Puts a name before each line and writes whole lines, so that two that talk at once can be told apart. */
final class Prefixed extends OutputStream {
    private final PrintStream to;
    private final String name;
    private final ByteArrayOutputStream line = new ByteArrayOutputStream();

    private Prefixed(PrintStream to, String name) {
        this.to = to;
        this.name = name;
    }

    static PrintStream of(PrintStream to, String name) {
        return new PrintStream(new Prefixed(to, name), true, StandardCharsets.UTF_8);
    }

    @Override
    public synchronized void write(int b) {
        if (b == '\n') {
            to.println(name + line.toString(StandardCharsets.UTF_8));
            line.reset();
        } else if (b != '\r') {
            line.write(b);
        }
    }
}
