package io.aegis.training.memory;

import io.aegis.kernels.Backends;
import io.aegis.kernels.Memory;
import io.aegis.tensor.Pool;
import java.util.function.Supplier;

/**
 * The most that tensors held at once while some work was done, as the memory they come from counts it: what was, behind a
 * run, beside what its {@link MemoryPlan} foretold. What may be, before it, is {@link MemoryBudget}.
 */
public final class PeakMemory {
    private long bytes;

    /** Does some work, and remembers its peak where it is higher than those before. */
    public <T> T during(Supplier<T> work) {
        Memory device = Backends.chosen().memory();
        if (device == null) {
            Pool.host().resetPeak();
        } else {
            device.resetPeak();
        }
        T result = work.get();
        bytes = Math.max(bytes, device == null ? Pool.host().peakBytes() : device.peakBytes());
        return result;
    }

    /** In bytes; on a GPU the copies of weights there are counted too. 0 before any work. */
    public long bytes() {
        return bytes;
    }
}
