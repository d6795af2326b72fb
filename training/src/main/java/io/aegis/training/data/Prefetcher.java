package io.aegis.training.data;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Consumer;

/**
 * Loads batches ahead of whoever consumes them, on platform threads (decoding is bound by the CPU). Batches arrive in the
 * order of their plans. At most {@code depth} are loaded or loading besides the one handed out.
 *
 * <p>One thread consumes; any may close. Plans are drawn on the consuming thread and while opening.
 *
 * @param <T> a batch
 */
public final class Prefetcher<T> implements Iterator<Prefetcher.Loaded<T>>, AutoCloseable {
    /**
     * A batch and the plan that it was made of.
     *
     * @param plan with the position that a checkpoint needs
     * @param value the batch; whoever takes it owns it
     */
    public record Loaded<T>(BatchPlan plan, T value) {}

    private record Slot<T>(BatchPlan plan, CompletableFuture<T> value) {}

    private final Iterator<BatchPlan> plans;
    private final Loader<T> loader;
    private final Consumer<? super T> discard;
    private final int depth;
    private final ExecutorService threads;
    private final Deque<Slot<T>> slots = new ArrayDeque<>();
    private final List<Thread> started = new CopyOnWriteArrayList<>();
    private boolean closed;

    /**
     * Starts to load.
     *
     * @param threads that load, at least 1
     * @param depth batches ahead, at least 1; fewer than threads leaves some idle
     * @param discard frees a batch that nobody takes, most often because of {@link #close}; throws nothing
     */
    public Prefetcher(
            Iterator<BatchPlan> plans, Loader<T> loader, int threads, int depth, Consumer<? super T> discard) {
        if (threads < 1 || depth < 1) {
            throw new DataException(
                    "loading on " + threads + " threads, " + depth + " batches ahead; expected at least one of each");
        }
        this.plans = plans;
        this.loader = loader;
        this.discard = discard;
        this.depth = depth;
        this.threads = Executors.newFixedThreadPool(Math.min(threads, depth), this::thread);
        try {
            refill();
        } catch (RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    private Thread thread(Runnable work) {
        Thread thread = Thread.ofPlatform()
                .daemon()
                .name("aegis-loader-" + started.size())
                .unstarted(work);
        started.add(thread);
        return thread;
    }

    @Override
    public synchronized boolean hasNext() {
        return !closed && !slots.isEmpty();
    }

    /**
     * The next batch, waiting for it when it is not ready.
     *
     * @throws DataException when loading it failed, with the paths of its pictures; the batch after it can still be taken
     * @throws IllegalStateException when this is closed, also while waiting
     */
    @Override
    public Loaded<T> next() {
        Slot<T> head = head();
        T value = null;
        Throwable failure = null;
        try {
            value = head.value().get();
        } catch (ExecutionException e) {
            failure = e.getCause();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while waiting for a batch", e);
        }
        synchronized (this) {
            requireOpen();
            slots.poll();
            try {
                refill();
            } catch (RuntimeException | Error e) {
                if (value != null) {
                    discard.accept(value);
                }
                throw e;
            }
        }
        if (failure != null) {
            throw failed(head.plan(), failure);
        }
        return new Loaded<>(head.plan(), value);
    }

    private synchronized Slot<T> head() {
        requireOpen();
        if (slots.isEmpty()) {
            throw new NoSuchElementException("no more batches");
        }
        return slots.peek();
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("loading was closed");
        }
    }

    private synchronized void refill() {
        while (slots.size() < depth && plans.hasNext()) {
            Slot<T> slot = new Slot<>(plans.next(), new CompletableFuture<>());
            slots.add(slot);
            threads.execute(() -> load(slot));
        }
    }

    private void load(Slot<T> slot) {
        try {
            T value = loader.load(slot.plan());
            if (!slot.value().complete(value)) {
                discard.accept(value);
            }
        } catch (Throwable e) {
            slot.value().completeExceptionally(e);
        }
    }

    private static RuntimeException failed(BatchPlan plan, Throwable failure) {
        return switch (failure) {
            // The error of a machine, such as memory that ran out, is not the data's.
            case Error e -> throw e;
            case DataException e -> new DataException(e.getMessage(), e);
            default ->
                new DataException(
                        "epoch " + plan.position().epoch() + ", step "
                                + plan.position().step() + ", first sample "
                                + plan.rows().getFirst().sample().describe() + ": "
                                + (failure.getMessage() == null
                                        ? failure.getClass().getSimpleName()
                                        : failure.getMessage()),
                        failure);
        };
    }

    /**
     * Stops: interrupts the loaders, waits until their threads have ended, and discards what nobody took. Closing again
     * does nothing.
     */
    @Override
    public void close() {
        synchronized (this) {
            if (!closed) {
                closed = true;
                threads.shutdownNow();
                for (Slot<T> slot : slots) {
                    // A load in progress finds its place taken and discards what it made.
                    if (!slot.value().completeExceptionally(new IllegalStateException("closed"))
                            && !slot.value().isCompletedExceptionally()) {
                        discard.accept(slot.value().join());
                    }
                }
                slots.clear();
            }
        }
        boolean interrupted = false;
        for (Thread thread : started) {
            while (thread.isAlive()) {
                try {
                    thread.join();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
