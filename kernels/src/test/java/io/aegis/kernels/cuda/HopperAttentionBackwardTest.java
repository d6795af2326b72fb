package io.aegis.kernels.cuda;

import static io.aegis.kernels.cuda.CudaTwin.garbage;
import static io.aegis.kernels.cuda.CudaTwin.to;
import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.Attention.Mask;
import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Device;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The gradients of attention of compute capability 9.0, run by the emulator beside scalar/, with sums of a fixed order and with dQ
 * added up over blocks. Operands are of 16 bits, so only P and dS are rounded, and the tolerance is that of CudaAttentionTest.
 */
class HopperAttentionBackwardTest {
    private static final Cuda CUDA = CudaTwin.kernels(Precision.BF16).cuda();

    private static double tolerance(DType type, DType to) {
        double rounded = to == DType.F16 ? 0x1p-10 : to == DType.BF16 ? 0x1p-7 : 0;
        return (type == DType.BF16 ? 0x1p-7 : 0x1p-10) + rounded;
    }

    /** A call, and what its forward gave. */
    private record Call(View q, View k, View v, double scale, Mask mask, View out, View lse, View dout) {
        static Call of(View q, View k, View v, double scale, Mask mask) {
            return of(q, k, v, scale, mask, heads(9, q.dtype(), q));
        }

        static Call of(View q, View k, View v, double scale, Mask mask, View dout) {
            View out = garbage(q.shape());
            View lse = garbage(q.size(0), q.size(1), q.size(2));
            Backends.scalar().attention().forward(q, k, v, scale, mask, out, lse);
            return new Call(q, k, v, scale, mask, out, lse, dout);
        }

        View[] gradients() {
            return to(garbage(q.shape()), garbage(k.shape()), garbage(v.shape()));
        }

        /** By the way of {@link MatrixAttention}, when it has been seen that it leaves the call to these kernels. */
        void run(Cuda cuda, boolean ordered, View[] d) {
            HopperAttentionBackward hopper = new HopperAttentionBackward(cuda, ordered);
            assertThat(takes(cuda, hopper)).isTrue();
            AttentionCall.Preparation preparation = AttentionCall.Preparation.of(cuda);
            try (AttentionCall call = new AttentionCall(cuda, preparation, q, k, scale, mask)) {
                new MatrixAttention(cuda, null, hopper, null)
                        .backward(q.dtype(), call, q, k, v, out, lse, dout, d[0], d[1], d[2]);
            }
        }

        boolean takes(Cuda cuda, HopperAttentionBackward hopper) {
            DType type = q.dtype();
            try (AttentionCall call = new AttentionCall(cuda, AttentionCall.Preparation.of(cuda), q, k, scale, mask)) {
                return hopper.takes(call, new AttentionCall.Operand[] {
                    call.read(q, type), call.read(k, type), call.read(v, type), call.read(dout, type)
                });
            }
        }

        void check(boolean ordered, View... wanted) {
            List<View> there = new ArrayList<>();
            for (View w : wanted) {
                if (w != null) {
                    there.add(w);
                }
            }
            DType type = there.getFirst().dtype();
            CudaTwin.compare(
                    ordered ? "in order" : "in any order",
                    Precision.BF16,
                    tolerance(q.dtype(), type),
                    there.toArray(View[]::new),
                    (kernels, given) -> {
                        View[] d = new View[wanted.length];
                        for (int i = 0, next = 0; i < d.length; i++) {
                            d[i] = wanted[i] == null ? null : given[next++];
                        }
                        if (kernels instanceof CudaKernels cuda) {
                            run(cuda.cuda(), ordered, d);
                        } else {
                            kernels.attention().backward(q, k, v, scale, mask, out, lse, dout, d[0], d[1], d[2]);
                        }
                    });
        }

        void check() {
            check(true, gradients());
            check(false, gradients());
        }
    }

    /** Heads inside the rows of a projection, as models have them; 16-bit operands have to start at multiples of 16 bytes. */
    private static View heads(long seed, DType type, int b, int heads, int n, int d) {
        int pitch = (d + 7) / 8 * 8;
        return TestViews.random(seed, type, b, n, heads, pitch).slice(3, 0, d).transpose(1, 2);
    }

