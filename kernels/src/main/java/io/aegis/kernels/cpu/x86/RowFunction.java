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

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntConsumer;

/**
 * Functions of a row of floats, eight at a time, the last ones under a mask: the exponentials of a softmax, and activations.
 *
 * <pre>
 * exp(x)     = 2^n exp(r), n = round(x / ln 2), r by the Taylor polynomial of degree 7
 * sigmoid(x) = 1 / (1 + exp(-x))
 * Phi(x)     = erfc(-x / sqrt 2) / 2, erfc(z) = t P(t) exp(-z^2), t = 1 / (1 + 0.3275911 z), P of degree 7
 * </pre>
 *
 * <p>They are the operations, in their order, of the engine's plain vector loops, and so have their bits.
 *
 * <p>Four vectors go side by side, operation by operation: one after the other, few of them would fit where the processor keeps
 * what waits for its operands.
 *
 * <pre>
 * rdi x, rsi y, rdx what else there is, rcx constants, r8 whole vectors, r9 where the mask of the last floats is, or 0, on
 * the stack the number of rows and the bytes between those of x; r10 the row of x, r11 rows left, rax vectors left
 * registers   3i        the value of vector i, and what becomes of it
 *             3i + 1, 3i + 2   what is between
 *             11        the mask, where there is one vector
 *             12, 13    shift and sums of EXPONENTIAL
 *             14, 15    the least and the largest argument of exp
 * </pre>
 */
public final class RowFunction {
    /** Floats of a vector. */
    public static final int LANES = 8;

    private static final int VECTOR = 32;
    private static final int SIDE_BY_SIDE = 4;
    /** Registers of a vector. */
    private static final int EACH = 3;

    private static final int MASK = 11;
    private static final int SHIFT = 12;
    private static final int SUMS = 13;
    private static final int LEAST = 14;
    private static final int LARGEST = 15;

    /** What is computed. */
    public enum Kind {
        /** Of every row, where it is, exp(x - s); rdx: of every row s, and a float to write, the sum of the results. */
        EXPONENTIAL,
        /** x Phi(x). */
        GELU,
        /** x sigmoid(1.702 x). */
        QUICK_GELU,
        /** x sigmoid(2u), u = sqrt(2 / pi) (x + 0.044715 x^3). */
        GELU_TANH,
        /** x sigmoid(x). */
        SILU,
        /** x sigmoid(x) z; rdx: z, as long as x. */
        SILU_GATE
    }

    private final Assembler a = new Assembler();
    private final List<Integer> constants = new ArrayList<>();
    private final Kind kind;
    /** Vectors side by side, and whether under the mask, of what is being written. */
    private int count;

    private boolean masked;

    private RowFunction(Kind kind) {
        this.kind = kind;
    }

    /**
     * Instructions, and the numbers that they read.
     *
     * @param constants floats by their bits, each eight times
     */
    public record Program(byte[] code, int[] constants) {}

    /** The code of {@code (x, y, second, constants, vectors, mask, rows, stride)}; y may be x. There are rows of EXPONENTIAL alone. */
    public static Program program(Kind kind) {
        return new RowFunction(kind).write();
    }

    private Program write() {
        a.vmovups(LEAST, constant(-87.3f));
        a.vmovups(LARGEST, constant(88.3f));
        a.mov(R10, RDI);
        a.mov(R11, RSP.at(Long.BYTES));
        Label row = a.here();
        if (kind == Kind.EXPONENTIAL) {
            a.mov(RDI, R10);
            a.mov(RSI, R10);
            a.vbroadcastss(SHIFT, RDX.at(0));
            a.vxorps(SUMS, SUMS, SUMS);
        }
        row();
        if (kind == Kind.EXPONENTIAL) {
            Idioms.storeSum(a, RDX.at(Float.BYTES), SUMS, 0);
            a.add(RDX, 2 * Float.BYTES);
            a.mov(RAX, RSP.at(2 * Long.BYTES));
            a.add(R10, RAX);
            a.dec(R11);
            a.jnz(row);
        }
        a.vzeroupper();
        a.ret();
        int[] all = new int[constants.size() * LANES];
        for (int i = 0; i < all.length; i++) {
            all[i] = constants.get(i / LANES);
        }
        return new Program(a.bytes(), all);
    }

    private void row() {
        Label done = a.label();
        a.mov(RAX, R8);
        Idioms.repeat(a, RAX, SIDE_BY_SIDE, times -> vectors(times, false));
        a.test(R9);
        a.jz(done);
        a.vmovups(MASK, R9.at(0));
        vectors(1, true);
        a.bind(done);
    }

