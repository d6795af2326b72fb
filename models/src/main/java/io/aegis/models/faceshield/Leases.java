package io.aegis.models.faceshield;

import java.util.function.Supplier;

/**
 * Who uses a model's memory. Closing lets nobody else in, tells those inside to hurry, and frees the memory behind the
 * last of them; only then does it return, unless it is one of those inside who closes.
 */
final class Leases {
    private final String closedMessage;
    private final Runnable free;
    private final ThreadLocal<Integer> own = ThreadLocal.withInitial(() -> 0);
    private int held;
    private boolean closed;
    private boolean freed;

    /**
     * @param closedMessage what is said to those who come too late
     * @param free gives the memory back
     */
    Leases(String closedMessage, Runnable free) {
        this.closedMessage = closedMessage;
        this.free = free;
    }

    /**
     * Runs something that uses the memory.
     *
     * @throws IllegalStateException when it was closed
     */
    <T> T during(Supplier<T> work) {
        acquire();
        try {
            return work.get();
        } finally {
            release();
        }
    }

    /** Whether somebody closes it: work that takes long asks, and gives up. */
    synchronized boolean isClosed() {
        return closed;
    }

    /** What is said to those whom closing interrupted, or who come too late. */
    IllegalStateException closedException() {
        return new IllegalStateException(closedMessage);
    }

    private synchronized void acquire() {
        if (closed) {
            throw closedException();
        }
        held++;
        own.set(own.get() + 1);
    }

    private synchronized void release() {
        held--;
        own.set(own.get() - 1);
        if (closed) {
            freeWhenUnused();
        }
    }

    /** Closes; the second time does nothing. */
    synchronized void close() {
        closed = true;
        freeWhenUnused();
        boolean interrupted = false;
        while (!freed && own.get() == 0) {
            try {
                wait();
            } catch (InterruptedException _) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void freeWhenUnused() {
        if (held == 0 && !freed) {
            freed = true;
            free.run();
            notifyAll();
        }
    }
}