    private static View heads(long seed, DType type, View like) {
        return heads(seed, type, (int) like.size(0), (int) like.size(1), (int) like.size(2), (int) like.size(3));
    }

    /** A cache that is longer than what it holds, a head after the other. */
    private static View cache(long seed, DType type, int b, int heads, int m, int d) {
        int pitch = (d + 7) / 8 * 8;
        return TestViews.random(seed, type, b, heads, m + 7, pitch)
                .slice(3, 0, d)
                .slice(2, 0, m);
    }

    @ParameterizedTest(name = "{0}: B{1} {2} heads of {3} queries, N{4} M{5} D{6} causal {7} hidden {8}")
    @CsvSource({
        "BF16, 1, 1, 1, 1, 2, 64, false, false",
        "BF16, 1, 2, 1, 13, 13, 64, true, true",
        "BF16, 1, 1, 1, 129, 127, 64, true, false",
        "BF16, 1, 1, 2, 128, 128, 64, false, false",
        "BF16, 1, 1, 1, 65, 400, 64, true, true",
        "BF16, 1, 1, 1, 300, 65, 64, true, false",
        "BF16, 2, 1, 2, 65, 129, 72, true, false",
        "BF16, 1, 1, 1, 197, 197, 72, false, false",
        "BF16, 2, 1, 1, 63, 197, 80, false, true",
        "BF16, 1, 1, 1, 64, 65, 96, true, true",
        "BF16, 1, 1, 1, 197, 140, 96, false, false",
        "BF16, 1, 1, 4, 20, 64, 128, true, false",
        "BF16, 1, 1, 1, 128, 385, 128, false, false",
        "BF16, 1, 1, 1, 200, 270, 128, true, true",
        "BF16, 1, 2, 1, 20, 9, 13, true, false",
        "F16, 1, 1, 1, 63, 65, 64, true, true",
        "F16, 1, 1, 2, 127, 128, 72, true, false",
        "F16, 1, 1, 1, 64, 260, 80, true, false",
        "F16, 1, 1, 1, 140, 130, 96, false, false",
        "F16, 1, 1, 2, 65, 150, 128, false, true",
    })
    void masksAndGroups(DType type, int b, int heads, int group, int n, int m, int d, boolean causal, boolean hide) {
        View q = heads(1, type, b, heads * group, n, d);
        View k = cache(2, type, b, heads, m, d);
        View v = cache(3, type, b, heads, m, d);
        Call.of(q, k, v, 1 / Math.sqrt(d), new Mask(causal, hide ? hidden(b, m) : null))
                .check();
    }

    /** More tiles than blocks, some of them with nothing to do: rings, parities and turns go on from tile to tile. */
    @Test
    void manyTilesABlock() {
        assertThat(CUDA.properties().multiprocessors()).isLessThan(8);
        View q = heads(1, DType.BF16, 2, 4, 150, 16);
        View k = heads(2, DType.BF16, 2, 2, 270, 16);
        View v = heads(3, DType.BF16, 2, 2, 270, 16);
        Call.of(q, k, v, 0.25, Mask.CAUSAL).check();
        Call.of(q, k, v, 0.25, new Mask(false, hidden(2, 270))).check();
    }

    /** Tiles of keys that nobody sees are left out, the last ones too; a sequence without any gives zeros. */
    @Test
    void emptyTilesOfKeys() {
        View keys = TestViews.zeros(DType.U8, 3, 400);
        for (int j : new int[] {0, 127, 260}) {
            keys.set(1, 0, j);
            keys.set(1, 2, j + 100);
        }
        View q = heads(1, DType.BF16, 3, 1, 20, 16);
        View k = heads(2, DType.BF16, 3, 1, 400, 16);
        View v = heads(3, DType.BF16, 3, 1, 400, 16);
        Call.of(q, k, v, 0.25, new Mask(false, keys)).check();
    }

