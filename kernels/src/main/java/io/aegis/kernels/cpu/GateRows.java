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

    /**
     * y = silu(gate) up. Each element has the same bits wherever it stands in a row: a sequence that is decoded among others
     * starts at another place than alone.
     */
    static void forward(MemorySegment gate, long ig, MemorySegment up, long iu, MemorySegment y, long iy, int n) {
        if (MachineFunctions.suit(n)) {
            MachineFunctions.gate(gate, ig, up, iu, y, iy, n);
            return;
        }
        int i = 0;
        for (; i < bound(n); i += N) {
            FloatVector v = load(gate, ig + i);
            store(v.mul(Lanes.sigmoid(v)).mul(load(up, iu + i)), y, iy + i);
        }
        if (i < n) {
            rest(gate, ig + i, up, iu + i, y, iy + i, n - i);
        }
    }

    /** Fewer elements than a vector has, by the same instructions. */
    private static void rest(MemorySegment gate, long ig, MemorySegment up, long iu, MemorySegment y, long iy, int n) {
        float[] lanes = new float[N];
        float[] factors = new float[N];
        for (int i = 0; i < n; i++) {
            lanes[i] = get(gate, ig + i);
            factors[i] = get(up, iu + i);
        }
        FloatVector v = FloatVector.fromArray(Lanes.F, lanes, 0);
        v.mul(Lanes.sigmoid(v)).mul(FloatVector.fromArray(Lanes.F, factors, 0)).intoArray(lanes, 0);
        for (int i = 0; i < n; i++) {
            set(y, iy + i, lanes[i]);
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
