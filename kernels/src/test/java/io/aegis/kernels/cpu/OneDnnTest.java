package io.aegis.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.aegis.kernels.DType;
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
        Gemm oneRowLess = (a, b, alpha, add, c) -> right.multiply(a.rows(0, a.rows() - 1), b, alpha, add, c);
        Gemm oneTermLess = (a, b, alpha, add, c) ->
                right.multiply(a.columns(0, a.columns() - 1), b.rows(0, b.rows() - 1), alpha, add, c);
        assertThat(SelfCheck.problem(right, DType.F32)).isNull();
        for (Gemm wrong : List.of(alwaysAdds, oneRowLess, oneTermLess)) {
            assertThat(SelfCheck.problem(wrong, DType.F32)).startsWith("wrong for F32");
        }
        assertThat(SelfCheck.problem(neverAdds, DType.F32)).contains("added");
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