    /** Results of the operands' type and of float32, with rows at odd places; the same head or batch for all. */
    @Test
    void layouts() {
        View k = heads(2, DType.F16, 1, 1, 40, 72).expand(2, 2, 40, 72);
        View v = heads(3, DType.F16, 2, 1, 40, 72).expand(2, 2, 40, 72);
        View q = heads(1, DType.F16, 2, 2, 20, 72);
        Call call = Call.of(q, k, v, 0.1, Mask.NONE);
        for (boolean ordered : new boolean[] {true, false}) {
            call.check(
                    ordered,
                    garbage(2, 2, 20, 75).slice(3, 1, 73),
                    garbage(2, 2, 40, 75).slice(3, 1, 73),
                    garbage(2, 2, 40, 75).slice(3, 1, 73));
            call.check(
                    ordered,
                    TestViews.garbage(DType.F16, 2, 20, 2, 73).slice(3, 1, 73).transpose(1, 2),
                    TestViews.garbage(DType.F16, 2, 40, 2, 73).slice(3, 1, 73).transpose(1, 2),
                    TestViews.garbage(DType.F16, 2, 40, 2, 73).slice(3, 1, 73).transpose(1, 2));
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void onlyWhatIsWanted(boolean ordered) {
        View q = heads(1, DType.BF16, 1, 2, 20, 16);
        View k = heads(2, DType.BF16, 1, 1, 33, 16);
        View v = heads(3, DType.BF16, 1, 1, 33, 16);
        Call call = Call.of(q, k, v, 0.25, Mask.CAUSAL);
        View[] d = call.gradients();
        call.check(ordered, d[0], null, null);
        call.check(ordered, null, d[1], null);
        call.check(ordered, null, null, d[2]);
        call.check(ordered, d[0], null, d[2]);
    }

    /** What nobody sees may be anything: keys that are masked, and what lies behind a cache's end. */
    @Test
    void garbageBehindMasks() {
        View keys = hidden(1, 270);
        View q = heads(1, DType.BF16, 1, 2, 20, 96);
        View k = cache(2, DType.BF16, 1, 1, 270, 96);
        View v = cache(3, DType.BF16, 1, 1, 270, 96);
        for (int j = 0; j < 270; j++) {
            for (int c = 0; keys.get(0, j) == 0 && c < 96; c++) {
                k.setAt(k.index(0, 0, j, c), Double.NaN);
                v.setAt(v.index(0, 0, j, c), Double.POSITIVE_INFINITY);
            }
        }
        for (int i = 270 * 96; i < 277 * 96; i++) {
            k.setAt(i, Double.NaN);
            v.setAt(i, Double.POSITIVE_INFINITY);
        }
        Call.of(q, k, v, 0.1, new Mask(false, keys)).check();
        Call.of(q, k, v, 0.1, new Mask(true, keys)).check();
    }

    /** What a query does not see by its place may be anything: later keys and values, and for a key earlier queries. */
    @ParameterizedTest
    @ValueSource(ints = {64, 72, 96, 128})
    void whatIsNotSeenMayBeAnything(int d) {
        int n = 150;
        int m = 160;
        View q = heads(1, DType.BF16, 1, 2, n, d);
        View k = heads(2, DType.BF16, 1, 1, m, d);
        View v = heads(3, DType.BF16, 1, 1, m, d);
        View dout = heads(9, DType.BF16, q);
        View oddKeys = heads(2, DType.BF16, k);
        View oddValues = heads(3, DType.BF16, v);
        View oddQueries = heads(1, DType.BF16, q);
        View oddGradients = heads(9, DType.BF16, q);
        oddKeys.set(Double.NaN, 0, 0, m - 2, 3);
        oddValues.set(Double.NaN, 0, 0, m - 1, 5);
        oddQueries.set(Double.NaN, 0, 0, n - 30, 1);
        oddGradients.set(Double.NaN, 0, 1, 20, 0);
        for (Mask mask : List.of(Mask.CAUSAL, new Mask(true, hidden(1, m)))) {
            Call.of(q, k, oddValues, 0.1, mask).check();
            Call.of(q, oddKeys, v, 0.1, mask).check();
            Call.of(oddQueries, k, v, 0.1, mask).check();
            Call.of(q, k, v, 0.1, mask, oddGradients).check();
        }
    }

    /** NaN in a query or a value reaches the gradients that it should. */
    @Test
    void nanIsSeen() {
        View q = heads(1, DType.BF16, 1, 1, 20, 16);
        View k = heads(2, DType.BF16, 1, 1, 270, 16);
        View v = heads(3, DType.BF16, 1, 1, 270, 16);
        q.set(Double.NaN, 0, 0, 1, 3);
        Call.of(q, k, v, 0.25, Mask.NONE).check();
        v.set(Double.NaN, 0, 0, 269, 5);
        Call.of(q, k, v, 0.25, Mask.NONE).check();
    }

    /** Rows whose scores are all far below 0: what is behind the last key, or hidden, scores 0 and would be infinitely likely. */
    @Test
    void scoresFarBelow() {
        View q = heads(1, DType.BF16, 1, 1, 20, 16);
        View k = heads(2, DType.BF16, 1, 1, 200, 16);
        View v = heads(3, DType.BF16, 1, 1, 200, 16);
        for (int i = 0; i < 20; i++) {
            q.set(100, 0, 0, i, 0);
        }
        for (int j = 0; j < 200; j++) {
            k.set(-2, 0, 0, j, 0);
        }
        Call.of(q, k, v, 1, Mask.NONE).check();
        Call.of(q, k, v, 1, new Mask(true, hidden(1, 200))).check();
    }

    /** Whatever turns its threads and blocks have, the bits are the same; those of keys and values in either way. */
    @ParameterizedTest
    @ValueSource(ints = {64, 96})
    void anyOrderOfThreads(int d) {
        List<double[]> first = null;
        for (int seed = 1; seed <= 4; seed++) {
            try (CudaKernels kernels = new CudaKernels(
                    new EmulatorEngine(true, seed, 60), new Device(Device.Kind.CUDA, 0), Precision.BF16)) {
                View q = heads(1, DType.BF16, 1, 2, 150, d);
                View k = heads(2, DType.BF16, 1, 1, 270, d);
                View v = heads(3, DType.BF16, 1, 1, 270, d);
                Call call = Call.of(q, k, v, 0.125, new Mask(true, hidden(1, 270)));
                View[] gradients = call.gradients();
                call.run(kernels.cuda(), true, gradients);
                View[] others = call.gradients();
                call.run(kernels.cuda(), false, others);
                List<double[]> got = new ArrayList<>();
                for (View g : new View[] {gradients[0], gradients[1], gradients[2], others[1], others[2]}) {
                    got.add(g.toDoubles());
                }
                first = first == null ? got : first;
                for (int i = 0; i < got.size(); i++) {
                    assertThat(got.get(i)).as("gradient %d, order %d", i, seed).isEqualTo(first.get(i));
                }
            }
        }
    }

    @Test
    void whatItDoesNotCover() {
        View q = heads(1, DType.BF16, 1, 1, 20, 16);
        View k = heads(2, DType.BF16, 1, 1, 40, 16);
        assertThat(takes(q, k)).isTrue();
        assertThat(takes(q, k.slice(2, 0, 0))).as("no keys").isFalse();
        assertThat(takes(q.slice(2, 0, 0), k)).as("no queries").isFalse();
        View one = heads(2, DType.BF16, 1, 1, 1, 16).expand(1, 1, 40, 16);
        assertThat(takes(q, one)).as("one row for all").isFalse();
        assertThat(HopperAttentionBackward.of(CUDA))
                .as("on a device of another kind")
                .isNull();
        for (Variant v : HopperAttentionBackward.variants()) {
            assertThat(KernelCatalogue.isAskedFor(v, "sm_90a")).isTrue();
            assertThat(KernelCatalogue.isAskedFor(v, "sm_100a")).isFalse();
        }
    }

    private static boolean takes(View q, View k) {
        return new Call(q, k, k, 1, Mask.NONE, null, null, q).takes(CUDA, new HopperAttentionBackward(CUDA, true));
    }

    /** The first sequence sees every third key, from the sixth on; the others see nothing at all. */
    private static View hidden(int b, int m) {
        View keys = TestViews.zeros(DType.U8, b, m + 2L).slice(1, 1, m + 1L);
        for (int j = 6; j < m; j += 3) {
            keys.set(255, 0, j);
        }
        return keys;
    }
}
