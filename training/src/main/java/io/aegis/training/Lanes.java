package io.aegis.training;

import io.aegis.kernels.Backends;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.IntConsumer;

/**
 * Threads that compute side by side, each on sequences of its own. For small models that is faster than sharing out every
 * operation: kernels stay on their lane's thread when there are as many lanes as processors, and nothing waits but at the
 * end of an update. What a lane computes does not depend on the others.
 */
public final class Lanes implements AutoCloseable {
    private final int count;
    private final boolean alone;
    private final ExecutorService threads;

    /** @param count at least 1; a single lane is the caller's own thread, with all kernels' threads at its disposal */
    public Lanes(int count) {
        this.count = count;
        this.alone = count >= Runtime.getRuntime().availableProcessors();
        this.threads = count == 1
                ? null
                : Executors.newFixedThreadPool(
                        count,
                        work -> Thread.ofPlatform().daemon().name("aegis-lane").unstarted(work));
    }

    public int count() {
        return count;
    }

    /**
     * Runs every lane and returns when all have ended.
     *
     * @param lane gets its number; the first failure, by number, is rethrown
     */
    public void run(IntConsumer lane) {
        if (threads == null) {
            lane.accept(0);
            return;
        }
        List<Future<?>> running = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            int number = i;
            running.add(threads.submit(() -> {
                if (alone) {
                    Backends.chosen().alone(() -> lane.accept(number));
                } else {
                    lane.accept(number);
                }
            }));
        }
        Throwable failure = null;
        for (Future<?> each : running) {
            Throwable of = await(each);
            failure = failure == null ? of : failure;
        }
        switch (failure) {
            case null -> {}
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            default -> throw new IllegalStateException(failure);
        }
    }

    /** A lane that was begun is waited for, whatever happens: it uses memory that the caller is about to free. */
    private static Throwable await(Future<?> lane) {
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    lane.get();
                    return null;
                } catch (InterruptedException e) {
                    interrupted = true;
                } catch (ExecutionException e) {
                    return e.getCause();
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    @Override
    public void close() {
        if (threads != null) {
            threads.close();
        }
    }
}
