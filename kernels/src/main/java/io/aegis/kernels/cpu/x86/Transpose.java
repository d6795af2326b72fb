package io.aegis.kernels.cpu.x86;

import static io.aegis.kernels.cpu.x86.Gp.R10;
import static io.aegis.kernels.cpu.x86.Gp.R11;
import static io.aegis.kernels.cpu.x86.Gp.R8;
import static io.aegis.kernels.cpu.x86.Gp.R9;
import static io.aegis.kernels.cpu.x86.Gp.RAX;
import static io.aegis.kernels.cpu.x86.Gp.RDI;
import static io.aegis.kernels.cpu.x86.Gp.RDX;
import static io.aegis.kernels.cpu.x86.Gp.RSI;
import static io.aegis.kernels.cpu.x86.Gp.RSP;

import java.util.List;

/**
 * y[j, i] = x[i, j] of floats, for eight rows of x and whole eights of its columns: eight by eight in registers, by neighbours,
 * pairs, and halves.
 *
 * <pre>
 * rdi x, rsi y, r8 and r9 bytes between rows of x and of y, on the stack the number of eights
 * rows 0 to 2 from rdi (and rsi) on, 3 to 5 from r10 (rdx), 6 and 7 from r11 (rax)
 * </pre>
 */
public final class Transpose {
    /** Rows of x, and columns at a time. */
    public static final int EIGHT = 8;

    /** Both lower pairs, both upper pairs. */
    private static final int LOWER = 0x44;

    private static final int UPPER = 0xee;
    private static final int VECTOR = 32;

    private Transpose() {}

    /** The code. */
    public static byte[] code() {
        Assembler a = new Assembler();
        a.mov(Gp.RCX, RSP.at(Long.BYTES));
        a.lea(R10, RDI.at(R8, 2, 0));
        a.add(R10, R8);
        a.lea(R11, R10.at(R8, 2, 0));
        a.add(R11, R8);
        a.align(VECTOR);
        Label next = a.here();
        for (int i = 0; i < EIGHT; i++) {
            a.vmovups(i, row(i, R8, RDI, R10, R11));
        }
        // The next eight rows, which the next call turns: each begins elsewhere, and is too short to be foreseen.
        for (int i = 0; i < EIGHT; i++) {
            if (i % 3 == 0) {
                a.lea(RAX, List.of(RDI, R10, R11).get(i / 3).at(R8, EIGHT, 0));
            }
            a.prefetcht0(row(i % 3, R8, RAX));
        }
        // Neighbours: 8 + i has columns 0, 1 and 4, 5 of rows i and i + 1, 9 + i the others.
        for (int i = 0; i < EIGHT; i += 2) {
            a.vunpcklps(8 + i, i, i + 1);
            a.vunpckhps(9 + i, i, i + 1);
        }
        // Pairs: i has columns i and i + 4 of rows 0 to 3, 4 + i of rows 4 to 7.
        for (int i = 0; i < EIGHT; i += 4) {
            a.vshufps(i, 8 + i, 10 + i, LOWER);
            a.vshufps(i + 1, 8 + i, 10 + i, UPPER);
            a.vshufps(i + 2, 9 + i, 11 + i, LOWER);
            a.vshufps(i + 3, 9 + i, 11 + i, UPPER);
        }
        // Halves.
        for (int i = 0; i < 4; i++) {
            a.vperm2f128(8 + i, i, 4 + i, 0x20);
            a.vperm2f128(12 + i, i, 4 + i, 0x31);
        }
        a.lea(RDX, RSI.at(R9, 2, 0));
        a.add(RDX, R9);
        a.lea(RAX, RDX.at(R9, 2, 0));
        a.add(RAX, R9);
        for (int i = 0; i < EIGHT; i++) {
            a.vmovups(row(i, R9, RSI, RDX, RAX), 8 + i);
        }
        a.lea(RSI, RSI.at(R9, 8, 0));
        for (Gp x : new Gp[] {RDI, R10, R11}) {
            a.add(x, VECTOR);
        }
        a.dec(Gp.RCX);
        a.jnz(next);
        a.vzeroupper();
        a.ret();
        return a.bytes();
    }

    private static Address row(int i, Gp stride, Gp... bases) {
        Gp base = bases[i / 3];
        return i % 3 == 0 ? base.at(0) : base.at(stride, i % 3, 0);
    }
}
