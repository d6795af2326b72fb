package io.aegis.kernels.cuda;

import static io.aegis.kernels.cuda.CudaTwin.garbage;
import static io.aegis.kernels.cuda.CudaTwin.random;
import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.DType;
import io.aegis.kernels.Matmul;
import io.aegis.kernels.Matmul.Epilogue;
import io.aegis.kernels.QuantizedMatmul.Linear;
import io.aegis.kernels.QuantizedWeight;
import io.aegis.kernels.QuantizedWeight.Format;
import io.aegis.kernels.QuantizedWeights;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Weights that share x, in one launch and each in its own: the same bits, and nothing beside the results is touched. */
class GemvTogetherTest {
    private static final int[] ROWS = {1, 2, 3, 4, 5, 6, 7, 8};
    /** Of a K without a whole chunk, of one with a rest, and where warps share a row. */
    private static final int[] DEPTHS = {3, 77, 1030};

    private final CudaKernels kernels = CudaTwin.kernels(Precision.BF16);
    private final Matmul matmul = kernels.matmul();

    @ParameterizedTest
    @EnumSource(names = {"F32", "F16", "BF16"})
    void severalInOneLaunch(DType type) {
        for (int k : DEPTHS) {
            List<View> weights = List.of(weight(type, 1, 130, k), weight(type, 2, 7, k), weight(type, 3, 33, k));
            for (int rows : ROWS) {
                View x = random(4, rows, k);
                for (List<View> some : List.of(weights, weights.subList(1, 3), weights.subList(0, 1))) {
                    String what = type + " " + some.size() + " weights, " + rows + " rows, K " + k;
                    List<View> together = new ArrayList<>();
                    for (View w : some) {
                        together.add(garbage(rows, w.size(1) + 2).slice(1, 1, 1 + w.size(1)));
                    }
                    Map<String, Integer> launches =
                            CudaBackend.launches(kernels, () -> matmul.multiplyRows(x, some, together));
                    assertThat(gemvs(launches)).as(what).isEqualTo(1);
                    for (int i = 0; i < some.size(); i++) {
                        View alone = garbage(rows, some.get(i).size(1));
                        matmul.multiplyRows(x, some.get(i), alone, Epilogue.NONE);
                        same(what + ", weight " + i, alone, together.get(i));
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"F32", "F16", "BF16"})
    void gatesInOneLaunch(DType type) {
        for (int k : DEPTHS) {
            for (int n : new int[] {7, 130}) {
                View gate = weight(type, 1, n, k);
                View up = weight(type, 2, n, k);
                for (int rows : ROWS) {
                    View x = random(4, rows, k);
                    View fused = garbage(rows, n + 2).slice(1, 1, 1 + n);
                    Map<String, Integer> launches = CudaBackend.launches(
                            kernels, () -> matmul.multiplyRowsGated(x, gate, up, garbage(rows, n), fused));
                    assertThat(gemvs(launches)).isEqualTo(1);
                    same(type + " gate of " + n + ", " + rows + " rows, K " + k, gated(x, gate, up), fused);
                }
            }
        }
    }

    /** Two products and a pass. */
    private View gated(View x, View gate, View up) {
        View first = garbage(x.size(0), gate.size(1));
        View second = garbage(x.size(0), gate.size(1));
        matmul.multiplyRows(x, gate, first, Epilogue.NONE);
        matmul.multiplyRows(x, up, second, Epilogue.NONE);
        kernels.elementwise().siluGate(first, second, first);
        return first;
    }

    /** Where an activation is so negative that its exponential overflows, and where sums are no numbers. */
    @Test
    void gatesOfAllNumbers() {
        View gate =
                TestViews.of(DType.F32, new long[] {4, 4}, -200, 0, 0, 0, 200, 0, 0, 0, 0, 0, 0, 0, 1e38, 1e38, 0, 0);
        View x = TestViews.of(DType.F32, new long[] {1, 4}, 1, 10, 1, 1);
        View up = weight(DType.F32, 2, 4, 4);
        View w = TestViews.zeros(DType.F32, 4, 8).slice(1, 0, 4);
        kernels.elementwise().copy(gate, w);
        View fused = garbage(1, 4);
        matmul.multiplyRowsGated(x, w.transpose(0, 1), up, garbage(1, 4), fused);
        same("far out", gated(x, w.transpose(0, 1), up), fused);
        assertThat(fused.get(0, 3)).isInfinite();
    }

    /** Weights that lie otherwise, of several types, of many rows, or more of them than fit, are right one by one. */
    @Test
    void whatDoesNotFitTogetherIsTakenApart() {
        View x = random(4, 3, 40);
        View bf16 = weight(DType.BF16, 1, 9, 40);
        View f32 = weight(DType.F32, 2, 9, 40);
        View across = TestViews.random(3, DType.BF16, 40, 9);
        View odd = TestViews.random(5, DType.BF16, 9, 43).slice(1, 1, 41).transpose(0, 1);
        for (List<View> weights : List.of(
                List.of(bf16, f32), List.of(bf16, across), List.of(odd, bf16), List.of(bf16, bf16, bf16, bf16))) {
            List<View> results = new ArrayList<>();
            weights.forEach(w -> results.add(garbage(3, 9)));
            Map<String, Integer> launches =
                    CudaBackend.launches(kernels, () -> matmul.multiplyRows(x, weights, results));
            assertThat(gemvs(launches)).isEqualTo(weights.size());
            for (int i = 0; i < weights.size(); i++) {
                View alone = garbage(3, 9);
                matmul.multiplyRows(x, weights.get(i), alone, Epilogue.NONE);
                same("apart", alone, results.get(i));
            }
            View fused = garbage(3, 9);
            matmul.multiplyRowsGated(x, weights.get(0), weights.get(1), garbage(3, 9), fused);
            same("apart", gated(x, weights.get(0), weights.get(1)), fused);
        }
        View many = random(4, 11, 40);
        List<View> results = List.of(garbage(11, 9), garbage(11, 9));
        matmul.multiplyRows(many, List.of(bf16, bf16), results);
        View alone = garbage(11, 9);
        matmul.multiplyRows(many, bf16, alone, Epilogue.NONE);
        results.forEach(r -> same("many rows", alone, r));
        matmul.multiplyRows(x, List.of(), List.of());
        matmul.multiplyRows(x.slice(0, 0, 0), List.of(bf16, bf16), List.of(garbage(0, 9), garbage(0, 9)));
        matmul.multiplyRowsGated(x.slice(0, 0, 0), bf16, bf16, garbage(0, 9), garbage(0, 9));
    }

    /** Of x in 16 bits, which is widened into memory of its own before. */
    @Test
    void otherTypesOfRows() {
        View x = TestViews.random(4, DType.BF16, 3, 40);
        List<View> weights = List.of(weight(DType.BF16, 1, 9, 40), weight(DType.BF16, 2, 21, 40));
        List<View> results = List.of(TestViews.garbage(DType.F16, 3, 9), garbage(3, 21));
        matmul.multiplyRows(x, weights, results);
        for (int i = 0; i < 2; i++) {
            View alone =
                    TestViews.garbage(results.get(i).dtype(), results.get(i).shape());
            matmul.multiplyRows(x, weights.get(i), alone, Epilogue.NONE);
            same("16 bits", alone, results.get(i));
        }
    }

    @ParameterizedTest
    @EnumSource
    void weightsOfFewBits(Format format) {
        QuantizedWeight gate = QuantizedWeights.random(1, format, 13, 128, 64);
        QuantizedWeight up = QuantizedWeights.random(2, format, 13, 128, 64);
        for (int rows : ROWS) {
            View x = random(4, rows, 128);
            View first = garbage(rows, 13);
            View second = garbage(rows, 13);
            kernels.quantizedMatmul().multiplyRows(x, gate, first, Epilogue.NONE);
            kernels.quantizedMatmul().multiplyRows(x, up, second, Epilogue.NONE);
            List<View> both = List.of(garbage(rows, 13), garbage(rows, 13));
            kernels.quantizedMatmul()
                    .multiplyRows(
                            x,
                            List.of(
                                    new Linear(gate, both.get(0), Epilogue.NONE),
                                    new Linear(up, both.get(1), Epilogue.NONE)));
            same(format + " gate", first, both.get(0));
            same(format + " up", second, both.get(1));
            View fused = garbage(rows, 13);
            kernels.quantizedMatmul().multiplyRowsGated(x, gate, up, garbage(rows, 13), fused);
            kernels.elementwise().siluGate(first, second, first);
            same(format + " gated", first, fused);
        }
    }

    private static int gemvs(Map<String, Integer> launches) {
        return launches.entrySet().stream()
                .filter(e -> e.getKey().startsWith("gemv_"))
                .mapToInt(Map.Entry::getValue)
                .sum();
    }

    /** As a checkpoint has it, [N, K], seen from the other side; rows are further apart than they are long. */
    private static View weight(DType type, long seed, int n, int k) {
        return TestViews.random(seed, type, n, k + 15 & -8).slice(1, 0, k).transpose(0, 1);
    }

    /** Bit for bit; what lies around the second, which began as garbage, still is. */
    private static void same(String what, View expected, View got) {
        assertThat(got.toDoubles()).as(what).isEqualTo(expected.toDoubles());
        long garbage = Arrays.stream(View.of(
                                got.buffer(),
                                got.dtype(),
                                got.buffer().bytes() / got.dtype().bytes())
                        .toDoubles())
                .filter(Double::isNaN)
                .count();
        long numbers =
                Arrays.stream(got.toDoubles()).filter(d -> !Double.isNaN(d)).count();
        assertThat(garbage)
                .as(what + ": around it")
                .isEqualTo(got.buffer().bytes() / got.dtype().bytes() - numbers);
    }
}
