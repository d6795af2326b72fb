package io.aegis.training.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The timeout only ends what would hang; nothing is measured. */
@Timeout(60)
class PrefetcherTest {
    private final Set<Thread> loaders = ConcurrentHashMap.newKeySet();
    private final Set<Long> discarded = ConcurrentHashMap.newKeySet();

    @ParameterizedTest
    @CsvSource({"1,1", "1,4", "3,2", "4,8"})
    void keepsTheOrder(int threads, int depth) {
        try (Prefetcher<Long> batches = open(plans(60), threads, depth, plan -> {
            for (int spin = ThreadLocalRandom.current().nextInt(2000); spin > 0; spin--) {
                Thread.onSpinWait();
            }
            return plan.position().step();
        })) {
            List<Long> steps = new ArrayList<>();
            while (batches.hasNext()) {
                Prefetcher.Loaded<Long> loaded = batches.next();
                assertThat(loaded.plan().position().step()).isEqualTo(loaded.value());
                steps.add(loaded.value());
            }
            assertThat(steps)
                    .containsExactlyElementsOf(LongStream.range(0, 60).boxed().toList());
            assertThatThrownBy(batches::next)
                    .isInstanceOf(NoSuchElementException.class)
                    .hasMessage("no more batches");
        }
        assertThat(discarded).isEmpty();
        assertThat(loaders).hasSizeBetween(1, Math.min(threads, depth)).noneMatch(Thread::isAlive);
    }

    @Test
    void loadsAheadButNotBeyondTheDepth() throws InterruptedException {
        Semaphore loaded = new Semaphore(0);
        AtomicInteger count = new AtomicInteger();
        try (Prefetcher<Long> batches = open(plans(20), 2, 3, plan -> {
            count.incrementAndGet();
            loaded.release();
            return plan.position().step();
        })) {
            loaded.acquire(3);
            assertThat(count).hasValue(3);
            for (int taken = 1; taken <= 5; taken++) {
                batches.next();
                loaded.acquire();
                assertThat(count).hasValue(3 + taken);
            }
        }
    }

    @Test
    void loadsOnSeveralThreadsAtOnce() {
        CountDownLatch together = new CountDownLatch(3);
        try (Prefetcher<Long> batches = open(plans(3), 3, 3, plan -> {
            together.countDown();
            together.await();
            return plan.position().step();
        })) {
            assertThat(batches.next().value()).isZero();
        }
        assertThat(loaders).hasSize(3).allMatch(t -> t.isDaemon() && t.getName().startsWith("aegis-loader-"));
    }

    @Test
    void failuresArriveInTheirPlaceWithThePictures() {
        IOException failure = new IOException("ends too early");
        try (Prefetcher<Long> batches = open(plans(3), 2, 2, plan -> {
            if (plan.position().step() == 1) {
                plan.read(_ -> {
                    throw failure;
                });
            }
            return plan.position().step();
        })) {
            assertThat(batches.next().value()).isZero();
            assertThatThrownBy(batches::next)
                    .isInstanceOf(DataException.class)
                    .hasMessage(Samples.domain("a", 2, 0).get(1).describe() + ": ends too early")
                    .hasRootCause(failure);
            assertThat(batches.next().value()).isEqualTo(2);
            assertThat(batches.hasNext()).isFalse();
        }
    }

    @Test
    void failuresBesideTheSamplesNameTheBatch() {
        try (Prefetcher<Long> batches = open(plans(2), 1, 1, _ -> {
            throw new IllegalStateException();
        })) {
            assertThatThrownBy(batches::next)
                    .isInstanceOf(DataException.class)
                    .hasMessage("epoch 0, step 0, first sample "
                            + Samples.domain("a", 1, 0).getFirst().describe() + ": IllegalStateException");
        }
    }

    @Test
    void errorsOfTheMachineStayWhatTheyAre() {
        OutOfMemoryError error = new OutOfMemoryError("Java heap space");
        try (Prefetcher<Long> batches = open(plans(1), 1, 1, _ -> {
            throw error;
        })) {
            assertThatThrownBy(batches::next).isSameAs(error);
        }
    }

