package io.aegis.kernels.cpu.x86;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Writes x86-64 instructions, one method a mnemonic, operands in Intel's order: the destination first. Vectors are the 256
 * bits of a register 0 to 15, unless a name says otherwise. The source is Intel's Software Developer's Manual, volume 2.
 *
 * <p>An assembler of 512 bits writes those that say so for 512 and registers 0 to 31 (AVX-512F, the EVEX prefix), and the
 * others as ever: these clear the upper half of what they write.
 */
public final class Assembler {
    // Opcode maps and mandatory prefixes, as the VEX prefix numbers them.
    private static final int MAP_0F = 1;
    private static final int MAP_0F38 = 2;
    private static final int MAP_0F3A = 3;
    private static final int NP = 0;
    private static final int P66 = 1;
    private static final int PF3 = 2;
    private static final int PF2 = 3;
    /** Vector registers without AVX-512. */
    public static final int VECTORS = 16;
    /** What of a vector of 512 bits an operand in memory has: displacements of one byte count in it. */
    private static final int WHOLE = 64;

    private static final int HALF = 32;
    private static final int QUARTER = 16;
    private static final int EIGHTH = 8;
    private static final int SINGLE = 4;

    /** How wide vectors are. */
    public enum Width {
        BITS_256(8, VECTORS),
        BITS_512(16, 2 * VECTORS);

        private final int lanes;
        private final int registers;

        Width(int lanes, int registers) {
            this.lanes = lanes;
            this.registers = registers;
        }

        /** Floats of a vector. */
        public int lanes() {
            return lanes;
        }

        /** Bytes of a vector. */
        public int bytes() {
            return lanes * Float.BYTES;
        }

        /** Vector registers. */
        public int registers() {
            return registers;
        }
    }

    private final Width width;
    private byte[] code = new byte[1024];
    private int size;
    private final List<Jump> jumps = new ArrayList<>();

    private record Jump(int at, Label to) {}

    /** Of 256 bits. */
    public Assembler() {
        this(Width.BITS_256);
    }

    public Assembler(Width width) {
        this.width = width;
    }

    public Width width() {
        return width;
    }

    // ---- vectors: moving

    /** 512 bits where the assembler has them. */
    public void vmovups(int to, Address from) {
        vector(NP, MAP_0F, 0x10, to, 0, from, WHOLE);
    }

    /** 512 bits where the assembler has them. */
    public void vmovups(Address to, int from) {
        vector(NP, MAP_0F, 0x11, from, 0, to, WHOLE);
    }

    /** Floats whose words of the mask are negative, 0 for the others, whose memory is not touched. */
    public void vmaskmovps(int to, int mask, Address from) {
        vex(P66, MAP_0F38, true, 0x2c, to, mask, from);
    }

    /** Stores floats whose words of the mask are negative, and touches nothing else. */
    public void vmaskmovps(Address to, int mask, int from) {
        vex(P66, MAP_0F38, true, 0x2e, from, mask, to);
    }

    /** Stores the lowest float. */
    public void vmovss(Address to, int from) {
        vex(PF3, MAP_0F, false, 0x11, from, 0, to);
    }

    /** 512 bits where the assembler has them. */
    public void vbroadcastss(int to, Address from) {
        vector(P66, MAP_0F38, 0x18, to, 0, from, SINGLE);
    }

    /** The upper half of a vector as the lower half of another. */
    public void vextractf128(int to, int from) {
        vex(P66, MAP_0F3A, true, 0x19, from, 0, to);
        emit(1);
    }

    /** a with the lower half of b as one of its halves. */
    public void vinsertf128(int to, int a, int b, int half) {
        vex(P66, MAP_0F3A, true, 0x18, to, a, b);
        emit(half);
    }

    /** The upper 256 of 512 bits. */
    public void vextractf64x4(int to, int from) {
        evex(P66, MAP_0F3A, true, 0x1b, from, 0, to);
        emit(1);
    }

    /** Four floats, four times: 512 bits. */
    public void vbroadcastf32x4(int to, Address from) {
        evex(P66, MAP_0F38, false, 0x1a, to, 0, from, QUARTER);
    }

