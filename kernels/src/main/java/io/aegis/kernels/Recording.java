package io.aegis.kernels;

/** Work of a device that was recorded, to be queued as a whole as often as wanted: {@link Kernels#record}. For one thread at a time. */
public interface Recording extends AutoCloseable {
    /**
     * Queues it behind what is queued already. What it reads is brought up to date first, where the host has changed it since;
     * what it writes is current on the device from here on.
     *
     * @throws IllegalStateException when memory that it uses has been given back since
     */
    void launch();

    /** Gives back the memory that was taken while it was recorded. The second time does nothing. */
    @Override
    void close();
}
