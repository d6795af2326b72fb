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

/**
 * Inner products of one, two or four rows of floats with columns of a weight that lie one behind the other, each read once:
 * y[j, r] = sum over groups g of scale[j, g] (sum over i in g of w[j, i] x[r, i]).
 *
 * <p>Memory is what limits it, so little is done for each weight: it is widened, converted, and multiplied with all rows.
 *
 * <pre>
 * INT8   block of 32: eight bytes are widened to words at a time (vpmovsxbd, vcvtdq2ps)
 * INT4   block of 64 in eight words: code n + 8 of place p is masked where it stands, and 16^p (n + 8) converted (vpand,
 *        vcvtdq2ps), of the upper four places after one shift; rows come divided by 16^p, and sums begin at -8 times theirs
 * F16    block of 32: eight at a time (vcvtph2ps)
 * BF16   block of 32 in two vectors of words: the lower half moved up, the upper with the lower masked off
 *
 * registers   0..R-1     p  sums of a group: even vectors of a block
 *             R..2R-1    q  odd vectors
 *             2R..3R-1   s  sums of the column, where there are scales
 *             3R, 3R+1      words, and words moved
 *             3R+2          weights as floats; a scale
 *             above         constants, as far as there is room
 * rdi weights, rsi scales, rdx constants, rcx y, r8 columns, r9 units; r10 in x, r11 units left, rax blocks left
 * </pre>
 *
 * <p>Every row's sums add in one order whatever rows go along: its bits do not depend on them.
 */
public final class RowProduct {
    /** Floats of a vector. */
    public static final int LANES = 8;

    /** Bytes ahead of reading that are asked for: a kilobyte lasts some hundred nanoseconds, as does memory. */
    private static final int AHEAD = 1024;

    private static final int VECTOR = 32;
    private static final int LINE = 64;
    /** Blocks that are written out one behind the other. */
    private static final int MOST_UNROLLED = 4;
    /** Places of half bytes in half a word. */
    private static final int PLACES = 4;

    private final Assembler a = new Assembler();
    private final Weights weights;
    private final int rows;
    private final int group;
    private final int unit;

    private final int q;
    private final int s;
    private final int words;
    private final int moved;
    private final int wide;
    private final int constants;

    /** How weights are stored. */
    public enum Weights {
        INT8(32, 32),
        INT4(64, 32, 0xf, 0xf0, 0xf00, 0xf000),
        F16(32, 64),
        BF16(32, 64, 0xffff0000);

        private final int block;
        private final int bytes;
        private final int[] masks;

        Weights(int block, int bytes, int... masks) {
            this.block = block;
            this.bytes = bytes;
            this.masks = masks;
        }

        /** Weights that are taken at a time. */
        public int block() {
            return block;
        }

        /** Whether groups of them have a scale. */
        public boolean scaled() {
            return this == INT8 || this == INT4;
        }

        /** Words of which a vector each stands before x, every one eight times. */
        public int[] masks() {
            return masks.clone();
        }

        /** The weights after which rows' sums are scaled, of a group of this size: it, or a block that has two groups. */
        public int unit(int group) {
            return scaled() ? Math.max(group, block) : block;
        }
    }

    private RowProduct(Weights weights, int rows, int group) {
        this.weights = weights;
        this.rows = rows;
        this.group = group;
        unit = weights.unit(group);
        q = rows;
        s = 2 * rows;
        words = 3 * rows;
        moved = words + 1;
        wide = words + 2;
        constants = words + 3;
    }

    /**
     * The code of {@code (weights, scales, x, y, columns, units)}: whole columns, F32 [columns, groups] where there are
     * scales, rows (below), F32 [columns, rows] to write, and how many columns and units ({@link Weights#unit}) there are,
     * both at least one.
     *
     * <p>x: the masks, a vector each. Then for every unit: for INT4 [rows, 8] the sums to begin with, lane by lane; block by
     * block, vector by vector in the order in which weights are taken, [rows, 8] floats.
     *
     * @param rows 1, 2 or 4
     * @param group weights of a scale: a power of two, 32 or more
     */
    public static byte[] code(Weights weights, int rows, int group) {
        return new RowProduct(weights, rows, group).write();
    }

