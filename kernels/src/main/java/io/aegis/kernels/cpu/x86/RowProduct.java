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

import io.aegis.kernels.cpu.x86.Assembler.Width;

/**
 * Inner products of one, two or four rows of floats with columns of a weight that lie one behind the other, each read once:
 * y[j, r] = sum over groups g of scale[j, g] (sum over i in g of w[j, i] x[r, i]).
 *
 * <p>Memory is what limits it, so little is done for each weight: it is widened, converted, and multiplied with all rows.
 *
 * <pre>
 * with vectors of N floats, 8 or 16:
 * INT8   block of 32: N bytes are widened to words at a time (vpmovsxbd, vcvtdq2ps)
 * INT4   block of 8 N in N words: code n + 8 of place p is masked where it stands, and 16^p (n + 8) converted (vpand,
 *        vcvtdq2ps), of the upper four places after one shift; rows come divided by 16^p, and sums begin at -8 times theirs
 * F16    block of 32: N at a time (vcvtph2ps)
 * BF16   block of 32 in vectors of words: the lower half moved up, the upper with the lower masked off
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
    /** Vectors ahead of reading that are asked for: a kilobyte or two last some hundred nanoseconds, as does memory. */
    private static final int AHEAD = 32;

    private static final int LINE = 64;
    /** Where loops begin. */
    private static final int ALIGNED = 32;
    /** Blocks that are written out one behind the other. */
    private static final int MOST_UNROLLED = 4;
    /** Places of half bytes in half a word. */
    private static final int PLACES = 4;

    private final Assembler a;
    private final int lanes;
    private final int vector;
    private final Weights weights;
    private final int rows;
    private final int group;
    private final int block;
    private final int bytes;
    private final int unit;

    private final int q;
    private final int s;
    private final int words;
    private final int moved;
    private final int wide;
    private final int constants;

    /** How weights are stored. */
    public enum Weights {
        INT8(8),
        INT4(4, 0xf, 0xf0, 0xf00, 0xf000),
        F16(16),
        BF16(16, 0xffff0000);

        private static final int BLOCK = 32;

        private final int bits;
        private final int[] masks;

        Weights(int bits, int... masks) {
            this.bits = bits;
            this.masks = masks;
        }

        /** Weights that are taken at a time. */
        public int block(Width width) {
            return this == INT4 ? 2 * PLACES * width.lanes() : BLOCK;
        }

        /** Whether groups of them have a scale. */
        public boolean scaled() {
            return this == INT8 || this == INT4;
        }

        /** The weights after which rows' sums are scaled, of a group of this size: it, or a block that has more groups. */
        public int unit(int group, Width width) {
            return scaled() ? Math.max(group, block(width)) : block(width);
        }

        /**
         * Words that stand before x, whole vectors: each mask in all lanes; behind them, where a block of 512 bits has several
         * groups, which of their scales is whose lane's.
         */
        public int[] constants(int group, Width width) {
            int lanes = width.lanes();
            boolean picks = width == Width.BITS_512 && group < unit(group, width);
            int[] all = new int[(masks.length + (picks ? 1 : 0)) * lanes];
            for (int i = 0; i < all.length; i++) {
                int vector = i / lanes;
                all[i] = vector < masks.length ? masks[vector] : i % lanes * 2 * PLACES / group;
            }
            return all;
        }
    }

    private RowProduct(Weights weights, int rows, int group, Width width) {
        a = new Assembler(width);
        lanes = width.lanes();
        vector = width.bytes();
        this.weights = weights;
        this.rows = rows;
        this.group = group;
        block = weights.block(width);
        bytes = block * weights.bits / Byte.SIZE;
        unit = weights.unit(group, width);
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
     * <p>x: the {@link Weights#constants}. Then for every unit: for INT4 [rows, N] the sums to begin with, lane by lane;
     * block by block, vector by vector in the order in which weights are taken, [rows, N] floats.
     *
     * @param rows 1, 2 or 4
     * @param group weights of a scale: a power of two, 32 or more
     * @param width of 512 bits only where the processor has AVX-512F
     */
    public static byte[] code(Weights weights, int rows, int group, Width width) {
        return new RowProduct(weights, rows, group, width).write();
    }

    private byte[] write() {
        int blocks = unit / block;
        int unrolled = Math.min(blocks, MOST_UNROLLED);
        int before = weights.constants(group, a.width()).length / lanes;
        for (int i = 0; i < before && inRegister(i); i++) {
            a.vmovups(constants + i, RDX.at(vector * i));
        }
        a.add(RDX, vector * before);
        a.align(ALIGNED);
        Label column = a.here();
        a.mov(R10, RDX);
        a.mov(R11, R9);
        zero(weights.scaled() ? s : 0, weights.scaled() ? s + rows : s);
        a.align(ALIGNED);
        Label next = a.here();
        begin();
        if (blocks > unrolled) {
            a.mov(RAX, blocks / unrolled);
        }
        Label more = a.here();
        for (int b = 0; b < unrolled; b++) {
            block(b);
        }
        a.add(RDI, unrolled * bytes);
        a.add(R10, unrolled * block * rows * Float.BYTES);
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

    private boolean inRegister(int constant) {
        return constants + constant < a.width().registers();
    }

    /** Of 256 bits, and clears the rest. */
    private void zero(int from, int to) {
        for (int i = from; i < to; i++) {
            a.vxorps(i, i, i);
        }
    }

    private void begin() {
        if (weights == Weights.INT4) {
            for (int r = 0; r < rows; r++) {
                a.vmovups(r, R10.at(vector * r));
            }
            a.add(R10, vector * rows);
            zero(q, s);
        } else if (weights == Weights.INT8) {
            zero(0, s);
        }
    }

    private void block(int b) {
        int at = b * bytes;
        if (at % LINE == 0) {
            a.prefetcht0(RDI.at(at + AHEAD * vector));
        }
        for (int v = 0; v < block / lanes; v++) {
            switch (weights) {
                case INT8 -> {
                    a.vpmovsxbd(wide, RDI.at(at + lanes * v));
                    a.vcvtdq2ps(wide, wide);
                }
                case INT4 -> halfByte(at, v);
                case F16 -> a.vcvtph2ps(wide, RDI.at(at + 2 * lanes * v));
                case BF16 -> {
                    if (v % 2 == 0) {
                        a.vmovups(words, RDI.at(at + vector * (v / 2)));
                        a.vpslld(wide, words, 16);
                    } else {
                        a.vpand(wide, words, constants);
                    }
                }
            }
            for (int r = 0; r < rows; r++) {
                a.vfmadd231ps((v % 2 == 0 ? 0 : q) + r, wide, R10.at(((b * block / lanes + v) * rows + r) * vector));
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
        if (inRegister(mask)) {
            a.vpand(wide, from, constants + mask);
        } else {
            a.vpand(wide, from, RDX.at(vector * (mask - weights.masks.length)));
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
        scales();
        a.add(RSI, unit / group * Float.BYTES);
        for (int r = 0; r < rows; r++) {
            a.vfmadd231ps(s + r, r, wide);
        }
    }

    /** Every lane's scale, in {@link #wide}: lane l of a block of 4 bits is of its weights 8 l to 8 l + 7. */
    private void scales() {
        if (group == unit) {
            a.vbroadcastss(wide, RSI.at(0));
        } else if (a.width() == Width.BITS_512) {
            if (unit / group == 2) {
                a.vbroadcastsd(wide, RSI.at(0));
            } else {
                a.vbroadcastf32x4(wide, RSI.at(0));
            }
            a.vpermilps(wide, wide, constants + weights.masks.length);
        } else {
            a.vbroadcastss(wide, RSI.at(0));
            a.vbroadcastss(words, RSI.at(Float.BYTES));
            a.vinsertf128(wide, wide, words, 1);
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
