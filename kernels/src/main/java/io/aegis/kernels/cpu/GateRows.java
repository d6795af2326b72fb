package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.Lanes.N;
import static io.aegis.kernels.cpu.Lanes.bound;
import static io.aegis.kernels.cpu.Lanes.get;
import static io.aegis.kernels.cpu.Lanes.load;
import static io.aegis.kernels.cpu.Lanes.set;
import static io.aegis.kernels.cpu.Lanes.store;

import io.aegis.kernels.Activation;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/** The gate of a SwiGLU block over rows of floats. */
final class GateRows {
    private static final FloatVector ONE = Lanes.broadcast(1);

    private GateRows() {}

    /** y = silu(gate) up. */
    static void forward(MemorySegment gate, long ig, MemorySegment up, long iu, MemorySegment y, long iy, int n) {
        int i = 0;
        for (; i < bound(n); i += N) {
            FloatVector v = load(gate, ig + i);
            store(v.mul(Lanes.sigmoid(v)).mul(load(up, iu + i)), y, iy + i);
        }
        for (; i < n; i++) {
            set(y, iy + i, (float) (Activation.SILU.value(get(gate, ig + i)) * get(up, iu + i)));
        }
    }

    /** dgate = dy up (s + gate s (1 - s)), s = sigmoid(gate). */
    static void gateBackward(
            MemorySegment gate,
            long ig,
            MemorySegment up,
            long iu,
            MemorySegment dy,
            long idy,
            MemorySegment dgate,
            long idg,
            int n) {
        int i = 0;
        for (; i < bound(n); i += N) {
            FloatVector v = load(gate, ig + i);
            FloatVector s = Lanes.sigmoid(v);
            FloatVector slope = v.mul(s).fma(ONE.sub(s), s);
            store(slope.mul(load(up, iu + i)).mul(load(dy, idy + i)), dgate, idg + i);
        }
        for (; i < n; i++) {
            double slope = Activation.SILU.derivative(get(gate, ig + i));
            set(dgate, idg + i, (float) (slope * get(up, iu + i) * get(dy, idy + i)));
        }
    }
}
