package io.aegis.models.faceshield;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class LeasesTest {
    private final AtomicInteger freed = new AtomicInteger();
    private final Leases leases = new Leases("closed", freed::incrementAndGet);

    @Test
    void closingWaitsForThoseInside() throws Exception {
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        AtomicInteger freedWhileInside = new AtomicInteger(-1);
        Thread user = Thread.ofVirtual()
                .start(() -> leases.during(() -> {
                    inside.countDown();
                    await(go);
                    freedWhileInside.set(freed.get());
                    return null;
                }));
        inside.await();
        Thread closer = Thread.ofVirtual().start(leases::close);
        while (!leases.isClosed()) {
            Thread.onSpinWait();
        }
        assertThatThrownBy(() -> leases.during(() -> null))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("closed");
        go.countDown();
        user.join();
        closer.join();
        assertThat(freedWhileInside).hasValue(0);
        assertThat(freed).hasValue(1);
        leases.close();
        assertThat(freed).hasValue(1);
    }

    @Test
    void whoClosesFromInsideDoesNotWaitForItself() {
        leases.during(() -> {
            leases.close();
            assertThat(leases.isClosed()).isTrue();
            assertThat(freed).hasValue(0);
            return null;
        });
        assertThat(freed).hasValue(1);
    }

    @Test
    void whatFailsInsideLeavesNoLease() {
        assertThatThrownBy(() -> leases.during(() -> {
                    throw new IllegalArgumentException("no");
                }))
                .hasMessage("no");
        leases.close();
        assertThat(freed).hasValue(1);
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
