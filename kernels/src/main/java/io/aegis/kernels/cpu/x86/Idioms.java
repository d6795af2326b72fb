package io.aegis.kernels.cpu.x86;

import java.util.function.IntConsumer;

/** What several loops are written with. */
final class Idioms {
    private static final int LINE = 32;

    private Idioms() {}

    /**
     * Does something as often as a counter says, which is 0 behind it: so many times at once while there are as many, then one by
     * one.
     *
     * @param body writes the instructions for so many times; the counter stays as it is there
     */
    static void repeat(Assembler a, Gp counter, int many, IntConsumer body) {
        Label few = a.label();
        Label done = a.label();
        a.add(counter, -many);
        a.js(few);
        a.align(LINE);
        Label loop = a.here();
        body.accept(many);
        a.add(counter, -many);
        a.jns(loop);
        a.bind(few);
        a.add(counter, many);
        a.jz(done);
        Label single = a.here();
        body.accept(1);
        a.dec(counter);
        a.jnz(single);
        a.bind(done);
    }

    /** Stores the sum of a vector's floats; both vectors are overwritten. */
    static void storeSum(Assembler a, Address to, int vector, int other) {
        if (a.width() == Assembler.Width.BITS_512) {
            a.vextractf64x4(other, vector);
            a.vaddps(vector, vector, other);
        }
        a.vextractf128(other, vector);
        a.vaddps128(other, other, vector);
        a.vhaddps128(other, other, other);
        a.vhaddps128(other, other, other);
        a.vmovss(to, other);
    }
}