    private byte[] write() {
        int blocks = unit / weights.block;
        int unrolled = Math.min(blocks, MOST_UNROLLED);
        for (int i = 0; i < weights.masks.length && constants + i < Assembler.VECTORS; i++) {
            a.vmovups(constants + i, RDX.at(VECTOR * i));
        }
        a.add(RDX, VECTOR * weights.masks.length);
        a.align(VECTOR);
        Label column = a.here();
        a.mov(R10, RDX);
        a.mov(R11, R9);
        zero(weights.scaled() ? s : 0, weights.scaled() ? s + rows : s);
        a.align(VECTOR);
        Label next = a.here();
        begin();
        if (blocks > unrolled) {
            a.mov(RAX, blocks / unrolled);
        }
        Label more = a.here();
        for (int b = 0; b < unrolled; b++) {
            block(b);
        }
        a.add(RDI, unrolled * weights.bytes);
        a.add(R10, unrolled * weights.block * rows * Float.BYTES);
        if (blocks > unrolled) {
            a.dec(RAX);
            a.jnz(more);
        }
        scale();
        a.dec(R11);
        a.jnz(next);
        for (int r = 0; r < rows; r++) {
            deliver(r);
        }
        a.add(RCX, rows * Float.BYTES);
        a.dec(R8);
        a.jnz(column);
        a.vzeroupper();
        a.ret();
        return a.bytes();
    }

    private void zero(int from, int to) {
        for (int i = from; i < to; i++) {
            a.vxorps(i, i, i);
        }
    }

    private void begin() {
        if (weights == Weights.INT4) {
            for (int r = 0; r < rows; r++) {
                a.vmovups(r, R10.at(VECTOR * r));
            }
            a.add(R10, VECTOR * rows);
            zero(q, s);
        } else if (weights == Weights.INT8) {
            zero(0, s);
        }
    }

    private void block(int b) {
        int at = b * weights.bytes;
        if (at % LINE == 0) {
            a.prefetcht0(RDI.at(at + AHEAD));
        }
        for (int v = 0; v < weights.block / LANES; v++) {
            switch (weights) {
                case INT8 -> {
                    a.vpmovsxbd(wide, RDI.at(at + LANES * v));
                    a.vcvtdq2ps(wide, wide);
                }
                case INT4 -> halfByte(at, v);
                case F16 -> a.vcvtph2ps(wide, RDI.at(at + 2 * LANES * v));
                case BF16 -> {
                    if (v % 2 == 0) {
                        a.vmovups(words, RDI.at(at + VECTOR * (v / 2)));
                        a.vpslld(wide, words, 16);
                    } else {
                        a.vpand(wide, words, constants);
                    }
                }
            }
            for (int r = 0; r < rows; r++) {
                a.vfmadd231ps(
                        (v % 2 == 0 ? 0 : q) + r, wide, R10.at(((b * weights.block / LANES + v) * rows + r) * VECTOR));
            }
        }
    }

    private void halfByte(int at, int v) {
        if (v == 0) {
            a.vmovups(words, RDI.at(at));
            a.vpsrld(moved, words, 16);
        }
        int from = v < PLACES ? words : moved;
        int mask = v % PLACES;
        if (constants + mask < Assembler.VECTORS) {
            a.vpand(wide, from, constants + mask);
        } else {
            a.vpand(wide, from, RDX.at(VECTOR * (mask - weights.masks.length)));
        }
        a.vcvtdq2ps(wide, wide);
    }

    private void scale() {
        if (!weights.scaled()) {
            return;
        }
        for (int r = 0; r < rows; r++) {
            a.vaddps(r, r, q + r);
        }
        if (group < unit) {
            // Words 0 to 3 of a block are of the first group, 4 to 7 of the second.
            a.vbroadcastss(wide, RSI.at(0));
            a.vbroadcastss(words, RSI.at(Float.BYTES));
            a.vinsertf128(wide, wide, words, 1);
        } else {
            a.vbroadcastss(wide, RSI.at(0));
        }
        a.add(RSI, unit / group * Float.BYTES);
        for (int r = 0; r < rows; r++) {
            a.vfmadd231ps(s + r, r, wide);
        }
    }

    /** The lanes' sum of a row. */
    private void deliver(int r) {
        int sum = weights.scaled() ? s + r : r;
        if (!weights.scaled()) {
            a.vaddps(sum, sum, q + r);
        }
        Idioms.storeSum(a, RCX.at(r * Float.BYTES), sum, wide);
    }
}
