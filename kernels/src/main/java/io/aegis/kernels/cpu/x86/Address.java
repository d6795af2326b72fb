package io.aegis.kernels.cpu.x86;

/**
 * A place in memory: base + index * scale + displacement, in bytes.
 *
 * @param index null where there is none
 * @param scale 1, 2, 4 or 8
 */
public record Address(Gp base, Gp index, int scale, int displacement) {
    /**
     * Checks what the encoding can say.
     *
     * @throws IllegalArgumentException for another scale, or the stack pointer as an index
     */
    public Address {
        if (Integer.bitCount(scale) != 1 || scale > 8 || scale < 1) {
            throw new IllegalArgumentException("the scale of an index is 1, 2, 4 or 8; given " + scale);
        }
        if (index == Gp.RSP) {
            throw new IllegalArgumentException("RSP cannot be an index");
        }
    }
}
