package io.aegis.training.memory;

import io.aegis.kernels.Kernels;
import io.aegis.kernels.Memory;
import io.aegis.tensor.Pool;

/**
 * What a run may hold, known before it begins and compared with its {@link MemoryPlan}. What it did hold is {@link
 * PeakMemory}.
 *
 * @param bytes at the most
 * @param asked whether somebody asked for it; else it is all that there is
 */
public record MemoryBudget(long bytes, boolean asked) {
    /**
     * What was asked for; or else all that the device has on which tensors live.
     *
     * @param asked bytes, or 0
     */
    public static MemoryBudget of(long asked, Kernels kernels) {
        if (asked > 0) {
            return new MemoryBudget(asked, true);
        }
        Memory device = kernels.memory();
        return new MemoryBudget(device == null ? Pool.capacity() : device.capacity(), false);
    }

    public boolean fits(MemoryPlan plan) {
        return plan.total() <= bytes;
    }

    /** A line below a plan. */
    public String verdict(MemoryPlan plan) {
        long left = bytes - plan.total();
        String room =
                left < 0 ? "does not fit: " + Bytes.text(-left) + " too much" : "fits: " + Bytes.text(left) + " left";
        return "  " + room + " of " + this;
    }

    @Override
    public String toString() {
        return "the " + Bytes.text(bytes) + (asked ? " that are allowed" : " that there are");
    }
}
