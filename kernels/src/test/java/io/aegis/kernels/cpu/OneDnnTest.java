package io.aegis.kernels.cpu;

import static io.aegis.kernels.cpu.Twin.garbage;
import static io.aegis.kernels.cpu.Twin.random;
import static io.aegis.kernels.cpu.Twin.to;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.aegis.kernels.Attention;
import io.aegis.kernels.Attention.Mask;
import io.aegis.kernels.Backends;
import io.aegis.kernels.Convolution;
import io.aegis.kernels.Convolution.Geometry;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.View;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The binding of oneDNN. What needs other instructions than this machine has says so when it skips. */
class OneDnnTest {
    private static final Gemm WIDENING = new WideningGemm(new VectorGemm());

    private OneDnnLibrary library;

    @BeforeEach
    void open() {
        library = OneDnnLibrary.find();
        assumeTrue(library != null, () -> "without oneDNN: " + OneDnnLibrary.problem());
    }

    @Test
    void saysWhatItIs() {
        assertThat(library.version()).matches("3\\.\\d+\\.\\d+");
        assertThat(OneDnn.version()).isEqualTo(library.version() + ", " + library.isa());
        assertThat(OneDnn.products()).contains("F32 ", "BF16 ", "F16 ", "I8 ").doesNotContain("F32 none");
    }

    @Test
    void float32IsRightInEveryLayout() {
        assertThat(SelfCheck.problem(new OneDnnMatmul(library, DType.F32, null), DType.F32))
                .isNull();
    }

    /**
     * What the library is told of bfloat16 differs from this in the code and size of a type alone: everything that attention
     * and convolutions ask for, in the middle of larger matrices. Nothing stands in for it.
     */
    @ParameterizedTest
    @CsvSource({"1, 1, 1", "17, 50, 70", "256, 44, 72", "65, 72, 300", "72, 512, 33"})
    void everyOperandIsFoundWhereItLies(int m, int n, int k) {
        Gemm product = new OneDnnMatmul(library, DType.F32, null);
        Gemm plain = new VectorGemm();
        for (int kind = 0; kind < 16; kind++) {
            Operand a = inside(1, m, k, (kind & 1) != 0);
            Operand b = inside(2, k, n, (kind & 2) != 0);
            boolean add = (kind & 4) != 0;
            float alpha = (kind & 8) != 0 ? 0.3f : 1;
            View[] c = {random(3, m + 2, n + 5), random(3, m + 2, n + 5)};
            plain.multiply(a, b, alpha, add, Part.all(c[0].slice(0, 1, m + 1).slice(1, 2, n + 2)));
            product.multiply(a, b, alpha, add, Part.all(c[1].slice(0, 1, m + 1).slice(1, 2, n + 2)));
            double[] expected = c[0].toDoubles();
            double[] got = c[1].toDoubles();
            for (int i = 0; i < got.length; i++) {
                // Sums of at most 300 products of two numbers of size 1.
                assertThat(got[i])
                        .as("%s times %s, factor %s, added %s, element %d", a, b, alpha, add, i)
                        .isCloseTo(expected[i], within(1e-4));
            }
        }
    }

    /** A matrix in the middle of a larger one. */
    private static Operand inside(int seed, int rows, int columns, boolean byColumns) {
        int lines = byColumns ? columns : rows;
        int length = byColumns ? rows : columns;
        View x = random(seed, lines + 2L, length + 7L).slice(0, 1, lines + 1L).slice(1, 3, length + 3L);
        Operand operand = Operand.floats(x.buffer().memory(), x.offset(), lines, length, length + 7L);
        return byColumns ? operand.transposed() : operand;
    }

    /** Whole kernels whose every product is the library's, as those of bfloat16 are. */
    @Test
    void attentionAndConvolutionsByIt() {
        Gemm product = new OneDnnMatmul(library, DType.F32, null);
        Attention attention = new CpuAttention(Backends.scalar().attention(), product);
        View q = random(1, 1, 130, 4, 72).transpose(1, 2);
        View k = random(2, 1, 2, 560, 72).slice(2, 0, 530);
        View v = random(3, 1, 2, 560, 72).slice(2, 0, 530);
        View dout = random(4, q.shape());
        View out = garbage(q.shape());
        View lse = garbage(1, 4, 130);
        for (Mask mask : new Mask[] {Mask.NONE, Mask.CAUSAL}) {
            Backends.scalar().attention().forward(q, k, v, 0.1, mask, out, lse);
            Twin.compare("forward", to(garbage(q.shape())), (kernels, d) -> of(kernels, attention)
                    .forward(q, k, v, 0.1, mask, d[0], null));
            Twin.compare("backward", to(garbage(q.shape()), garbage(k.shape()), garbage(v.shape())), (kernels, d) -> of(
                            kernels, attention)
                    .backward(q, k, v, 0.1, mask, out, lse, dout, d[0], d[1], d[2]));
        }
        Convolution convolution =
                new CpuConvolution(Backends.scalar().convolution(), Twin.fast().elementwise(), product);
        for (Geometry g : new Geometry[] {Geometry.SAME_3X3, new Geometry(2, 0, 1)}) {
            View x = random(1, 2, 19, 17, 13);
            View w = random(2, 21, 3, 3, 13).permute(0, 3, 1, 2);
            View dy = random(3, 2, g.out(19, 3), g.out(17, 3), 21);
            Twin.compare("y", to(garbage(dy.shape())), (kernels, d) -> (kernels == Twin.fast()
                            ? convolution
                            : kernels.convolution())
                    .forward(x, w, random(4, 21), g, d[0]));
            Twin.compare("dx, dw", to(garbage(x.shape()), garbage(w.shape())), (kernels, d) -> {
                Convolution c = kernels == Twin.fast() ? convolution : kernels.convolution();
                c.backwardInput(dy, w, g, d[0]);
                c.backwardWeight(x, dy, g, d[1], null);
            });
        }
    }

