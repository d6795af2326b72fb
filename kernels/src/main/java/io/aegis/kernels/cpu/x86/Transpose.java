package io.aegis.kernels.cpu.x86;

import static io.aegis.kernels.cpu.x86.Gp.R10;
import static io.aegis.kernels.cpu.x86.Gp.R11;
import static io.aegis.kernels.cpu.x86.Gp.R8;
import static io.aegis.kernels.cpu.x86.Gp.R9;
import static io.aegis.kernels.cpu.x86.Gp.RAX;
import static io.aegis.kernels.cpu.x86.Gp.RCX;
import static io.aegis.kernels.cpu.x86.Gp.RDI;
import static io.aegis.kernels.cpu.x86.Gp.RDX;
import static io.aegis.kernels.cpu.x86.Gp.RSI;
import static io.aegis.kernels.cpu.x86.Gp.RSP;

import java.util.List;

/**
 * y[j, i] = x[i, j] of floats, for up to eight rows of x: eight by eight in registers, by neighbours, pairs, and halves. Where
 * x has fewer rows, y gets zeros.
 *
 * <pre>
 * rdi x, rsi y, rdx the mask of the last columns, r8 and r9 bytes between rows of x and of y, on the stack the number of
 * whole eights of columns, and of the columns behind them
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
    /** Until rows are turned. */
    private static final int MASK = 15;

    private final Assembler a = new Assembler();
    private final int rows;

    private Transpose(int rows) {
        this.rows = rows;
    }

    /** The code for so many rows of x, up to eight. */
    public static byte[] code(int rows) {
        return new Transpose(rows).write();
    }

    private byte[] write() {
        Label rest = a.label();
        Label done = a.label();
        a.push(RDX);
        a.lea(R10, RDI.at(R8, 2, 0));
        a.add(R10, R8);
        a.lea(R11, R10.at(R8, 2, 0));
        a.add(R11, R8);
        a.mov(RCX, RSP.at(2 * Long.BYTES));
        a.test(RCX);
        a.jz(rest);
        a.align(VECTOR);
        Label next = a.here();
        load(false);
        prefetch();
        turn();
        bases();
        for (int i = 0; i < EIGHT; i++) {
            a.vmovups(row(i, R9, RSI, RDX, RAX), 8 + i);
        }
        a.lea(RSI, RSI.at(R9, 8, 0));
        for (Gp x : new Gp[] {RDI, R10, R11}) {
            a.add(x, VECTOR);
        }
        a.dec(RCX);
        a.jnz(next);
        a.bind(rest);
        a.pop(RDX);
        a.mov(RCX, RSP.at(2 * Long.BYTES));
        a.test(RCX);
        a.jz(done);
        last(done);
        a.bind(done);
        a.vzeroupper();
        a.ret();
        return a.bytes();
    }

    private void load(boolean masked) {
        for (int i = 0; i < EIGHT; i++) {
            if (i >= rows) {
                a.vxorps(i, i, i);
            } else if (masked) {
                a.vmaskmovps(i, MASK, row(i, R8, RDI, R10, R11));
            } else {
                a.vmovups(i, row(i, R8, RDI, R10, R11));
            }
        }
    }

    /** What is left of the columns, fewer than eight. */
    private void last(Label done) {
        a.vmovups(MASK, RDX.at(0));
        load(true);
        turn();
        for (int i = 0; i < EIGHT - 1; i++) {
            a.vmovups(RSI.at(0), 8 + i);
            a.add(RSI, R9);
            a.dec(RCX);
            a.jz(done);
        }
    }

    /** The next eight rows, which the next call turns: each begins elsewhere, and is too short to be foreseen. */
    private void prefetch() {
        for (int i = 0; rows == EIGHT && i < EIGHT; i++) {
            if (i % 3 == 0) {
                a.lea(RAX, List.of(RDI, R10, R11).get(i / 3).at(R8, EIGHT, 0));
            }
            a.prefetcht0(row(i % 3, R8, RAX));
        }
    }

    /** Rows in 0 to 7 become columns in 8 to 15. */
    private void turn() {
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
    }

    /** Row 3 of y, and row 6. */
    private void bases() {
        a.lea(RDX, RSI.at(R9, 2, 0));
        a.add(RDX, R9);
        a.lea(RAX, RDX.at(R9, 2, 0));
        a.add(RAX, R9);
    }

    private static Address row(int i, Gp stride, Gp... bases) {
        Gp base = bases[i / 3];
        return i % 3 == 0 ? base.at(0) : base.at(stride, i % 3, 0);
    }
}