    /** Two floats, eight times: 512 bits. */
    public void vbroadcastsd(int to, Address from) {
        evex(P66, MAP_0F38, true, 0x19, to, 0, from, EIGHTH);
    }

    /** From each quarter of 512 bits: the floats that two bits of each word pick. */
    public void vpermilps(int to, int from, int picks) {
        evex(P66, MAP_0F38, false, 0x0c, to, from, picks);
    }

    /** From each half: the lower two floats of a and of b in turn. */
    public void vunpcklps(int to, int a, int b) {
        vex(NP, MAP_0F, true, 0x14, to, a, b);
    }

    /** From each half: the upper two floats of a and of b in turn. */
    public void vunpckhps(int to, int a, int b) {
        vex(NP, MAP_0F, true, 0x15, to, a, b);
    }

    /** From each half: two floats of a, two of b, each picked by two bits. */
    public void vshufps(int to, int a, int b, int picks) {
        vex(NP, MAP_0F, true, 0xc6, to, a, b);
        emit(picks);
    }

    /** Halves of a and b: 0x20 both lower, 0x31 both upper. */
    public void vperm2f128(int to, int a, int b, int picks) {
        vex(P66, MAP_0F3A, true, 0x06, to, a, b);
        emit(picks);
    }

    // ---- vectors: computing

    public void vxorps(int to, int a, int b) {
        vex(NP, MAP_0F, true, 0x57, to, a, b);
    }

    public void vxorps(int to, int a, Address b) {
        vex(NP, MAP_0F, true, 0x57, to, a, b);
    }

    /** 512 bits where the assembler has them. */
    public void vaddps(int to, int a, int b) {
        vector(NP, MAP_0F, 0x58, to, a, b);
    }

    public void vaddps(int to, int a, Address b) {
        vex(NP, MAP_0F, true, 0x58, to, a, b);
    }

    public void vmulps(int to, int a, int b) {
        vex(NP, MAP_0F, true, 0x59, to, a, b);
    }

    public void vmulps(int to, int a, Address b) {
        vex(NP, MAP_0F, true, 0x59, to, a, b);
    }

    public void vsubps(int to, int a, int b) {
        vex(NP, MAP_0F, true, 0x5c, to, a, b);
    }

    public void vsubps(int to, int a, Address b) {
        vex(NP, MAP_0F, true, 0x5c, to, a, b);
    }

    public void vdivps(int to, int a, int b) {
        vex(NP, MAP_0F, true, 0x5e, to, a, b);
    }

    public void vsqrtps(int to, int from) {
        vex(NP, MAP_0F, true, 0x51, to, 0, from);
    }

    /** b where one of the two is NaN. */
    public void vmaxps(int to, int a, int b) {
        vex(NP, MAP_0F, true, 0x5f, to, a, b);
    }

    /** b where one of the two is NaN. */
    public void vminps(int to, int a, int b) {
        vex(NP, MAP_0F, true, 0x5d, to, a, b);
    }

    public void vandps(int to, int a, int b) {
        vex(NP, MAP_0F, true, 0x54, to, a, b);
    }

    public void vandps(int to, int a, Address b) {
        vex(NP, MAP_0F, true, 0x54, to, a, b);
    }

    /** Of b the floats whose words of the mask are negative, of a the others. */
    public void vblendvps(int to, int a, int b, int mask) {
        vex(P66, MAP_0F3A, true, 0x4a, to, a, b);
        emit(mask << 4);
    }

    /** Of four floats: sums of neighbours. */
    public void vhaddps128(int to, int a, int b) {
        vex(PF2, MAP_0F, false, 0x7c, to, a, b);
    }

    /** Of four floats. */
    public void vaddps128(int to, int a, int b) {
        vex(NP, MAP_0F, false, 0x58, to, a, b);
    }

    /** to += a b, rounded once. 512 bits where the assembler has them. */
    public void vfmadd231ps(int to, int a, int b) {
        vector(P66, MAP_0F38, 0xb8, to, a, b);
    }

    /** 512 bits where the assembler has them. */
    public void vfmadd231ps(int to, int a, Address b) {
        vector(P66, MAP_0F38, 0xb8, to, a, b, WHOLE);
    }

    /** to = to a + b, rounded once. */
    public void vfmadd213ps(int to, int a, Address b) {
        vex(P66, MAP_0F38, true, 0xa8, to, a, b);
    }

