package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.Twin.garbage;
import static io.aegis.kernels.cpu.Twin.to;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aegis.kernels.DType;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class CpuEmbeddingTest {
    @ParameterizedTest
    @EnumSource(names = {"F64", "F32", "F16", "BF16"})
    void everyTable(DType type) {
        View ids = TestViews.indices(4, 0, 4, 2);
        for (int d : new int[] {1, 13, 64, 129, 4099}) {
            View table = TestViews.random(1, type, 5, d);
            View strided = TestViews.strided(1, type, 5, d);
            Twin.compare("rows", to(garbage(4, d)), (k, y) -> k.embedding().lookup(table, ids, y[0]));
            Twin.compare("strided", to(garbage(4, d)), (k, y) -> k.embedding().lookup(strided, ids, y[0]));
            Twin.compare("none", to(garbage(0, d)), (k, y) -> k.embedding().lookup(table, TestViews.indices(), y[0]));
        }
        View table = TestViews.random(1, type, 5, 3);
        assertThatThrownBy(() -> Twin.fast().embedding().lookup(table, TestViews.indices(5), garbage(1, 3)))
                .isInstanceOf(IndexOutOfBoundsException.class);
    }
}
