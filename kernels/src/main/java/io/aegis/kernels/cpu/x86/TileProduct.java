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
 * The innermost loops of a matrix product: C [rows, 16] = alpha A [rows, k] B [k, 16], or added to it, tile by tile down the
 * rows. Both are packed: A six floats a step, of which each goes into all lanes, B sixteen. (A read where its rows lie would be
 * six streams at whatever distance: where that is a power of two they share lines of the first-level cache.)
 *
 * <pre>
 * a step of k, six rows:  2 loads of B, 6 broadcasts of A, 12 multiply-adds: six clocks at two of them a clock
 *
 * registers   0..11    sums: of row r, the left eight columns in 2r, the right eight in 2r + 1
 *             12, 13   B
 *             14, 15   A, row after row
 * rdi A, rsi B, rdx C, rcx alpha and behind it a mask, r8 k, r9 bytes between rows of C, on the stack the number of tiles and the bytes between
 * their rows of A; r10 in A, r11 in B, rax steps left
 * </pre>
 */
public final class TileProduct {
    /** Rows of a whole tile. */
    public static final int ROWS = 6;
    /** Columns. */
    public static final int COLUMNS = 16;

    /** Floats from alpha to the mask, eight words. */
    public static final int MASK = 1;

    private static final int VECTOR = 32;
    private static final int LANES = VECTOR / Float.BYTES;
    private static final int B = 12;
    private static final int A = 14;
    /** Steps that are written out one behind the other. */
    private static final int UNROLLED = 4;

    private final Assembler a = new Assembler();
    private final int rows;
    private final boolean add;
    private final Width width;

    /** How many of the sixteen columns C has. */
    public enum Width {
        /** All. */
        WHOLE(2, false),
        /** Nine to fifteen: the mask says which of the right eight. */
        MOST(2, true),
        /** One to eight: the mask says which of the left eight. */
        FEW(1, true);

        private final int vectors;
        private final boolean masked;

        Width(int vectors, boolean masked) {
            this.vectors = vectors;
            this.masked = masked;
        }

        /** That of so many columns. */
        public static Width of(int columns) {
            return columns >= COLUMNS ? WHOLE : columns > LANES ? MOST : FEW;
        }
    }

    private TileProduct(int rows, boolean add, Width width) {
        this.rows = rows;
        this.add = add;
        this.width = width;
    }

    /**
     * The code for tiles of this many rows, 1 to 6.
     *
     * @param add whether C is added to
     */
    public static byte[] code(int rows, boolean add, Width width) {
        return new TileProduct(rows, add, width).write();
    }

    private byte[] write() {
        a.mov(RAX, RSP.at(Long.BYTES));
        a.align(VECTOR);
        Label tile = a.here();
        a.push(RAX);
        a.mov(R10, RDI);
        fourth();
        for (int r = 0; r < rows; r++) {
            a.prefetcht0(row(r, 0));
        }
        a.mov(R11, RSI);
        for (int i = 0; i < 2 * rows; i++) {
            a.vxorps(i, i, i);
        }
        a.mov(RAX, R8);
        Idioms.repeat(a, RAX, UNROLLED, this::steps);
        store();
        for (int r = 0; r < rows; r++) {
            a.add(RDX, R9);
        }
        a.pop(RAX);
        a.mov(R10, RSP.at(2 * Long.BYTES));
        a.add(RDI, R10);
        a.dec(RAX);
        a.jnz(tile);
        a.vzeroupper();
        a.ret();
        return a.bytes();
    }

    /** The address of row 3 of C. */
    private void fourth() {
        a.lea(RAX, RDX.at(R9, 2, 0));
        a.add(RAX, R9);
    }

    private void steps(int count) {
        for (int s = 0; s < count; s++) {
            for (int v = 0; v < width.vectors; v++) {
                a.vmovups(B + v, R11.at(2 * VECTOR * s + VECTOR * v));
            }
            for (int r = 0; r < rows; r++) {
                int x = A + r % 2;
                a.vbroadcastss(x, R10.at((ROWS * s + r) * Float.BYTES));
                for (int v = 0; v < width.vectors; v++) {
                    a.vfmadd231ps(2 * r + v, x, B + v);
                }
            }
        }
        a.add(R11, 2 * VECTOR * count);
        a.add(R10, ROWS * Float.BYTES * count);
    }

    private void store() {
        a.vbroadcastss(B, RCX.at(0));
        if (width.masked) {
            a.vmovups(A, RCX.at(MASK * Float.BYTES));
        }
        fourth();
        for (int r = 0; r < rows; r++) {
            for (int v = 0; v < width.vectors; v++) {
                store(2 * r + v, row(r, VECTOR * v), width.masked && v == width.vectors - 1);
            }
        }
    }

    private void store(int sum, Address to, boolean masked) {
        a.vmulps(sum, sum, B);
        if (masked) {
            if (add) {
                a.vmaskmovps(B + 1, A, to);
                a.vaddps(sum, sum, B + 1);
            }
            a.vmaskmovps(to, A, sum);
            return;
        }
        if (add) {
            a.vaddps(sum, sum, to);
        }
        a.vmovups(to, sum);
    }

    /** In row r of C. */
    private static Address row(int r, int displacement) {
        Gp base = r < 3 ? RDX : RAX;
        return r % 3 == 0 ? base.at(displacement) : base.at(R9, r % 3, displacement);
    }
}