    // ---- vectors: integers and conversions

    /** 512 bits where the assembler has them. */
    public void vpand(int to, int a, int b) {
        vector(P66, MAP_0F, 0xdb, to, a, b);
    }

    /** 512 bits where the assembler has them. */
    public void vpand(int to, int a, Address b) {
        vector(P66, MAP_0F, 0xdb, to, a, b, WHOLE);
    }

    /** Words moved up by some bits. 512 bits where the assembler has them. */
    public void vpslld(int to, int from, int bits) {
        vector(P66, MAP_0F, 0x72, 6, to, from);
        emit(bits);
    }

    /** Words moved down by some bits, without their sign. 512 bits where the assembler has them. */
    public void vpsrld(int to, int from, int bits) {
        vector(P66, MAP_0F, 0x72, 2, to, from);
        emit(bits);
    }

    /** Signed words as floats. 512 bits where the assembler has them. */
    public void vcvtdq2ps(int to, int from) {
        vector(NP, MAP_0F, 0x5b, to, 0, from);
    }

    /** Signed bytes, one a lane, as words. 512 bits where the assembler has them. */
    public void vpmovsxbd(int to, Address from) {
        vector(P66, MAP_0F38, 0x21, to, 0, from, QUARTER);
    }

    /** Float16, one a lane, as floats (F16C). 512 bits where the assembler has them. */
    public void vcvtph2ps(int to, Address from) {
        vector(P66, MAP_0F38, 0x13, to, 0, from, HALF);
    }

    /** The lower half's upper lanes are clean again: what older instructions, and callers, expect. */
    public void vzeroupper() {
        emit(0xc5, 0xf8, 0x77);
    }

    /** The same word in every lane. */
    public void vpbroadcastd(int to, Address from) {
        vex(P66, MAP_0F38, true, 0x58, to, 0, from);
    }

    /** Words moved down by as many bits as the lane of another vector says. */
    public void vpsrlvd(int to, int from, int bits) {
        vex(P66, MAP_0F38, true, 0x45, to, from, bits);
    }

    public void vpsubd(int to, int a, int b) {
        vex(P66, MAP_0F, true, 0xfa, to, a, b);
    }

    public void vpaddd(int to, int a, int b) {
        vex(P66, MAP_0F, true, 0xfe, to, a, b);
    }

    // ---- memory and addresses

    /** Asks for a line of memory that will be read; never faults. */
    public void prefetcht0(Address line) {
        rex(false, 1, line);
        emit(0x0f, 0x18);
        modrm(1, line);
    }

    public void mov(Gp to, Gp from) {
        rexW(from.ordinal(), to.ordinal());
        emit(0x89, 0xc0 | (from.ordinal() & 7) << 3 | to.ordinal() & 7);
    }

    public void mov(Gp to, Address from) {
        rex(true, to.ordinal(), from);
        emit(0x8b);
        modrm(to.ordinal(), from);
    }

    public void mov(Gp to, int value) {
        rexW(0, to.ordinal());
        emit(0xc7, 0xc0 | to.ordinal() & 7);
        word(value);
    }

    /** The lower 32 bits. */
    public void movd(Address to, Gp from) {
        rex(false, from.ordinal(), to);
        emit(0x89);
        modrm(from.ordinal(), to);
    }

    public void lea(Gp to, Address of) {
        rex(true, to.ordinal(), of);
        emit(0x8d);
        modrm(to.ordinal(), of);
    }

    public void add(Gp to, int value) {
        rexW(0, to.ordinal());
        emit(0x81, 0xc0 | to.ordinal() & 7);
        word(value);
    }

    public void add(Gp to, Gp value) {
        rexW(value.ordinal(), to.ordinal());
        emit(0x01, 0xc0 | (value.ordinal() & 7) << 3 | to.ordinal() & 7);
    }

    /** The next {@link #jz} asks whether it is 0. */
    public void test(Gp value) {
        rexW(value.ordinal(), value.ordinal());
        emit(0x85, 0xc0 | (value.ordinal() & 7) << 3 | value.ordinal() & 7);
    }

