package io.aegis.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;

class WorkersTest {
    @Test
    void everyTaskRunsOnce() {
        for (int round = 0; round < 2000; round++) {
            AtomicIntegerArray ran = new AtomicIntegerArray(round % 17);
            Workers.run(round % 17, ran::incrementAndGet);
            for (int i = 0; i < ran.length(); i++) {
                assertThat(ran.get(i)).isEqualTo(1);
            }
        }
    }

    @Test
    void aSettingThatCannotBeMeantCostsALine() {
        List<String> said = new ArrayList<>();
        assertThat(Workers.wanted(null, 6, said::add)).isEqualTo(6);
        assertThat(Workers.wanted(" 3 ", 6, said::add)).isEqualTo(3);
        assertThat(Workers.wanted("300", 400, said::add)).isEqualTo(300);
        assertThat(said).isEmpty();
        assertThat(Workers.wanted("0", 6, said::add)).isEqualTo(1);
        assertThat(Workers.wanted("-9", 6, said::add)).isEqualTo(1);
        assertThat(Workers.wanted("abc", 6, said::add)).isEqualTo(6);
        assertThat(Workers.wanted("", 6, said::add)).isEqualTo(6);
        assertThat(Workers.wanted("100000", 6, said::add)).isEqualTo(256);
        assertThat(said).hasSize(5).allMatch(l -> l.contains("expected a whole number from 1 to 256"));
    }

    @Test
    void rangesCoverEverythingInWholeUnits() {
        for (long n : new long[] {0, 1, 15, 16, 17, 100, 1000}) {
            List<long[]> parts = Collections.synchronizedList(new ArrayList<>());
            Workers.ranges(n, 4, 16, (from, to) -> parts.add(new long[] {from, to}));
            parts.sort((a, b) -> Long.compare(a[0], b[0]));
            long at = 0;
            for (long[] p : parts) {
                assertThat(p[0]).isEqualTo(at);
                assertThat(p[0] % 16).isZero();
                at = p[1];
            }
            assertThat(at).isEqualTo(n);
        }
    }

    @Test
    void nestedWorkIsDoneByWhoeverAsks() {
        AtomicIntegerArray ran = new AtomicIntegerArray(64);
        Workers.run(8, i -> Workers.run(8, j -> ran.incrementAndGet(8 * i + j)));
        for (int i = 0; i < 64; i++) {
            assertThat(ran.get(i)).isEqualTo(1);
        }
    }

    @Test
    void whoWorksAloneKeepsItsTasks() {
        List<Thread> by = Collections.synchronizedList(new ArrayList<>());
        Workers.alone(() -> {
            Workers.alone(() -> {});
            Workers.run(64, _ -> by.add(Thread.currentThread()));
        });
        assertThat(by).hasSize(64).containsOnly(Thread.currentThread());
    }

    @Test
    void aFailureReachesTheCallerAndThePoolLivesOn() {
        assertThatThrownBy(() -> Workers.run(8, i -> {
                    if (i == 5) {
                        throw new IllegalStateException("task five");
                    }
                }))
                .hasMessage("task five");
        everyTaskRunsOnce();
    }

    @Test
    void severalCallersAtOnce() throws InterruptedException {
        List<Thread> threads = new ArrayList<>();
        AtomicIntegerArray ran = new AtomicIntegerArray(4);
        for (int t = 0; t < 4; t++) {
            int caller = t;
            threads.add(Thread.ofPlatform().start(() -> {
                for (int round = 0; round < 500; round++) {
                    Workers.run(5, i -> ran.incrementAndGet(caller));
                }
            }));
        }
        for (Thread t : threads) {
            t.join();
        }
        for (int i = 0; i < 4; i++) {
            assertThat(ran.get(i)).isEqualTo(2500);
        }
    }
}