    private static Attention of(Kernels kernels, Attention attention) {
        return kernels == Twin.fast() ? attention : kernels.attention();
    }

    /** The library's own 16 bits where the processor has them, and what stands in for them where it has not. */
    @ParameterizedTest
    @EnumSource(names = {"BF16", "F16"})
    void halfPrecisionIsRightInEveryLayout(DType dtype) {
        assertThat(SelfCheck.problem(WIDENING, dtype)).isNull();
        assertThat(SelfCheck.problem(new OneDnnMatmul(library, dtype, WIDENING), dtype))
                .isNull();
    }

    @Test
    void bfloat16IsUsedWhereTheProcessorMultipliesIt() {
        OneDnn.Kind<Gemm> kind = OneDnn.bfloat16(WIDENING);
        assumeTrue(library.isa().multipliesBfloat16(), () -> "no products of bfloat16 here: " + kind.problem());
        assertThat(kind.problem()).isNull();
        assertThat(new OneDnnMatmul(library, DType.BF16, null).implementation(577, 4096, 1024))
                .hasValueSatisfying(name -> assertThat(name).doesNotContain("ref"));
    }

    @Test
    void whatTheLibraryCannotComputeIsSaid() {
        assertThat(new OneDnnMatmul(library, DType.F32, null).implementation(64, 64, 64))
                .isPresent();
        OneDnnMatmul bfloat = new OneDnnMatmul(library, DType.BF16, null);
        assumeTrue(bfloat.implementation(17, 50, 70).isEmpty(), "this processor multiplies bfloat16");
        assertThat(OneDnn.bfloat16(WIDENING).problem())
                .contains(library.isa().name(), "AVX512_CORE_BF16 or AMX is needed");
        assertThat(SelfCheck.problem(bfloat, DType.BF16)).contains("has nothing for BF16 products");
    }

    @Test
    void aProductThatIsWrongIsFound() {
        Gemm right = new VectorGemm();
        Gemm neverAdds = (a, b, alpha, add, c) -> right.multiply(a, b, alpha, false, c);
        Gemm alwaysAdds = (a, b, alpha, add, c) -> right.multiply(a, b, alpha, true, c);
        Gemm neverScales = (a, b, alpha, add, c) -> right.multiply(a, b, 1, add, c);
        Gemm oneRowLess = (a, b, alpha, add, c) -> right.multiply(a.rows(0, a.rows() - 1), b, alpha, add, c);
        Gemm oneTermLess = (a, b, alpha, add, c) ->
                right.multiply(a.columns(0, a.columns() - 1), b.rows(0, b.rows() - 1), alpha, add, c);
        assertThat(SelfCheck.problem(right, DType.F32)).isNull();
        for (Gemm wrong : List.of(alwaysAdds, oneRowLess, oneTermLess)) {
            assertThat(SelfCheck.problem(wrong, DType.F32)).startsWith("wrong for F32");
        }
        assertThat(SelfCheck.problem(neverAdds, DType.F32)).contains("added");
        assertThat(SelfCheck.problem(neverScales, DType.F32)).contains("halved");
        Gemm fails = (a, b, alpha, add, c) -> {
            throw new IllegalStateException("no");
        };
        assertThat(SelfCheck.problem(fails, DType.F32)).isEqualTo("no");
    }

    @Test
    void whatCannotBeMultipliedIsAnErrorAndNoCrash() {
        MemorySegment memory = Arena.ofAuto().allocate(4096, 64);
        Operand integers = new Operand(memory, DType.I64, 0, 4, 4, false, 4);
        assertThatThrownBy(() -> new OneDnnMatmul(library, DType.I64, null)
                        .multiply(integers, integers, Part.all(4, 4, memory, 512, 4)))
                .hasMessageContaining("no products of I64");
    }

    /** More shapes than plans are kept, on several threads at once; every product is right, whoever planned it. */
    @Test
    void plansAreSharedAndBounded() throws Exception {
        OneDnnMatmul matmul = new OneDnnMatmul(library, DType.F32, null);
        try (ExecutorService threads = Executors.newFixedThreadPool(3)) {
            List<Future<Void>> all = new ArrayList<>();
            for (int t = 0; t < 3; t++) {
                all.add(threads.submit(() -> {
                    for (int i = 0; i < 220; i++) {
                        for (int m : new int[] {3, 3 + i}) {
                            ones(matmul, m, 5, 1 + i % 7 + i / 7);
                        }
                    }
                    return null;
                }));
            }
            for (Future<Void> f : all) {
                f.get();
            }
        }
    }

    private static void ones(Gemm product, int m, int n, int k) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(4L * (m * k + k * n + m * n), 64);
            for (long i = 0; i < m * k + k * n; i++) {
                Lanes.set(memory, i, 1);
            }
            Operand a = Operand.floats(memory, 0, m, k, k);
            Operand b = Operand.floats(memory, (long) m * k, n, k, k);
            long c = (long) m * k + (long) k * n;
            product.multiply(a, b.transposed(), Part.all(m, n, memory, c, n));
            for (long i = 0; i < (long) m * n; i++) {
                assertThat(Lanes.get(memory, c + i)).isEqualTo(k);
            }
        }
    }
}
