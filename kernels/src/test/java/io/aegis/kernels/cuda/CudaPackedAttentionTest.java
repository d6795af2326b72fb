package io.aegis.kernels.cuda;

import static io.aegis.kernels.cuda.CudaTwin.garbage;
import static io.aegis.kernels.cuda.CudaTwin.to;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.aegis.kernels.Attention;
import io.aegis.kernels.Attention.Mask;
import io.aegis.kernels.Attention.Sequence;
import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.PackedHeads;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Packed sequences in the emulator beside scalar/, which computes each alone; rows behind the last are NaN. Tolerances are those of {@link
 * CudaAttentionTest}, whose kernels these are.
 */
class CudaPackedAttentionTest {
    private static final double UNIT = 0x1p-9;

    @ParameterizedTest(name = "{0}: {1} heads of {2} queries, D{3} causal {4}, lengths {5} over {6}")
    @CsvSource({
        "F32, 1, 1, 13, false, 1 63 0 64 65, 1 63 0 64 65",
        "F32, 2, 2, 72, true, 65 1 64 63, 65 1 64 63",
        "F32, 1, 4, 128, true, 5 0 70 1 33, 7 3 75 0 130",
        "F32, 1, 1, 256, false, 66, 65",
        "F32, 1, 2, 16, true, 0 0, 0 0",
        "F32, 1, 2, 16, true, 0, 20",
        "BF16, 1, 2, 64, true, 1 63 0 64 65, 1 63 0 64 65",
        "BF16, 2, 1, 80, false, 65 1 64 63, 65 1 64 63",
        "BF16, 1, 2, 96, true, 129 1 3, 129 1 3",
        "BF16, 1, 4, 128, true, 5 0 130 1 33, 7 3 140 0 70",
        "BF16, 1, 1, 13, true, 127 128 1, 128 127 65",
        "BF16, 1, 1, 144, false, 20 3, 65 1",
        "BF16, 1, 1, 64, false, 200, 200",
        "BF16, 1, 1, 64, true, 0 0 0, 0 0 0",
        "F16, 1, 2, 64, true, 1 63 0 64 65, 1 63 0 64 65",
        "F16, 1, 1, 128, false, 65 1 130, 3 0 65",
    })
    void sequencesOfSeveralLengths(
            Precision precision, int heads, int group, int d, boolean causal, String queries, String keys) {
        PackedHeads p =
                rounded(precision, PackedHeads.random(DType.F32, heads, group, d, numbers(queries), numbers(keys)));
        check(precision, p, causal);
    }

    /** As scalar/: what is not finite reaches what sees it, in its own sequence. */
    @ParameterizedTest
    @EnumSource(Precision.class)
    void whatIsNotFiniteStaysInItsSequence(Precision precision) {
        for (boolean causal : new boolean[] {true, false}) {
            for (double value : new double[] {Double.NaN, Double.POSITIVE_INFINITY}) {
                int[] lengths = {64, 70, 65};
                PackedHeads p = rounded(precision, PackedHeads.random(DType.F32, 1, 2, 64, lengths, lengths));
                p.spoil(value, 64 + 30, 64 + 40);
                if (Double.isNaN(value)) {
                    View[] out = to(garbage(p.q().shape()), p.lse());
                    CudaTwin.compare(
                            "forward", precision, unit(precision, 64), out, (kernels, to) -> kernels.attention()
                                    .packed(p.q(), p.k(), p.v(), p.sequences(), 0.125, causal, to[0], to[1]));
                }
                View[] gradients = gradients(precision, p, causal);
                for (View x : new View[] {gradients[0], gradients[1], gradients[2], gradients[3]}) {
                    for (View other : new View[] {x.slice(0, 0, 64), x.slice(0, 134, x.size(0))}) {
                        assertThat(Arrays.stream(other.toDoubles()).allMatch(Double::isFinite))
                                .as("%s, causal %s, %s: another sequence", precision, causal, value)
                                .isTrue();
                    }
                }
            }
        }
    }

    /** Forward and backward by the packed kernels: out, dq, dk, dv. */
    private static View[] gradients(Precision precision, PackedHeads p, boolean causal) {
        Attention fast = CudaTwin.kernels(precision).attention();
        View out = garbage(p.q().shape());
        View lse = p.lse();
        View dq = garbage(p.q().shape());
        View dk = garbage(p.k().shape());
        View dv = garbage(p.v().shape());
        fast.packed(p.q(), p.k(), p.v(), p.sequences(), 0.125, causal, out, lse);
        fast.packedBackward(p.q(), p.k(), p.v(), p.sequences(), 0.125, causal, out, lse, p.dout(), dq, dk, dv);
        return new View[] {out, dq, dk, dv};
    }

