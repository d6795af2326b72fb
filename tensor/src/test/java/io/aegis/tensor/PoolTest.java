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
}