    /** The next {@link #jz} asks whether nothing is left. */
    public void and(Gp to, int mask) {
        rexW(0, to.ordinal());
        emit(0x81, 0xe0 | to.ordinal() & 7);
        word(mask);
    }

    /** Minus one; the next {@link #jnz} asks whether nothing is left. */
    public void dec(Gp counter) {
        rexW(0, counter.ordinal());
        emit(0xff, 0xc8 | counter.ordinal() & 7);
    }

    public void push(Gp from) {
        rexOf(from);
        emit(0x50 | from.ordinal() & 7);
    }

    public void pop(Gp to) {
        rexOf(to);
        emit(0x58 | to.ordinal() & 7);
    }

    // ---- control

    public Label label() {
        return new Label();
    }

    /** A label at what comes next. */
    public Label here() {
        Label label = label();
        bind(label);
        return label;
    }

    public void bind(Label label) {
        label.bind(size);
    }

    /** Where the last sum or difference is not zero. */
    public void jnz(Label to) {
        jump(0x85, to);
    }

    public void jz(Label to) {
        jump(0x84, to);
    }

    /** Where it is negative. */
    public void js(Label to) {
        jump(0x88, to);
    }

    public void jns(Label to) {
        jump(0x89, to);
    }

    private void jump(int condition, Label to) {
        emit(0x0f, condition);
        jumps.add(new Jump(size, to));
        word(0);
    }

    public void ret() {
        emit(0xc3);
    }

    /** EAX, EBX, ECX and EDX tell of the processor what EAX and ECX ask. */
    public void cpuid() {
        emit(0x0f, 0xa2);
    }

    /** EDX:EAX = what the system saves of registers, ECX = 0. */
    public void xgetbv() {
        emit(0x0f, 0x01, 0xd0);
    }

    /** Fills with instructions that do nothing up to a multiple: loops begin at lines of the instruction cache. */
    public void align(int multiple) {
        while (size % multiple != 0) {
            emit(0x90);
        }
    }

    /**
     * Everything written so far.
     *
     * @throws IllegalStateException when a jump's label was never bound
     */
    public byte[] bytes() {
        for (Jump jump : jumps) {
            if (!jump.to().bound()) {
                throw new IllegalStateException("a jump at byte " + jump.at() + " has no target");
            }
            int distance = jump.to().at() - (jump.at() + Integer.BYTES);
            for (int i = 0; i < Integer.BYTES; i++) {
                code[jump.at() + i] = (byte) (distance >> 8 * i);
            }
        }
        return Arrays.copyOf(code, size);
    }

    // ---- encoding

    /** A VEX instruction of three registers: {@code reg}, {@code vvvv} (0 where unused), {@code rm}. */
    private void vex(int prefix, int map, boolean bits256, int opcode, int reg, int vvvv, int rm) {
        checkOld(reg, vvvv, rm);
        prefix(prefix, map, bits256, reg >> 3, 0, rm >> 3, vvvv);
        emit(opcode, 0xc0 | (reg & 7) << 3 | rm & 7);
    }

    private void vex(int prefix, int map, boolean bits256, int opcode, int reg, int vvvv, Address rm) {
        checkOld(reg, vvvv, 0);
        prefix(prefix, map, bits256, reg >> 3, high(rm.index()), high(rm.base()), vvvv);
        emit(opcode);
        modrm(reg, rm);
    }

    /** An instruction of this assembler's width. */
    private void vector(int prefix, int map, int opcode, int reg, int vvvv, int rm) {
        if (width == Width.BITS_512) {
            evex(prefix, map, false, opcode, reg, vvvv, rm);
        } else {
            vex(prefix, map, true, opcode, reg, vvvv, rm);
        }
    }

    private void vector(int prefix, int map, int opcode, int reg, int vvvv, Address rm, int unit) {
        if (width == Width.BITS_512) {
            evex(prefix, map, false, opcode, reg, vvvv, rm, unit);
        } else {
            vex(prefix, map, true, opcode, reg, vvvv, rm);
        }
    }

    /** An EVEX instruction of 512 bits, no mask (volume 2, 2.7). */
    private void evex(int prefix, int map, boolean w, int opcode, int reg, int vvvv, int rm) {
        evexPrefix(prefix, map, w, reg, vvvv, rm >> 4, rm >> 3);
        check(reg, vvvv, rm);
        emit(opcode, 0xc0 | (reg & 7) << 3 | rm & 7);
    }

