package io.aegis.kernels.cuda;

/**
 * Counters with which the blocks of a launch find out who is last, and so who adds up what all of them left. They are zero
 * between launches: the last block sets its counter back. As launches run one after another, all can use the same ones.
 */
final class Tickets {
    /** How many there are. */
    static final int COUNT = 1 << 14;

    private final Engine engine;
    private long address;

    Tickets(Engine engine) {
        this.engine = engine;
    }

    /** Address of {@link #COUNT} counters (u32). */
    synchronized long address() {
        if (address == 0) {
            address = engine.allocate(COUNT * 4L);
            engine.fill(address, (byte) 0, COUNT * 4L);
        }
        return address;
    }
}
