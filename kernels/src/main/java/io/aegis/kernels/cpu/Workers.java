package io.aegis.kernels.cpu;

import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.IntConsumer;

/**
 * The one pool of threads that computes. A job is cut into tasks whose number and borders do not depend on who runs them,
 * so that results do not depend on timing; threads, the caller among them, take the next task as they become free. A
 * caller that finds the pool at work for somebody else does its job alone: nothing waits, nothing is oversubscribed.
 *
 * <p>The system property {@code aegis.threads} sets the number of threads; by default it is what the container allows.
 */
final class Workers {
    private static final System.Logger LOG = System.getLogger(Workers.class.getName());
    private static final String PROPERTY = "aegis.threads";
    /** More threads than this and than processors are a slip of the pen. */
    private static final int MOST_THREADS = 256;

    private static final Workers INSTANCE = new Workers(wanted());
    /** Turns of waiting for another thread's last task, before it is left the processor. */
    private static final int SPINS = 2000;
    /**
     * Turns in which a thread looks for the next job before it sleeps, some 0.3 ms. Between the jobs of a token the caller has work
     * of its own for a tenth of that; waking a thread takes as long, and one that is late leaves half of a short job to the other.
     */
    private static final int PATIENCE = 20_000;
    /** Parts of a job that is cut by its size: more than a machine has processors, so that a late one costs little. */
    private static final int MOST = 64;

    private static final ThreadLocal<Boolean> ALONE = new ThreadLocal<>();

    private final int threads;
    private final Thread[] helpers;
    private final AtomicBoolean busy = new AtomicBoolean();
    private volatile Job job;
    private final AtomicInteger asleep = new AtomicInteger();

    private Workers(int wanted) {
        List<Thread> started = new ArrayList<>();
        try {
            while (started.size() < wanted - 1) {
                started.add(Thread.ofPlatform()
                        .daemon()
                        .name("aegis-worker-" + (started.size() + 1))
                        .start(this::help));
            }
        } catch (OutOfMemoryError e) {
            LOG.log(
                    Level.WARNING,
                    "the system allows " + (started.size() + 1) + " of " + wanted + " threads (" + e.getMessage()
                            + "); computing with those");
        }
        helpers = started.toArray(Thread[]::new);
        threads = helpers.length + 1;
    }

    /** Number of threads, the caller included. */
    static int count() {
        return INSTANCE.threads;
    }

    /** Runs tasks 0 to {@code tasks - 1}, each once, and returns when all are done; the first failure is rethrown. */
    static void run(int tasks, IntConsumer task) {
        INSTANCE.execute(tasks, task);
    }

    /** Runs work that keeps its jobs to the calling thread. */
    static void alone(Runnable work) {
        Boolean before = ALONE.get();
        ALONE.set(Boolean.TRUE);
        try {
            work.run();
        } finally {
            ALONE.set(before);
        }
    }

    /** Cuts 0..n into at most {@code tasks} ranges of about the same size, each a multiple of {@code unit} but the last. */
    static void ranges(long n, int tasks, long unit, Range body) {
        long units = (n + unit - 1) / unit;
        int parts = (int) Math.max(1, Math.min(tasks, units));
        run(parts, i -> body.run(units * i / parts * unit, Math.min(n, units * (i + 1) / parts * unit)));
    }

    /** As {@link #ranges}, with no range much smaller than {@code grain}. */
    static void grains(long n, long grain, Range body) {
        grains(n, grain, 1, body);
    }

    /** As {@link #grains(long, long, Range)}, each range a multiple of {@code unit} but the last. */
    static void grains(long n, long grain, long unit, Range body) {
        ranges(n, Math.clamp(n / Math.max(1, grain), 1, MOST), unit, body);
    }

    /** Work on {@code from} (inclusive) to {@code to} (exclusive). */
    @FunctionalInterface
    interface Range {
        void run(long from, long to);
    }

    private static int wanted() {
        return wanted(
                System.getProperty(PROPERTY),
                Runtime.getRuntime().availableProcessors(),
                line -> LOG.log(Level.WARNING, line));
    }

    /** The number of threads that a setting asks for; one that cannot be meant costs a line, and what is nearest is taken. */
    static int wanted(String given, int processors, Consumer<String> warn) {
        if (given == null) {
            return processors;
        }
        int most = Math.max(processors, MOST_THREADS);
        int wanted;
        try {
            wanted = Math.clamp(Long.parseLong(given.strip()), 1, most);
            if (wanted == Long.parseLong(given.strip())) {
                return wanted;
            }
        } catch (NumberFormatException e) {
            wanted = processors;
        }
        warn.accept(PROPERTY + "=" + given + ": expected a whole number from 1 to " + most + "; taking " + wanted);
        return wanted;
    }

    private void execute(int tasks, IntConsumer task) {
        if (tasks <= 1 || helpers.length == 0 || ALONE.get() != null || !busy.compareAndSet(false, true)) {
            for (int i = 0; i < tasks; i++) {
                task.accept(i);
            }
            return;
        }
        try {
            Job own = new Job(tasks, task);
            job = own;
            if (asleep.get() > 0) {
                for (Thread helper : helpers) {
                    LockSupport.unpark(helper);
                }
            }
            own.work();
            own.await();
        } finally {
            job = null;
            busy.set(false);
        }
    }

    private void help() {
        Job done = null;
        while (true) {
            Job next = job;
            for (int i = 0; (next == null || next == done) && i < PATIENCE; i++) {
                Thread.onSpinWait();
                next = job;
            }
            if (next == null || next == done) {
                sleep(done);
            } else {
                next.work();
                done = next;
            }
        }
    }

    /** Parks, unless a job has come meanwhile: whoever brings one looks at {@code asleep} after it has set the job. */
    private void sleep(Job done) {
        asleep.incrementAndGet();
        try {
            Job next = job;
            if (next == null || next == done) {
                LockSupport.park(this);
            }
        } finally {
            asleep.decrementAndGet();
        }
    }

    private static final class Job {
        private final int tasks;
        private final IntConsumer task;
        private final AtomicInteger next = new AtomicInteger();
        private final AtomicInteger finished = new AtomicInteger();
        private volatile Throwable failure;

        Job(int tasks, IntConsumer task) {
            this.tasks = tasks;
            this.task = task;
        }

        void work() {
            for (int i = next.getAndIncrement(); i < tasks; i = next.getAndIncrement()) {
                try {
                    if (failure == null) {
                        task.accept(i);
                    }
                } catch (Throwable t) {
                    failure = t;
                } finally {
                    finished.incrementAndGet();
                }
            }
        }

        /** Waits for the tasks that others still run; they are short, and about to end. */
        void await() {
            for (int spins = 0; finished.get() < tasks; spins++) {
                if (spins < SPINS) {
                    Thread.onSpinWait();
                } else {
                    Thread.yield();
                }
            }
            switch (failure) {
                case null -> {}
                case RuntimeException e -> throw e;
                case Error e -> throw e;
                case Throwable t -> throw new IllegalStateException(t);
            }
        }
    }
}