    private void vectors(int count, boolean masked) {
        this.count = count;
        this.masked = masked;
        load(0, RDI);
        switch (kind) {
            case EXPONENTIAL -> {
                each(v -> a.vsubps(v, v, SHIFT));
                exp();
                if (masked) {
                    a.vandps(0, 0, MASK);
                }
                each(v -> a.vaddps(SUMS, SUMS, v));
            }
            case GELU -> gelu();
            case QUICK_GELU -> {
                each(v -> a.vmulps(v, v, constant(1.702f)));
                gate();
            }
            case GELU_TANH -> {
                // 2 sqrt(2 / pi) (1, 0.044715)
                each(v -> a.vmulps(v + 1, v, v));
                each(v -> a.vmovups(v + 2, constant(0.07135482f)));
                each(v -> a.vfmadd213ps(v + 1, v + 2, constant(1.5957691f)));
                each(v -> a.vmulps(v, v + 1, v));
                gate();
            }
            case SILU -> gate();
            case SILU_GATE -> {
                gate();
                load(1, RDX);
                each(v -> a.vmulps(v, v, v + 1));
                a.add(RDX, VECTOR * count);
            }
        }
        each(v -> {
            Address to = RSI.at(v / EACH * VECTOR);
            if (masked) {
                a.vmaskmovps(to, MASK, v);
            } else {
                a.vmovups(to, v);
            }
        });
        a.add(RDI, VECTOR * count);
        a.add(RSI, VECTOR * count);
    }

    /** An operation of every vector, by its first register. */
    private void each(IntConsumer operation) {
        for (int i = 0; i < count; i++) {
            operation.accept(EACH * i);
        }
    }

    private void load(int register, Gp from) {
        each(v -> {
            Address x = from.at(v / EACH * VECTOR);
            if (masked) {
                a.vmaskmovps(v + register, MASK, x);
            } else {
                a.vmovups(v + register, x);
            }
        });
    }

    /** x times the sigmoid of what the value is. */
    private void gate() {
        each(v -> a.vxorps(v, v, constant(-0f)));
        exp();
        each(v -> a.vaddps(v, v, constant(1)));
        each(v -> a.vmovups(v + 1, constant(1)));
        each(v -> a.vdivps(v, v + 1, v));
        load(1, RDI);
        each(v -> a.vmulps(v, v + 1, v));
    }

    private void gelu() {
        each(v -> a.vmulps(v, v, v));
        each(v -> a.vmulps(v, v, constant(-0.5f)));
        exp();
        load(1, RDI);
        // t, of the absolute value
        each(v -> a.vandps(v + 1, v + 1, bits(0x7fffffff)));
        each(v -> a.vmovups(v + 2, constant(0.23164189f)));
        each(v -> a.vfmadd213ps(v + 1, v + 2, constant(1)));
        each(v -> a.vmovups(v + 2, constant(1)));
        each(v -> a.vdivps(v + 1, v + 2, v + 1));
        horner(
                2,
                1,
                -0.14180021f,
                0.499174237f,
                -0.409587145f,
                0.456019878f,
                0.024315903f,
                0.206109107f,
                0.180715919f,
                0.185052291f);
        each(v -> a.vmulps(v + 2, v + 2, v + 1));
        each(v -> a.vmulps(v + 2, v + 2, v));
        each(v -> a.vmulps(v + 2, v + 2, constant(0.5f)));
        // Where x is not negative, the other side.
        each(v -> a.vmovups(v, constant(1)));
        each(v -> a.vsubps(v, v, v + 2));
        load(1, RDI);
        each(v -> a.vblendvps(v + 2, v, v + 2, v + 1));
        each(v -> a.vmulps(v, v + 1, v + 2));
    }

    /** The value's exponential. NaN, the second operand of its bounds, stays. */
    private void exp() {
        each(v -> a.vmaxps(v, LEAST, v));
        each(v -> a.vminps(v, LARGEST, v));
        each(v -> a.vmovups(v + 1, constant(1.44269504f)));
        each(v -> a.vfmadd213ps(v + 1, v, constant(12582912f)));
        each(v -> a.vsubps(v + 2, v + 1, constant(12582912f)));
        each(v -> a.vfmadd231ps(v, v + 2, constant(-0.693359375f)));
        each(v -> a.vfmadd231ps(v, v + 2, constant(2.12194440e-4f)));
        horner(2, 0, 1f / 5040, 1f / 720, 1f / 120, 1f / 24, 1f / 6, 0.5f, 1, 1);
        each(v -> a.vpslld(v + 1, v + 1, 23));
        each(v -> a.vpaddd(v, v + 2, v + 1));
    }

    /** Register p of each = the polynomial of its register x, the highest coefficient first. */
    private void horner(int p, int x, float... coefficients) {
        each(v -> a.vmovups(v + p, constant(coefficients[0])));
        for (int i = 1; i < coefficients.length; i++) {
            float c = coefficients[i];
            each(v -> a.vfmadd213ps(v + p, v + x, constant(c)));
        }
    }

    private Address constant(float value) {
        return bits(Float.floatToRawIntBits(value));
    }

    private Address bits(int value) {
        int at = constants.indexOf(value);
        if (at < 0) {
            at = constants.size();
            constants.add(value);
        }
        return RCX.at(at * VECTOR);
    }
}
