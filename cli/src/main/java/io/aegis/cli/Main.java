package io.aegis.cli;

/** The {@code aegis} command. */
public final class Main {
    private Main() {}

    public static void main(String[] args) {}
}
