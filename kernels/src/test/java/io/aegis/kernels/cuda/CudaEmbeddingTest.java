package io.aegis.kernels.cuda;

import static io.aegis.kernels.cuda.CudaTwin.compare;
import static io.aegis.kernels.cuda.CudaTwin.garbage;
import static io.aegis.kernels.cuda.CudaTwin.random;
import static io.aegis.kernels.cuda.CudaTwin.to;
import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.DType;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class CudaEmbeddingTest {
    @ParameterizedTest
    @EnumSource(
            value = DType.class,
            names = {"F32", "BF16", "F16"})
    void rows(DType dtype) {
        View ids = TestViews.indices(4, 0, 4, 2, 1);
        for (int width : new int[] {1, 3, 4, 64, 65, 300}) {
            View table = TestViews.random(1, dtype, 5, width);
            compare(dtype + " " + width, to(garbage(5, width)), (k, d) -> k.embedding()
                    .lookup(table, ids, d[0]));
            View part = TestViews.random(1, dtype, 5, width + 4).slice(1, 4, width + 4);
            compare(dtype + " columns " + width, to(garbage(5, width)), (k, d) -> k.embedding()
                    .lookup(part, ids, d[0]));
        }
        View turned = TestViews.strided(1, dtype, 5, 24);
        compare(dtype + " turned", to(TestViews.strided(2, DType.F32, 5, 24)), (k, d) -> k.embedding()
                .lookup(turned, ids, d[0]));
        compare(dtype + " none", to(garbage(0, 24)), (k, d) -> k.embedding().lookup(turned, ids.slice(0, 0, 0), d[0]));
        compare(dtype + " one", to(garbage(1, 24)), (k, d) -> k.embedding().lookup(turned, ids.slice(0, 3, 4), d[0]));
    }

    @Test
    void aRowThatIsNotThereIsNotANumber() {
        for (int width : new int[] {3, 8}) {
            View y = random(1, 2, width);
            CudaTwin.kernels(Precision.F32)
                    .embedding()
                    .lookup(TestViews.random(2, DType.BF16, 3, width), TestViews.indices(-1, 3), y);
            assertThat(y.toDoubles()).containsOnly(Double.NaN);
        }
    }
}
