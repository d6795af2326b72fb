package io.aegis.kernels.cuda;

import static io.aegis.kernels.cuda.CudaTwin.EXACT;
import static io.aegis.kernels.cuda.CudaTwin.garbage;
import static io.aegis.kernels.cuda.CudaTwin.random;
import static io.aegis.kernels.cuda.CudaTwin.to;
import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.Activation;
import io.aegis.kernels.DType;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The kernel of compute capability 9.0, run by the emulator: copies, barriers and products of warpgroups as hopper.cuh has them. */
class HopperGemmTest {
    private static final Cuda CUDA = cuda();

    private static Cuda cuda() {
        return CudaTwin.kernels(Precision.BF16).cuda();
    }

    /** Of the type, a row a multiple of 16 bytes long, as operands that are not copied have to be. */
    private static View operand(long seed, DType type, boolean transposed, long rows, long columns) {
        long outer = transposed ? columns : rows;
        long side = transposed ? rows : columns;
        View wide = TestViews.random(seed, type, outer, (side + 7) / 8 * 8).slice(1, 0, side);
        return transposed ? wide.transpose(0, 1) : wide;
    }

    private static void compare(String what, View a, View b, View c, Epilogue e) {
        HopperGemm gemm = new HopperGemm(CUDA);
        CudaTwin.compare(what, Precision.BF16, EXACT, to(c), (kernels, d) -> {
            if (kernels instanceof CudaKernels) {
                Product p = Product.of(CUDA, a, b, d[0], e, Batches.of(a, b, d[0]));
                assertThat(p.a().isReadable() && p.b().isReadable())
                        .as("%s: operands are readable", what)
                        .isTrue();
                gemm.multiply(p, p.a(), p.b());
            } else {
                kernels.matmul().multiply(a, b, d[0], e);
            }
        });
    }

    /** Less than a tile, whole tiles, odd ends; K of less than a stage, of the ring and one more, and odd. */
    @ParameterizedTest
    @CsvSource({"1, 1, 1", "128, 256, 64", "131, 259, 72", "70, 300, 327"})
    void everyLayout(int m, int n, int k) {
        for (DType type : List.of(DType.BF16, DType.F16)) {
            for (int layout = 0; layout < 4; layout++) {
                View a = operand(1, type, (layout & 1) != 0, m, k);
                View b = operand(2, type, (layout & 2) != 0, k, n);
                String what = type + " " + a + " times " + b;
                compare(what, a, b, garbage(m, n), new Epilogue(random(3, n), Activation.GELU, false));
                if (type == DType.BF16) {
                    compare(what + ", added", a, b, random(4, m, n + 3).slice(1, 2, 2 + n), Epilogue.ACCUMULATE);
                }
            }
        }
    }

    /** More tiles than multiprocessors: stages, parities and sums go on from tile to tile. */
    @Test
    void manyTilesABlock() {
        View a = operand(1, DType.BF16, false, 300, 136);
        View b = operand(2, DType.BF16, true, 136, 900);
        assertThat(CUDA.properties().multiprocessors()).isLessThan(12);
        compare("twelve tiles", a, b, garbage(300, 900), Epilogue.NONE);
        compare(
                "transposed",
                b.transpose(0, 1),
                a.transpose(0, 1),
                garbage(300, 900).transpose(0, 1),
                Epilogue.NONE);
    }

    @Test
    void batches() {
        View a = TestViews.random(1, DType.BF16, 2, 3, 21, 24);
        View b = TestViews.random(2, DType.BF16, 2, 3, 17, 24).transpose(-1, -2);
        compare("both", a, b, garbage(2, 3, 21, 17), Epilogue.NONE);
        View one = TestViews.random(2, DType.BF16, 24, 24).slice(1, 0, 17);
        compare("one b", a, one.expand(2, 3, 24, 17), garbage(2, 21, 3, 17).permute(0, 2, 1, 3), Epilogue.NONE);
        compare(
                "b a batch",
                a,
                b.select(1, 0).unsqueeze(1).expand(2, 3, 24, 17),
                garbage(2, 3, 21, 17),
                Epilogue.bias(random(3, 17)));
        compare("one a", a.select(0, 1).unsqueeze(0).expand(2, 3, 21, 24), b, garbage(2, 3, 21, 17), Epilogue.NONE);
    }

    /** 16-bit results, and columns that are not neighbours. */
    @Test
    void everyDestination() {
        View a = operand(1, DType.F16, false, 40, 80);
        View b = operand(2, DType.F16, true, 80, 44);
        compare("strided", a, b, garbage(44, 40).transpose(0, 1), Epilogue.NONE);
        compare("few columns", a, b.slice(1, 0, 3), garbage(40, 3), Epilogue.NONE);
    }

    @Test
    void onlyWhatIsAskedForTakesIt() {
        assertThat(HopperGemm.of(CUDA)).as("on a device of another kind").isNull();
        assertThat(KernelCatalogue.isAskedFor(HopperGemm.variants().getFirst(), "sm_90a"))
                .isTrue();
        assertThat(KernelCatalogue.isAskedFor(HopperGemm.variants().getFirst(), "sm_80"))
                .isFalse();
    }
}
