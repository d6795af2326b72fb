package io.aegis.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.kernels.DType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(NoLeaks.class)
class PoolTest {
    @Test
    void moreThanThereIsIsRefusedBeforeItIsTouched() {
        try (Scope scope = Scope.open()) {
            assertThatThrownBy(() -> Tensor.empty(DType.F32, 1L << 20, 1L << 24))
                    .isInstanceOf(OutOfMemoryError.class)
                    .hasMessageContaining("no memory for a tensor of 70368744177664 bytes")
                    .hasMessageContaining("this machine or container has");
            Tensor small = Tensor.zeros(DType.F32, 10);
            assertThat(small.toDoubles()).containsOnly(0);
        }
    }

    @Test
    void whatIsFreedServesTheNextRequestOfItsSize() {
        Pool.host().trim();
        try (Scope scope = Scope.open()) {
            Tensor.empty(DType.F32, 1000);
        }
        assertThat(Pool.host().cachedBytes()).isGreaterThanOrEqualTo(4000);
        long cached = Pool.host().cachedBytes();
        try (Scope scope = Scope.open()) {
            Tensor.empty(DType.F32, 1000);
            assertThat(Pool.host().cachedBytes()).isLessThan(cached);
        }
        assertThat(Pool.host().cachedBytes()).isEqualTo(cached);
    }

    @Test
    void unusedBlocksGoRatherThanExceedABound() {
        Pool.host().trim();
        long live = Pool.host().liveBytes();
        long before = Pool.host().bound(live + 10_000);
        try {
            for (int n = 1000; n <= 2000; n += 500) { // of three sizes that do not serve each other
                try (Scope scope = Scope.open()) {
                    Tensor.empty(DType.F32, n);
                }
                assertThat(Pool.host().cachedBytes()).isBetween(4L * n, 10_000L);
            }
            try (Scope scope = Scope.open()) { // what is in use may be more
                Tensor.empty(DType.F32, 5000);
                assertThat(Pool.host().liveBytes()).isGreaterThan(live + 10_000);
                assertThat(Pool.host().cachedBytes()).isZero();
            }
        } finally {
            assertThat(Pool.host().bound(before)).isEqualTo(live + 10_000);
        }
    }

    @Test
    void aScopeMayGiveATensorBackEarly() {
        try (Scope scope = Scope.open()) {
            Tensor outer = Tensor.zeros(DType.F32, 1000);
            Tensor early = Tensor.zeros(DType.F32, 1000);
            long live = Pool.host().liveBlocks();
            scope.release(early);
            assertThat(Pool.host().liveBlocks()).isEqualTo(live - 1);
            assertThatThrownBy(early::view).hasMessageContaining("used after its scope closed");
            try (Scope inner = Scope.open()) {
                inner.release(outer);
            }
            assertThat(outer.toDoubles()).containsOnly(0);
        }
    }

    @Test
    void aTapeKeepsWhatItNeedsOfAReleasedTensor() {
        try (Scope scope = Scope.open();
                Tape tape = Tape.record()) {
            Tensor x = Tensor.wrap(Tensor.of(DType.F32, new double[] {3}, 1).view(), true);
            Tensor square = x.times(x);
            Tensor y = Ops.total(square.times(square));
            scope.release(square);
            try (Gradients g = tape.gradients(y, java.util.List.of(x))) {
                assertThat(g.of(x).item()).isEqualTo(4 * 27);
            }
        }
    }

    @Test
    void memoryThatCannotFitIsRefusedBeforeItIsTouched() {
        Pool.host().requireRoom("the weights", 1 << 20);
        assertThatThrownBy(() -> Pool.host().requireRoom("the weights", 1L << 50))
                .isInstanceOf(OutOfMemoryError.class)
                .hasMessageStartingWith("the weights need 1073741824 MB; this machine or container has ");
    }

    @Test
    void whatIsUnusedStaysForReuseWhereNobodyBoundIt() {
        Pool pool = Pool.host();
        assertThat(pool.bound(Pool.capacity())).isEqualTo(Pool.capacity());
        pool.release(pool.acquire(1 << 20));
        long cached = pool.cachedBytes();
        pool.release(pool.acquire(3 << 20));
        assertThat(pool.cachedBytes()).isGreaterThanOrEqualTo(cached);
    }
}
