package io.aegis.kernels.cuda;

import static io.aegis.kernels.cuda.CudaTwin.garbage;
import static io.aegis.kernels.cuda.CudaTwin.random;
import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.Activation;
import io.aegis.kernels.DType;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import org.junit.jupiter.api.Test;

/** What the toolkit's library takes as it is, what it adds by itself, and what it needs a pass for. */
class BehindTest {
    private static final Cuda CUDA = CudaTwin.kernels(Precision.BF16).cuda();

    private static Product product(View c, Epilogue e) {
        View a = random(1, c.size(0), 16);
        View b = random(2, 16, c.size(1));
        return Product.of(CUDA, a, b, c, e, Batches.of(a, b, c));
    }

    private static Behind of(View c, Epilogue e) {
        return Behind.of(product(c, e), DType.BF16);
    }

    @Test
    void nothing() {
        assertThat(of(garbage(9, 8), Epilogue.NONE)).isEqualTo(Behind.NOTHING);
        assertThat(of(TestViews.garbage(DType.BF16, 9, 8), Epilogue.NONE)).isEqualTo(Behind.NOTHING);
        assertThat(of(TestViews.garbage(DType.F16, 9, 8), Epilogue.NONE))
                .as("neither float32 nor the operands' type")
                .isEqualTo(Behind.PASS);
        assertThat(of(garbage(8, 9).transpose(0, 1), Epilogue.NONE))
                .as("columns apart")
                .isEqualTo(Behind.PASS);
    }

    @Test
    void sums() {
        View residual = random(3, 9, 8);
        assertThat(of(garbage(9, 8), Epilogue.ACCUMULATE)).isEqualTo(Behind.SUM);
        assertThat(of(TestViews.random(4, DType.BF16, 9, 8), Epilogue.ACCUMULATE))
                .isEqualTo(Behind.PASS);
        assertThat(of(garbage(9, 8), Epilogue.plus(null, residual))).isEqualTo(Behind.SUM);
        assertThat(of(garbage(9, 8), Epilogue.plus(random(5, 8), residual))).isEqualTo(Behind.PASS);
        assertThat(of(garbage(9, 8), Epilogue.plus(null, TestViews.random(3, DType.BF16, 9, 8))))
                .isEqualTo(Behind.PASS);
        assertThat(of(garbage(9, 8), Epilogue.gate(residual))).isEqualTo(Behind.PASS);
    }

    @Test
    void passes() {
        assertThat(of(garbage(9, 8), Epilogue.bias(random(5, 8)))).isEqualTo(Behind.PASS);
        assertThat(of(garbage(9, 8), new Epilogue(null, Activation.GELU, false)))
                .isEqualTo(Behind.PASS);
    }

    @Test
    void smallOnesAndBatchesAreOurs() {
        Product small = product(garbage(9, 8), Epilogue.NONE);
        Product large = new Product(
                1024,
                1024,
                1024,
                small.a(),
                small.b(),
                small.c(),
                0,
                0,
                Epilogue.NONE,
                new Batches(1, 1, new long[3], new long[3]));
        Product many = new Product(
                1024,
                1024,
                1024,
                small.a(),
                small.b(),
                small.c(),
                0,
                0,
                Epilogue.NONE,
                new Batches(2, 1, new long[3], new long[3]));
        LibraryShare table = LibraryShare.table();
        for (Behind behind : Behind.values()) {
            assertThat(table.has(behind, small)).isFalse();
            assertThat(table.has(behind, large)).isTrue();
            assertThat(table.has(behind, many)).isFalse();
            assertThat(LibraryShare.everything().has(behind, small)).isTrue();
            assertThat(LibraryShare.everything().has(behind, many)).isFalse();
        }
    }
}
