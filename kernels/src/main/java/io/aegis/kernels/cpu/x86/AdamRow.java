package io.aegis.kernels.cpu.x86;

import static io.aegis.kernels.cpu.x86.Gp.R8;
import static io.aegis.kernels.cpu.x86.Gp.R9;
import static io.aegis.kernels.cpu.x86.Gp.RAX;
import static io.aegis.kernels.cpu.x86.Gp.RCX;
import static io.aegis.kernels.cpu.x86.Gp.RDI;
import static io.aegis.kernels.cpu.x86.Gp.RDX;
import static io.aegis.kernels.cpu.x86.Gp.RSI;
import static io.aegis.kernels.cpu.x86.Gp.RSP;

/**
 * A step of Adam over a row of floats, eight at a time, the last ones under a mask; all in place.
 *
 * <pre>
 * g' = w decay + g
 * m' = m beta1 + g' rest1
 * v' = v beta2 + g'^2 rest2
 * w' = w shrink - m' rate / (sqrt(v') root + eps)
 *
 * rdi w, rsi g, rdx m, rcx v, r8 whole vectors, r9 where the mask of the last floats is, or 0, on the stack where the constants are
 * registers   0 w, 1 g and g', 2 m, 3 v, 4 what is between, 5 to 13 constants in the order of {@link #CONSTANTS}, 14 the mask
 * </pre>
 *
 * <p>They are the operations, in their order, of the engine's loop of vectors, and so have its bits. Memory is slower than one
 * vector after the other.
 */
public final class AdamRow {
    /** Floats of a vector. */
    public static final int LANES = 8;
    /** Constants, a float each: decay, shrink, beta1, beta2, rest1, rest2, rate, root, eps. */
    public static final int CONSTANTS = 9;

    private static final int VECTOR = 32;
    private static final int W = 0;
    private static final int G = 1;
    private static final int M = 2;
    private static final int V = 3;
    private static final int BETWEEN = 4;
    private static final int DECAY = 5;
    private static final int SHRINK = 6;
    private static final int BETA_1 = 7;
    private static final int BETA_2 = 8;
    private static final int REST_1 = 9;
    private static final int REST_2 = 10;
    private static final int RATE = 11;
    private static final int ROOT = 12;
    private static final int EPS = 13;
    private static final int MASK = 14;

    private AdamRow() {}

    /** The code of {@code (w, g, m, v, vectors, mask, constants)}. */
    public static byte[] code() {
        Assembler a = new Assembler();
        a.mov(RAX, RSP.at(Long.BYTES));
        for (int i = 0; i < CONSTANTS; i++) {
            a.vbroadcastss(DECAY + i, RAX.at(i * Float.BYTES));
        }
        Label rest = a.label();
        Label done = a.label();
        a.test(R8);
        a.jz(rest);
        a.align(VECTOR);
        Label loop = a.here();
        a.vmovups(W, RDI.at(0));
        a.vmovups(G, RSI.at(0));
        a.vmovups(M, RDX.at(0));
        a.vmovups(V, RCX.at(0));
        step(a);
        a.vmovups(RDI.at(0), W);
        a.vmovups(RDX.at(0), M);
        a.vmovups(RCX.at(0), V);
        for (Gp row : new Gp[] {RDI, RSI, RDX, RCX}) {
            a.add(row, VECTOR);
        }
        a.dec(R8);
        a.jnz(loop);
        a.bind(rest);
        a.test(R9);
        a.jz(done);
        a.vmovups(MASK, R9.at(0));
        a.vmaskmovps(W, MASK, RDI.at(0));
        a.vmaskmovps(G, MASK, RSI.at(0));
        a.vmaskmovps(M, MASK, RDX.at(0));
        a.vmaskmovps(V, MASK, RCX.at(0));
        step(a);
        a.vmaskmovps(RDI.at(0), MASK, W);
        a.vmaskmovps(RDX.at(0), MASK, M);
        a.vmaskmovps(RCX.at(0), MASK, V);
        a.bind(done);
        a.vzeroupper();
        a.ret();
        return a.bytes();
    }

    private static void step(Assembler a) {
        a.vfmadd231ps(G, W, DECAY);
        a.vmulps(M, M, BETA_1);
        a.vmulps(BETWEEN, G, REST_1);
        a.vaddps(M, M, BETWEEN);
        a.vmulps(V, V, BETA_2);
        a.vmulps(BETWEEN, G, G);
        a.vmulps(BETWEEN, BETWEEN, REST_2);
        a.vaddps(V, V, BETWEEN);
        a.vsqrtps(BETWEEN, V);
        a.vmulps(BETWEEN, BETWEEN, ROOT);
        a.vaddps(BETWEEN, BETWEEN, EPS);
        a.vmulps(G, M, RATE);
        a.vdivps(G, G, BETWEEN);
        a.vmulps(W, W, SHRINK);
        a.vsubps(W, W, G);
    }
}