    /** @param unit bytes that a displacement of one byte counts in */
    private void evex(int prefix, int map, boolean w, int opcode, int reg, int vvvv, Address rm, int unit) {
        evexPrefix(prefix, map, w, reg, vvvv, high(rm.index()), high(rm.base()));
        check(reg, vvvv);
        emit(opcode);
        modrm(reg, rm, unit);
    }

    /** Bits are stored turned over; of a register as rm the fifth is where an index has its fourth. */
    private void evexPrefix(int pp, int map, boolean w, int reg, int vvvv, int x, int b) {
        if (width != Width.BITS_512) {
            throw new IllegalStateException("an instruction of 512 bits, and this assembler is of 256");
        }
        emit(
                0x62,
                (~(reg >> 3) & 1) << 7 | (~x & 1) << 6 | (~b & 1) << 5 | (~(reg >> 4) & 1) << 4 | map,
                (w ? 1 : 0) << 7 | (~vvvv & 15) << 3 | 4 | pp,
                2 << 5 | (~(vvvv >> 4) & 1) << 3);
    }

    /** Register and index bits are stored turned over; where only {@code r} is needed, two bytes do. */
    private void prefix(int pp, int map, boolean bits256, int r, int x, int b, int vvvv) {
        int last = (~vvvv & 15) << 3 | (bits256 ? 4 : 0) | pp;
        if (map == MAP_0F && x == 0 && b == 0) {
            emit(0xc5, (~r & 1) << 7 | last);
        } else {
            emit(0xc4, (~r & 1) << 7 | (~x & 1) << 6 | (~b & 1) << 5 | map, last);
        }
    }

    private void check(int... registers) {
        check(width.registers(), registers);
    }

    /** A VEX prefix names sixteen, whatever the assembler's width. */
    private static void checkOld(int... registers) {
        check(VECTORS, registers);
    }

    private static void check(int there, int[] registers) {
        for (int r : registers) {
            if (r < 0 || r >= there) {
                throw new IllegalArgumentException("there are vectors 0 to " + (there - 1) + "; given " + r);
            }
        }
    }

    private static int high(Gp register) {
        return register == null ? 0 : register.ordinal() >> 3;
    }

    private void rexW(int reg, int rm) {
        emit(0x48 | reg >> 3 << 2 | rm >> 3);
    }

    private void rexOf(Gp rm) {
        if (high(rm) != 0) {
            emit(0x41);
        }
    }

    private void rex(boolean wide, int reg, Address m) {
        int bits = reg >> 3 << 2 | high(m.index()) << 1 | high(m.base());
        if (wide || bits != 0) {
            emit(0x40 | (wide ? 8 : 0) | bits);
        }
    }

    private void modrm(int reg, Address m) {
        modrm(reg, m, 1);
    }

    /**
     * Registers 4 and 5 have special meanings as a base: the one wants an index byte, the other a displacement.
     *
     * @param unit what a displacement of one byte counts in
     */
    private void modrm(int reg, Address m, int unit) {
        int base = m.base().ordinal() & 7;
        boolean sib = m.index() != null || base == 4;
        int d = m.displacement();
        boolean small = d % unit == 0 && d / unit == (byte) (d / unit);
        int mod = d == 0 && base != 5 ? 0 : small ? 1 : 2;
        emit(mod << 6 | (reg & 7) << 3 | (sib ? 4 : base));
        if (sib) {
            int index = m.index() == null ? 4 : m.index().ordinal() & 7;
            emit(Integer.numberOfTrailingZeros(m.scale()) << 6 | index << 3 | base);
        }
        if (mod == 1) {
            emit(d / unit);
        } else if (mod == 2) {
            word(d);
        }
    }

    private void word(int value) {
        for (int i = 0; i < Integer.SIZE; i += Byte.SIZE) {
            emit(value >> i);
        }
    }

    private void emit(int... bytes) {
        for (int b : bytes) {
            if (size == code.length) {
                code = Arrays.copyOf(code, 2 * size);
            }
            code[size++] = (byte) b;
        }
    }
}
