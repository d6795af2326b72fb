package io.aegis.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class LanesTest {
    /** Each waits for the others: only lanes that run side by side come to an end. */
    @Test
    void lanesRunSideBySide() {
        try (Lanes lanes = new Lanes(3)) {
            CountDownLatch all = new CountDownLatch(3);
            AtomicInteger sum = new AtomicInteger();
            lanes.run(lane -> {
                all.countDown();
                try {
                    all.await();
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
                sum.addAndGet(1 << lane);
            });
            assertThat(sum).hasValue(7);
        }
    }

    @Test
    void oneLaneIsTheCaller() {
        try (Lanes lanes = new Lanes(1)) {
            Thread[] by = new Thread[1];
            lanes.run(lane -> by[lane] = Thread.currentThread());
            assertThat(by).containsExactly(Thread.currentThread());
        }
    }

    @Test
    void theFirstFailureIsRethrownWhenAllHaveEnded() {
        try (Lanes lanes = new Lanes(3)) {
            AtomicInteger ended = new AtomicInteger();
            assertThatThrownBy(() -> lanes.run(lane -> {
                        ended.incrementAndGet();
                        if (lane > 0) {
                            throw new IllegalStateException("lane " + lane);
                        }
                    }))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage("lane 1");
            assertThat(ended).hasValue(3);
        }
    }
}
