package io.aegis.kernels.cpu.x86;

/** A place in the code, known once {@link Assembler#bind} has been there. */
public final class Label {
    private int at = -1;

    Label() {}

    boolean bound() {
        return at >= 0;
    }

    int at() {
        return at;
    }

    void bind(int position) {
        if (bound()) {
            throw new IllegalStateException("a label is bound once");
        }
        at = position;
    }
}