    @Test
    void closingInterruptsLoadersAndFreesWhatNobodyTook() throws InterruptedException {
        CountDownLatch stuck = new CountDownLatch(1);
        Prefetcher<Long> batches = open(plans(9), 2, 4, plan -> {
            if (plan.position().step() == 2) {
                stuck.countDown();
                Thread.sleep(Long.MAX_VALUE);
            }
            return plan.position().step();
        });
        assertThat(batches.next().value()).isZero();
        stuck.await();
        batches.close();
        assertThat(loaders).noneMatch(Thread::isAlive);
        assertThat(discarded).doesNotContain(0L, 2L).isSubsetOf(1L, 3L, 4L, 5L).contains(1L);
        assertThat(batches.hasNext()).isFalse();
        assertThatThrownBy(batches::next)
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("loading was closed");
        batches.close();
    }

    /** A loader that is past its last interruptible point still finishes; what it made is freed. */
    @Test
    void closingWaitsForLoadersAndFreesWhatTheyMake() throws InterruptedException {
        CountDownLatch loading = new CountDownLatch(1);
        Prefetcher<Long> batches = open(plans(1), 1, 1, plan -> {
            loading.countDown();
            while (!Thread.interrupted()) {
                Thread.onSpinWait();
            }
            return plan.position().step();
        });
        loading.await();
        batches.close();
        assertThat(discarded).containsExactly(0L);
        assertThat(loaders).hasSize(1).noneMatch(Thread::isAlive);
    }

    @Test
    void closingWakesWhoeverWaits() throws Exception {
        CountDownLatch loading = new CountDownLatch(1);
        Prefetcher<Long> batches = open(plans(1), 1, 1, _ -> {
            loading.countDown();
            Thread.sleep(Long.MAX_VALUE);
            return 0L;
        });
        FutureTask<Prefetcher.Loaded<Long>> waiting = new FutureTask<>(batches::next);
        Thread consumer = Thread.ofPlatform().start(waiting);
        loading.await();
        batches.close();
        assertThatThrownBy(waiting::get).rootCause().isInstanceOf(IllegalStateException.class);
        consumer.join();
    }

    @Test
    void interruptedConsumersKeepTheirInterrupt() {
        try (Prefetcher<Long> batches = open(plans(1), 1, 1, _ -> {
            Thread.sleep(Long.MAX_VALUE);
            return 0L;
        })) {
            Thread.currentThread().interrupt();
            assertThatThrownBy(batches::next)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage("interrupted while waiting for a batch");
            assertThat(Thread.currentThread().isInterrupted()).isTrue();
        }
        assertThat(Thread.interrupted()).isTrue();
        assertThat(loaders).noneMatch(Thread::isAlive);
    }

    @Test
    void plansThatFailLeaveNothingBehind() {
        Iterator<BatchPlan> good = plans(3);
        Iterator<BatchPlan> plans = new Iterator<>() {
            private int drawn;

            @Override
            public boolean hasNext() {
                return true;
            }

            @Override
            public BatchPlan next() {
                if (drawn++ == 2) {
                    throw new DataException("no such step");
                }
                return good.next();
            }
        };
        try (Prefetcher<Long> batches =
                open(plans, 1, 2, plan -> plan.position().step())) {
            assertThatThrownBy(batches::next).hasMessage("no such step");
            assertThat(discarded).contains(0L);
        }
        assertThat(discarded).isSubsetOf(0L, 1L);
        assertThat(loaders).noneMatch(Thread::isAlive);
    }

    @Test
    void wrongNumbers() {
        assertThatThrownBy(() -> open(plans(1), 0, 2, _ -> 0L))
                .isInstanceOf(DataException.class)
                .hasMessage("loading on 0 threads, 2 batches ahead; expected at least one of each");
    }

    private Prefetcher<Long> open(Iterator<BatchPlan> plans, int threads, int depth, Loader<Long> loader) {
        return new Prefetcher<>(
                plans,
                plan -> {
                    loaders.add(Thread.currentThread());
                    return loader.load(plan);
                },
                threads,
                depth,
                discarded::add);
    }

    /** Batches of one sample each. */
    private static Iterator<BatchPlan> plans(int count) {
        return new BatchSampler(Samples.split(Samples.domain("a", count, 0)), BatchSampler.Options.evaluation(1), 0)
                .batches(Position.START, 1);
    }
}
