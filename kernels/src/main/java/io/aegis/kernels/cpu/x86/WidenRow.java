package io.aegis.kernels.cpu.x86;

import static io.aegis.kernels.cpu.x86.Gp.R8;
import static io.aegis.kernels.cpu.x86.Gp.R9;
import static io.aegis.kernels.cpu.x86.Gp.RAX;
import static io.aegis.kernels.cpu.x86.Gp.RCX;
import static io.aegis.kernels.cpu.x86.Gp.RDI;
import static io.aegis.kernels.cpu.x86.Gp.RDX;
import static io.aegis.kernels.cpu.x86.Gp.RSI;

/**
 * Weights of 8 or 4 bits as floats, eight at a time: y[i] = scale[i / group] q[i].
 *
 * <pre>
 * INT8   eight bytes are widened to words (vpmovsxbd)
 * INT4   one word in all lanes, each of which moves its own four bits down (vpsrlvd), masks them and takes 8 away
 *
 * rdi codes, rsi scales, rdx y, rcx constants, r8 groups, r9 eights of a group; rax eights left
 * vectors   0 weights, 1 scale, 2 to 4 constants
 * </pre>
 */
public final class WidenRow {
    /** What is read from the address of constants, eight words each: how far to move, what to keep, what to take away. */
    public static final int[] CONSTANTS = {
        0, 4, 8, 12, 16, 20, 24, 28, 15, 15, 15, 15, 15, 15, 15, 15, 8, 8, 8, 8, 8, 8, 8, 8
    };

    private static final int VECTOR = 32;

    private WidenRow() {}

    /**
     * The code.
     *
     * @param bits 8 or 4
     */
    public static byte[] code(int bits) {
        Assembler a = new Assembler();
        for (int i = 0; i < CONSTANTS.length * Integer.BYTES / VECTOR; i++) {
            a.vmovups(2 + i, RCX.at(VECTOR * i));
        }
        a.align(VECTOR);
        Label group = a.here();
        a.vbroadcastss(1, RSI.at(0));
        a.mov(RAX, R9);
        Label eight = a.here();
        if (bits == Byte.SIZE) {
            a.vpmovsxbd(0, RDI.at(0));
        } else {
            a.vpbroadcastd(0, RDI.at(0));
            a.vpsrlvd(0, 0, 2);
            a.vpand(0, 0, 3);
            a.vpsubd(0, 0, 4);
        }
        a.vcvtdq2ps(0, 0);
        a.vmulps(0, 0, 1);
        a.vmovups(RDX.at(0), 0);
        a.add(RDI, bits);
        a.add(RDX, VECTOR);
        a.dec(RAX);
        a.jnz(eight);
        a.add(RSI, Float.BYTES);
        a.dec(R8);
        a.jnz(group);
        a.vzeroupper();
        a.ret();
        return a.bytes();
    }
}
