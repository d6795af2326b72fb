package io.aegis.kernels.cuda;

import static io.aegis.kernels.cuda.CudaTwin.EXACT;
import static io.aegis.kernels.cuda.CudaTwin.garbage;
import static io.aegis.kernels.cuda.CudaTwin.random;
import static io.aegis.kernels.cuda.CudaTwin.to;
import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.Activation;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.Matmul.Merge;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.util.ArrayList;
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
        CudaTwin.compare(what, Precision.BF16, EXACT, to(c), (kernels, d) -> {
            if (kernels instanceof CudaKernels) {
                Product p = product(what, a, b, d[0], e);
                new HopperGemm(CUDA).multiply(p, p.a(), p.b());
            } else {
                kernels.matmul().multiply(a, b, d[0], e);
            }
        });
    }

    private static Product product(String what, View a, View b, View c, Epilogue e) {
        Product p = Product.of(CUDA, a, b, c, e, Batches.of(a, b, c));
        assertThat(p.a().isReadable() && p.b().isReadable())
                .as("%s: operands are readable", what)
                .isTrue();
        return p;
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

    /** Plus and times another matrix of either type, with bias and activation before it; ends of rows, and strides. */
    @ParameterizedTest
    @CsvSource({"1, 1, 1", "131, 259, 72", "70, 300, 327"})
    void everyMerge(int m, int n, int k) {
        View a = operand(1, DType.BF16, false, m, k);
        View b = operand(2, DType.BF16, true, k, n);
        for (Merge merge : Merge.values()) {
            for (DType type : List.of(DType.F32, DType.BF16)) {
                View other = TestViews.random(5, type, m, n);
                Epilogue e = new Epilogue(random(3, n), Activation.SILU, merge, other, false);
                compare(merge + " " + type, a, b, garbage(m, n), e);
            }
        }
        View across = random(5, n, m).transpose(0, 1);
        compare("strided", a, b, garbage(n, m).transpose(0, 1), Epilogue.plus(null, across));
        View inside = random(5, m, n + 7).slice(1, 3, 3 + n);
        compare("inside", a, b, garbage(m, n + 7).slice(1, 3, 3 + n), Epilogue.plus(random(3, n), inside));
    }

    /** Columns of less than half a tile, of a tile of gates, and of tiles and an odd end; K of stages and odd ends. */
    @ParameterizedTest
    @CsvSource({"1, 1, 1", "128, 128, 64", "131, 131, 72", "70, 300, 327", "300, 259, 136"})
    void gates(int m, int n, int k) {
        for (DType type : List.of(DType.BF16, DType.F16)) {
            View a = operand(1, type, false, m, k);
            View gate = operand(2, type, true, k, n);
            View up = operand(3, type, true, k, n);
            for (View c : List.of(garbage(m, n), garbage(m, n + 7).slice(1, 3, 3 + n))) {
                String what = type + " gate " + a + " into " + c;
                CudaTwin.compare(what, Precision.BF16, EXACT, to(c), (kernels, d) -> {
                    if (kernels instanceof CudaKernels) {
                        Product p = product(what, a, gate, d[0], Epilogue.NONE);
                        Product q = product(what, a, up, d[0], Epilogue.NONE);
                        new HopperGemm(CUDA).multiplyGated(p, p.a(), p.b(), q.b());
                    } else {
                        kernels.matmul().multiplyGated(a, gate, up, garbage(m, n), d[0]);
                    }
                });
            }
        }
    }

    /** A second product of few and of many steps of K behind one of few and of many, in every layout. */
    @ParameterizedTest
    @CsvSource({"1, 1, 1, 1", "128, 256, 64, 64", "131, 259, 72, 8", "70, 300, 327, 130", "300, 900, 136, 16"})
    void lowRankBeside(int m, int n, int k, int rank) {
        for (int layout = 0; layout < 4; layout++) {
            boolean across = (layout & 1) != 0;
            boolean along = (layout & 2) != 0;
            View a = operand(1, DType.BF16, across, m, k);
            View b = operand(2, DType.BF16, along, k, n);
            View left = operand(3, DType.BF16, across, m, rank);
            View right = operand(4, DType.BF16, along, rank, n);
            Epilogue e = layout == 0 ? Epilogue.plus(random(5, n), random(6, m, n)) : Epilogue.NONE;
            String what = "both " + a + " times " + b + ", rank " + rank;
            CudaTwin.compare(what, Precision.BF16, EXACT, to(garbage(m, n)), (kernels, d) -> {
                if (kernels instanceof CudaKernels) {
                    Product p = product(what, a, b, d[0], e);
                    Product q = product(what, left, right, d[0], e);
                    new HopperGemm(CUDA).multiplyBoth(p, p.a(), p.b(), q.a(), q.b());
                } else {
                    kernels.matmul().multiply(left, right, d[0], e);
                    kernels.matmul().multiply(a, b, d[0], Epilogue.ACCUMULATE);
                }
            });
        }
    }

    /** By the way that a program goes: float32 activations are rounded once for both, and what is too small goes another way. */
    @Test
    void throughTheFront() {
        Kernels hopper = CudaBackend.through(CudaTwin.kernels(Precision.BF16), Route.HOPPER);
        View a = eighths(random(1, 131, 72));
        View gate = eighths(random(2, 140, 72)).transpose(0, 1);
        View up = eighths(random(3, 140, 72)).transpose(0, 1);
        View u = eighths(random(4, 131, 8));
        View low = eighths(random(5, 140, 8)).transpose(0, 1);
        for (int rows : new int[] {131, 5}) {
            View x = a.slice(0, 0, rows);
            View v = u.slice(0, 0, rows);
            List<String> launched = new ArrayList<>();
            CudaTwin.compare("gate", Precision.BF16, EXACT, to(garbage(rows, 140)), (kernels, d) -> {
                Kernels by = kernels instanceof CudaKernels ? hopper : kernels;
                launched.addAll(CudaBackend.launched(
                        by, () -> by.matmul().multiplyGated(x, gate, up, garbage(rows, 140), d[0])));
            });
            CudaTwin.compare("both", Precision.BF16, EXACT, to(garbage(rows, 140)), (kernels, d) -> {
                Kernels by = kernels instanceof CudaKernels ? hopper : kernels;
                launched.addAll(CudaBackend.launched(
                        by, () -> by.matmul().multiplyBoth(x, gate, v, low, garbage(rows, 140), d[0])));
            });
            assertThat(launched.stream().filter(e -> e.equals("matmul_sm90a")).count())
                    .as("%d rows: %s", rows, launched)
                    .isEqualTo(rows > 8 ? 2 : 0);
        }
    }

    /** Values that bfloat16 leaves alone. */
    private static View eighths(View x) {
        for (long i = 0; i < x.elements(); i++) {
            x.setAt(x.position(i), Math.rint(8 * x.getAt(x.position(i))) / 8);
        }
        return x;
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
