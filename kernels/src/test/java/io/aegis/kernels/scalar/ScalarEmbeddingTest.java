package io.aegis.kernels.scalar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.kernels.*;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ScalarEmbeddingTest {
    private final Embedding embedding = Backends.scalar().embedding();

    @ParameterizedTest
    @EnumSource(names = {"F64", "F32", "F16", "BF16"})
    void takesRowsAndWidensThem(DType dtype) {
        View table = TestViews.of(dtype, new long[] {3, 2}, 1, 2, 3, 4, 0.5, -6);
        View y = TestViews.garbage(DType.F32, 4, 2);
        embedding.lookup(table, TestViews.indices(2, 0, 2, 1), y);
        assertThat(y.toDoubles()).containsExactly(0.5, -6, 1, 2, 0.5, -6, 3, 4);
        assertThatThrownBy(() -> embedding.lookup(table, TestViews.indices(3), y))
                .isInstanceOf(IndexOutOfBoundsException.class);
    }
}