    /** The kernels are those of one sequence alone, and so are the bits, of all that has more queries than {@link DecodeAttention} takes. */
    @ParameterizedTest
    @EnumSource(Precision.class)
    void theSameBitsAlone(Precision precision) {
        int[] lengths = {63, 9, 130};
        Attention fast = CudaTwin.kernels(precision).attention();
        PackedHeads p = rounded(precision, PackedHeads.random(DType.F32, 1, 2, 64, lengths, lengths));
        View[] together = gradients(precision, p, true);
        for (Sequence s : p.sequences().list(202, 202)) {
            View q = s.queries(p.q());
            View k = s.keys(p.k());
            View v = s.keys(p.v());
            View out = garbage(q.shape());
            View lse = garbage(1, q.size(1), q.size(2));
            View[] alone = {out, garbage(q.shape()), garbage(k.shape()), garbage(v.shape())};
            fast.forward(q, k, v, 0.125, Mask.CAUSAL, out, lse);
            fast.backward(q, k, v, 0.125, Mask.CAUSAL, out, lse, s.queries(p.dout()), alone[1], alone[2], alone[3]);
            for (int i = 0; i < 4; i++) {
                View packed = i < 2 ? s.queries(together[i]) : s.keys(together[i]);
                assertThat(packed.toDoubles())
                        .as("%s, %s, result %d", precision, s, i)
                        .isEqualTo(alone[i].toDoubles());
            }
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = DType.class,
            names = {"F32", "BF16", "F16"})
    void everyType(DType type) {
        for (Precision precision : Precision.values()) {
            PackedHeads p = PackedHeads.random(type, 1, 2, 72, new int[] {2, 33}, new int[] {40, 33});
            double tolerance = precision == Precision.F32 && type == DType.F32 ? CudaTwin.EXACT : 8 * UNIT;
            View out = TestViews.garbage(type, p.q().shape());
            View lse = p.lse();
            CudaTwin.compare(type + " forward", precision, tolerance, to(out, lse), (kernels, to) -> kernels.attention()
                    .packed(p.q(), p.k(), p.v(), p.sequences(), 0.1, true, to[0], to[1]));
            Backends.scalar().attention().packed(p.q(), p.k(), p.v(), p.sequences(), 0.1, true, out, lse);
            View[] gradients = {
                TestViews.garbage(type, p.q().shape()),
                TestViews.garbage(type, p.k().shape()),
                TestViews.garbage(type, p.v().shape())
            };
            CudaTwin.compare(type + " backward", precision, tolerance, gradients, (kernels, to) -> kernels.attention()
                    .packedBackward(
                            p.q(), p.k(), p.v(), p.sequences(), 0.1, true, out, lse, p.dout(), to[0], to[1], to[2]));
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Precision.class,
            names = {"F32", "BF16"})
    void onlyWhatIsWanted(Precision precision) {
        PackedHeads p =
                rounded(precision, PackedHeads.random(DType.F32, 1, 1, 16, new int[] {20, 3}, new int[] {33, 3}));
        double unit = unit(precision, 16);
        View out = garbage(p.q().shape());
        View lse = p.lse();
        Backends.scalar().attention().packed(p.q(), p.k(), p.v(), p.sequences(), 0.25, true, out, lse);
        CudaTwin.compare(
                "without lse", precision, unit, to(garbage(p.q().shape())), (kernels, to) -> kernels.attention()
                        .packed(p.q(), p.k(), p.v(), p.sequences(), 0.25, true, to[0], null));
        for (int wanted = 0; wanted < 3; wanted++) {
            int only = wanted;
            View gradient = garbage((only == 0 ? p.q() : p.k()).shape());
            CudaTwin.compare("gradient " + only, precision, 2 * unit, to(gradient), (kernels, to) -> kernels.attention()
                    .packedBackward(
                            p.q(),
                            p.k(),
                            p.v(),
                            p.sequences(),
                            0.25,
                            true,
                            out,
                            lse,
                            p.dout(),
                            only == 0 ? to[0] : null,
                            only == 1 ? to[0] : null,
                            only == 2 ? to[0] : null));
        }
    }

    /** Where the kernels of 9.0 are at hand, which would take the rows as one sequence. */
    @Test
    void thePortableKernelsServeThemOnEveryDevice() {
        int[] lengths = {63, 65};
        PackedHeads p = PackedHeads.random(DType.BF16, 1, 2, 64, lengths, lengths);
        Cuda cuda = CudaTwin.kernels(Precision.BF16).cuda();
        HopperAttention hopper = new HopperAttention(cuda);
        MatrixAttention matrix = new MatrixAttention(cuda, hopper, new HopperAttentionBackward(cuda, true), null);
        View[] all = {
            p.q(), p.k(), p.v(), garbage(p.q().shape()), p.dout(), garbage(p.q().shape()), garbage(p.k().shape())
        };
        View[] x = Arrays.stream(all).map(v -> v.transpose(0, 1).unsqueeze(0)).toArray(View[]::new);
        View lse = p.lse().unsqueeze(0);
        AttentionCall.Preparation preparation = AttentionCall.Preparation.of(cuda);
        try (AttentionCall call = new AttentionCall(cuda, preparation, x[0], x[1], 0.125, Mask.NONE)) {
            assertThat(hopper.takes(
                            call,
                            call.read(x[0], DType.BF16),
                            call.read(x[1], DType.BF16),
                            call.read(x[2], DType.BF16)))
                    .isTrue();
        }
        assertThat(cuda.launched(() -> {
                    try (AttentionCall call =
                            new AttentionCall(cuda, preparation, x[0], x[1], 0.125, Mask.NONE, p.sequences())) {
                        matrix.forward(DType.BF16, call, x[0], x[1], x[2], x[3], lse);
                    }
                }))
                .isEqualTo(Map.of("attention_forward_packed", 1));
        assertThat(cuda.launched(() -> {
                    try (AttentionCall call =
                            new AttentionCall(cuda, preparation, x[0], x[1], 0.125, Mask.NONE, p.sequences())) {
                        matrix.backward(DType.BF16, call, x[0], x[1], x[2], x[3], lse, x[4], x[5], x[6], null);
                    }
                }))
                .isEqualTo(Map.of(
                        "attention_delta_packed",
                        1,
                        "attention_key_gradients_packed",
                        1,
                        "attention_query_gradient_packed",
                        1));
        View expected = garbage(p.q().shape());
        Backends.scalar().attention().packed(p.q(), p.k(), p.v(), p.sequences(), 0.125, false, expected, null);
        assertThat(all[3].toDoubles()).containsExactly(expected.toDoubles(), within(4 * UNIT));
    }

    /** Offsets with gaps between them are the host's. */
    @Test
    void offsetsOfAnyLayout() {
        PackedHeads p = PackedHeads.random(DType.F32, 1, 1, 8, new int[] {20, 3}, new int[] {20, 3});
        View wide = TestViews.zeros(DType.I64, 3, 2).select(1, 1);
        for (long i = 0; i < 3; i++) {
            wide.setLongAt(wide.position(i), p.sequences().queries().getLong(i));
        }
        View expected = garbage(p.q().shape());
        View got = garbage(p.q().shape());
        Backends.scalar().attention().packed(p.q(), p.k(), p.v(), p.sequences(), 0.3, true, expected, null);
        CudaTwin.kernels(Precision.F32)
                .attention()
                .packed(p.q(), p.k(), p.v(), new Attention.Sequences(wide, wide), 0.3, true, got, null);
        assertThat(got.toDoubles()).containsExactly(expected.toDoubles(), within(1e-6));
    }

    private static void check(Precision precision, PackedHeads p, boolean causal) {
        double unit = unit(precision, p.q().size(2));
        double scale = 1 / Math.sqrt(p.q().size(2));
        View out = garbage(p.q().shape());
        View lse = p.lse();
        CudaTwin.compare("forward", precision, unit, to(out, lse), (kernels, to) -> kernels.attention()
                .packed(p.q(), p.k(), p.v(), p.sequences(), scale, causal, to[0], to[1]));
        Backends.scalar().attention().packed(p.q(), p.k(), p.v(), p.sequences(), scale, causal, out, lse);
        CudaTwin.compare(
                "backward",
                precision,
                2 * unit,
                to(garbage(p.q().shape()), garbage(p.k().shape()), garbage(p.v().shape())),
                (kernels, to) -> kernels.attention()
                        .packedBackward(
                                p.q(),
                                p.k(),
                                p.v(),
                                p.sequences(),
                                scale,
                                causal,
                                out,
                                lse,
                                p.dout(),
                                to[0],
                                to[1],
                                to[2]));
    }

    private static double unit(Precision precision, long d) {
        boolean exact = precision == Precision.F32 || d > MatrixAttention.WIDEST;
        return exact ? CudaTwin.EXACT : precision == Precision.BF16 ? 2 * UNIT : UNIT / 4;
    }

    private static PackedHeads rounded(Precision precision, PackedHeads p) {
        for (View x : new View[] {p.q(), p.k(), p.v(), p.dout()}) {
            View small = TestViews.zeros(precision.dtype(), x.shape());
            for (long i = 0; i < x.elements(); i++) {
                small.setAt(i, x.getAt(x.position(i)));
                x.setAt(x.position(i), small.getAt(i));
            }
        }
        return p;
    }

    private static int[] numbers(String line) {
        return Arrays.stream(line.split(" ")).mapToInt(Integer::parseInt).toArray();
    }
}
