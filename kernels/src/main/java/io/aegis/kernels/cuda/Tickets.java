package io.aegis.kernels.cuda;

/**
 * Counters with which the blocks of a launch find out who is last, and so who adds up what all of them left. They are zero
 * between launches: the last block sets its counter back. As launches run one after another, all can use the same ones.
 */
final class Tickets {
    /** How many there are. */
    static final int COUNT = 1 << 14;

    private final DeviceMemory memory;
    private long address;

    Tickets(DeviceMemory memory) {
        this.memory = memory;
    }

    /**
     * Address of {@link #COUNT} counters (u32).
     *
     * @throws OutOfMemoryError as {@link DeviceMemory#take}; the next call tries again
     */
    synchronized long address() {
        if (address == 0) {
            long fresh = memory.takeForGood(COUNT * 4L);
            memory.engine().fill(fresh, (byte) 0, COUNT * 4L);
            address = fresh;
        }
        return address;
    }
}
