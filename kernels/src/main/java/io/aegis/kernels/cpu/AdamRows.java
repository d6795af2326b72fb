package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.Lanes.broadcast;
import static io.aegis.kernels.cpu.Lanes.get;
import static io.aegis.kernels.cpu.Lanes.load;
import static io.aegis.kernels.cpu.Lanes.set;
import static io.aegis.kernels.cpu.Lanes.store;

import io.aegis.kernels.AdamStep;
import io.aegis.kernels.Optimizer.Adam;
import io.aegis.kernels.cpu.x86.AdamRow;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;

/**
 * A step of Adam over rows of floats, in place (Kingma and Ba, arXiv 1412.6980), its factors rounded to float once:
 *
 * <pre>
 *     alpha m^ / (sqrt(v^) + eps) = (alpha / c1) m / (sqrt(v) / sqrt(c2) + eps)
 * </pre>
 *
 * <p>By machine code where there is some ({@link AdamRow}), else by the Vector API's loop, with the same bits. That loop makes an object of
 * every vector until it is compiled: seen, 0.1 GB/s instead of 90, for the first minute of a large model's training.
 */
final class AdamRows {
    private final float decay;
    private final float shrink;
    private final float beta1;
    private final float beta2;
    private final float rest1;
    private final float rest2;
    private final float rate;
    private final float root;
    private final float eps;

    AdamRows(Adam k, AdamStep now) {
        decay = (float) (k.decoupled() ? 0 : k.weightDecay());
        shrink = (float) (k.decoupled() ? 1 - now.learningRate() * k.weightDecay() : 1);
        beta1 = (float) k.beta1();
        beta2 = (float) k.beta2();
        rest1 = (float) (1 - k.beta1());
        rest2 = (float) (1 - k.beta2());
        rate = (float) (now.learningRate() / now.correction1());
        root = (float) (1 / Math.sqrt(now.correction2()));
        eps = (float) k.eps();
    }

    /** A row of n floats, at the start of each: parameter, gradient, first and second moment. */
    void step(MemorySegment p, MemorySegment g, MemorySegment m, MemorySegment v, int n) {
        if (MachineCode.available()) {
            machine(p, g, m, v, n);
        } else {
            vectors(p, g, m, v, n);
        }
    }

    private void machine(MemorySegment p, MemorySegment g, MemorySegment m, MemorySegment v, int n) {
        int rest = n % AdamRow.LANES;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment constants = arena.allocateFrom(
                    ValueLayout.JAVA_FLOAT, decay, shrink, beta1, beta2, rest1, rest2, rate, root, eps);
            long mask = rest == 0 ? 0 : MachineCode.mask(rest).address();
            MachineCode.adam().call(p, g, m, v, n / AdamRow.LANES, mask, constants.address(), 0);
        }
    }

    /** The loop of vectors; what does not fill one, one by one. */
    void vectors(MemorySegment p, MemorySegment g, MemorySegment m, MemorySegment v, int n) {
        int i = 0;
        for (; i < Lanes.bound(n); i += Lanes.N) {
            FloatVector w = load(p, i);
            FloatVector d = w.fma(broadcast(decay), load(g, i));
            FloatVector m1 = load(m, i).mul(beta1).add(d.mul(rest1));
            FloatVector v1 = load(v, i).mul(beta2).add(d.mul(d).mul(rest2));
            FloatVector move = m1.mul(rate).div(v1.sqrt().mul(root).add(eps));
            store(w.mul(shrink).sub(move), p, i);
            store(m1, m, i);
            store(v1, v, i);
        }
        for (; i < n; i++) {
            float w = get(p, i);
            float d = Math.fma(w, decay, get(g, i));
            float m1 = get(m, i) * beta1 + d * rest1;
            float v1 = get(v, i) * beta2 + d * d * rest2;
            set(p, i, w * shrink - m1 * rate / ((float) Math.sqrt(v1) * root + eps));
            set(m, i, m1);
            set(v, i, v1);
        }
    }
}
