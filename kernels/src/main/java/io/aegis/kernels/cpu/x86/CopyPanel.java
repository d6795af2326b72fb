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

/**
 * Rows of x cut into panels: {@code tall} floats of a row go to the first panel, the next to the second, and so on; the next
 * row's stand behind them in each. Rows are read from end to end, so that memory is foreseen.
 *
 * <pre>
 * rdi x, rsi y, rdx the mask of an edge, r8 bytes between rows of x, r9 bytes between panels of y, on the stack panels and rows
 * r10 in x, r11 in y, rcx panels left, rdx panels, rax rows left
 * </pre>
 */
public final class CopyPanel {
    private static final int VECTOR = 32;
    /** The mask of the first vector; that of the next one lies below. */
    private static final int MASK = 15;

    private CopyPanel() {}

    /**
     * The code for panels of so many lines: what is moved at a time are whole vectors, the next panel or row writes what
     * is too much.
     *
     * @param edge whether of a row is moved what a mask says, a word for each float, and zeros stand for the others
     */
    public static byte[] code(int tall, boolean edge) {
        int bytes = tall * Float.BYTES;
        int vectors = Math.ceilDiv(bytes, VECTOR);
        Assembler a = new Assembler();
        for (int v = 0; edge && v < vectors; v++) {
            a.vmovups(MASK - v, RDX.at(VECTOR * v));
        }
        a.mov(RDX, RSP.at(Long.BYTES));
        a.mov(RAX, RSP.at(2 * Long.BYTES));
        a.align(VECTOR);
        Label row = a.here();
        a.mov(R10, RDI);
        a.mov(R11, RSI);
        a.mov(RCX, RDX);
        Label panel = a.here();
        for (int v = 0; v < vectors; v++) {
            if (edge) {
                a.vmaskmovps(v, MASK - v, R10.at(VECTOR * v));
            } else {
                a.vmovups(v, R10.at(VECTOR * v));
            }
            a.vmovups(R11.at(VECTOR * v), v);
        }
        a.add(R10, bytes);
        a.add(R11, R9);
        a.dec(RCX);
        a.jnz(panel);
        a.add(RDI, R8);
        a.add(RSI, bytes);
        a.dec(RAX);
        a.jnz(row);
        a.vzeroupper();
        a.ret();
        return a.bytes();
    }
}
