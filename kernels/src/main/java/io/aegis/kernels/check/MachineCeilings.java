package io.aegis.kernels.check;

import io.aegis.kernels.Backends;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CyclicBarrier;
import java.util.function.IntConsumer;

/** What the processor and its memory give at most, to hold figures against; each is the best of several tries. */
public final class MachineCeilings {
    private static final int TRIES = 7;
    private static final int WARM_CALLS = 12;

    /** One of the sums of a read, so that the compiler cannot leave them out. */
    private static volatile long sink;

    private MachineCeilings() {}

    /**
     * Float32 operations a second on registers alone, a multiply-add being two.
     *
     * @param threads at once
     * @return NaN when Java was started without the Vector API, which alone reaches it
     */
    public static double multiplyAdds(int threads) {
        if (Backends.fallbackReason() != null) {
            return Double.NaN;
        }
        int calls = 8;
        double seconds = best(threads, t -> {
            for (int i = 0; i < calls; i++) {
                FmaPeak.turns();
            }
        });
        return FmaPeak.operations() * calls * threads / seconds;
    }

    /**
     * Bytes a second of memory that is read once, front to back, a part a thread.
     *
     * @param bytes of fresh memory that is read; no cache should hold it, so a gigabyte for a figure that counts
     * @param threads at once
     */
    public static double reading(long bytes, int threads) {
        long part = bytes / threads / BLOCK * BLOCK;
        if (part == 0) {
            throw new IllegalArgumentException(bytes + " bytes are not " + BLOCK + " for each of " + threads);
        }
        try (Arena arena = Arena.ofShared()) {
            MemorySegment memory = arena.allocate(part * threads, 64);
            for (long at = 0; at < memory.byteSize(); at += 8) {
                memory.set(ValueLayout.JAVA_LONG, at, at * 0x9e3779b97f4a7c15L);
            }
            double seconds = best(threads, t -> {
                long sum = 0;
                for (long at = t * part; at < (t + 1) * part; at += BLOCK) {
                    sum += read(memory, at);
                }
                sink = sum;
            });
            return (double) part * threads / seconds;
        }
    }

    private static final int BLOCK = 1 << 16;

    /** Four sums over a block, and the compiler makes vectors of them. */
    private static long read(MemorySegment m, long from) {
        long a = 0;
        long b = 0;
        long c = 0;
        long d = 0;
        for (int i = 0; i < BLOCK; i += 32) {
            a += m.get(ValueLayout.JAVA_LONG, from + i);
            b += m.get(ValueLayout.JAVA_LONG, from + i + 8);
            c += m.get(ValueLayout.JAVA_LONG, from + i + 16);
            d += m.get(ValueLayout.JAVA_LONG, from + i + 24);
        }
        return a + b + c + d;
    }

    /** The least seconds that all threads took together for their parts, once compiled. */
    private static double best(int threads, IntConsumer work) {
        long[] began = new long[1];
        double[] least = {Double.POSITIVE_INFINITY};
        CyclicBarrier start = new CyclicBarrier(threads, () -> began[0] = System.nanoTime());
        CyclicBarrier end =
                new CyclicBarrier(threads, () -> least[0] = Math.min(least[0], (System.nanoTime() - began[0]) / 1e9));
        IntConsumer tries = t -> {
            for (int i = 0; i < WARM_CALLS / threads; i++) {
                work.accept(t);
            }
            for (int i = 0; i < TRIES; i++) {
                await(start);
                work.accept(t);
                await(end);
            }
        };
        Thread[] others = new Thread[threads - 1];
        for (int i = 0; i < others.length; i++) {
            int t = i + 1;
            others[i] = Thread.ofPlatform().daemon().start(() -> tries.accept(t));
        }
        tries.accept(0);
        return least[0];
    }

    private static void await(CyclicBarrier barrier) {
        try {
            barrier.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while a ceiling was measured", e);
        } catch (BrokenBarrierException e) {
            throw new IllegalStateException("another thread of a measurement ended early", e);
        }
    }
}
