package io.aegis.kernels.cuda;

import static io.aegis.kernels.cuda.CudaTwin.garbage;
import static io.aegis.kernels.cuda.CudaTwin.to;
import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.Attention.Mask;
import io.aegis.kernels.DType;
import io.aegis.kernels.Device;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The attention of compute capability 9.0, run by the emulator beside scalar/. Operands are of 16 bits, so only P is rounded, and
 * the tolerance is that of CudaAttentionTest: bfloat16 keeps 8 bits, so each term of a sum is off by up to 2^-9 of itself and,
 * signs being random, a sum by less than 2^-9 of the largest; twice that is allowed. Half precision keeps 11 bits. A destination
 * of 16 bits may be rounded to the neighbour, which is one unit in the last place further.
 */
class HopperAttentionTest {
    private static final Cuda CUDA = CudaTwin.kernels(Precision.BF16).cuda();

    private static AttentionCall.Preparation preparation(Cuda cuda) {
        return AttentionCall.Preparation.of(cuda);
    }

    private static double tolerance(DType type, DType out) {
        double rounded = out == DType.F16 ? 0x1p-10 : out == DType.BF16 ? 0x1p-7 : 0;
        return (type == DType.BF16 ? 0x1p-8 : 0x1p-11) + rounded;
    }

    /** By the way of {@link MatrixAttention}, when it has been seen that it leaves the call to this kernel. */
    private static void forward(Cuda cuda, View q, View k, View v, double scale, Mask mask, View out, View lse) {
        HopperAttention hopper = new HopperAttention(cuda);
        try (AttentionCall call = new AttentionCall(cuda, preparation(cuda), q, k, scale, mask)) {
            DType type = q.dtype();
            assertThat(hopper.takes(call, call.read(q, type), call.read(k, type), call.read(v, type)))
                    .isTrue();
        }
        try (AttentionCall call = new AttentionCall(cuda, preparation(cuda), q, k, scale, mask)) {
            new MatrixAttention(cuda, hopper, null, null).forward(q.dtype(), call, q, k, v, out, lse);
        }
    }

    private static void check(View q, View k, View v, double scale, Mask mask, View out) {
        View lse = garbage(q.size(0), q.size(1), q.size(2));
        CudaTwin.compare("forward", Precision.BF16, tolerance(q.dtype(), out.dtype()), to(out, lse), (kernels, d) -> {
            if (kernels instanceof CudaKernels cuda) {
                forward(cuda.cuda(), q, k, v, scale, mask, d[0], d[1]);
            } else {
                kernels.attention().forward(q, k, v, scale, mask, d[0], d[1]);
            }
        });
    }

    /** Heads inside the rows of a projection, as models have them; 16-bit operands have to start at multiples of 16 bytes. */
    private static View heads(long seed, DType type, int b, int heads, int n, int d) {
        int pitch = (d + 7) / 8 * 8;
        return TestViews.random(seed, type, b, n, heads, pitch).slice(3, 0, d).transpose(1, 2);
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
        "BF16, 1, 1, 1, 1, 1, 64, false, false",
        "BF16, 1, 2, 1, 13, 13, 64, true, true",
        "BF16, 1, 1, 1, 129, 127, 64, true, false",
        "BF16, 1, 1, 2, 128, 128, 64, false, false",
        "BF16, 1, 1, 1, 65, 400, 64, true, true",
        "BF16, 2, 1, 2, 65, 129, 72, true, false",
        "BF16, 1, 1, 1, 197, 197, 72, false, false",
        "BF16, 2, 1, 1, 63, 197, 80, false, true",
        "BF16, 1, 1, 1, 64, 65, 96, true, true",
        "BF16, 1, 1, 1, 197, 520, 96, true, false",
        "BF16, 1, 1, 4, 20, 64, 128, true, false",
        "BF16, 1, 1, 1, 128, 385, 128, false, false",
        "BF16, 1, 2, 1, 20, 9, 13, true, false",
        "F16, 1, 1, 1, 63, 65, 64, true, true",
        "F16, 1, 1, 2, 127, 128, 72, true, false",
        "F16, 1, 1, 1, 64, 260, 80, true, false",
        "F16, 1, 1, 1, 13, 300, 96, false, false",
        "F16, 1, 1, 1, 65, 260, 128, false, true",
    })
    void masksAndGroups(DType type, int b, int heads, int group, int n, int m, int d, boolean causal, boolean hide) {
        View q = heads(1, type, b, heads * group, n, d);
        View k = cache(2, type, b, heads, m, d);
        View v = cache(3, type, b, heads, m, d);
        check(q, k, v, 1 / Math.sqrt(d), new Mask(causal, hide ? hidden(b, m) : null), garbage(q.shape()));
    }

    /** More tiles than blocks, some of them with nothing to do: rings, parities and turns go on from tile to tile. */
    @Test
    void manyTilesABlock() {
        assertThat(CUDA.properties().multiprocessors()).isLessThan(8);
        View q = heads(1, DType.BF16, 2, 4, 150, 16);
        View k = heads(2, DType.BF16, 2, 2, 270, 16);
        View v = heads(3, DType.BF16, 2, 2, 270, 16);
        check(q, k, v, 0.25, Mask.CAUSAL, garbage(q.shape()));
        check(q, k, v, 0.25, new Mask(false, hidden(2, 270)), garbage(q.shape()));
    }

    /** Tiles of keys that nobody sees are left out, the last ones too; a sequence without any gives zeros. */
    @Test
    void emptyTilesOfKeys() {
        View keys = TestViews.zeros(DType.U8, 3, 600);
        for (int j : new int[] {0, 127, 300, 383}) {
            keys.set(1, 0, j);
            keys.set(1, 2, j + 100);
        }
        View q = heads(1, DType.BF16, 3, 1, 20, 16);
        View k = heads(2, DType.BF16, 3, 1, 600, 16);
        View v = heads(3, DType.BF16, 3, 1, 600, 16);
        check(q, k, v, 0.25, new Mask(false, keys), garbage(q.shape()));
    }

    /** Results of the operands' type and of float32, with rows at odd places; the same head or batch for all. */
    @Test
    void layouts() {
        View k = heads(2, DType.F16, 1, 1, 40, 72).expand(2, 2, 40, 72);
        View v = heads(3, DType.F16, 2, 1, 40, 72).expand(2, 2, 40, 72);
        View q = heads(1, DType.F16, 2, 2, 20, 72);
        check(q, k, v, 0.1, Mask.NONE, garbage(2, 2, 20, 75).slice(3, 1, 73));
        View out = TestViews.garbage(DType.F16, 2, 20, 2, 73).slice(3, 1, 73).transpose(1, 2);
        check(q, k, v, 0.1, Mask.NONE, out);
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
        check(q, k, v, 0.1, new Mask(false, keys), garbage(q.shape()));
        check(q, k, v, 0.1, new Mask(true, keys), garbage(q.shape()));
    }

    /** NaN in a query or a value reaches the rows that see it, and lse says so. */
    @Test
    void nanIsSeen() {
        View q = heads(1, DType.BF16, 1, 1, 20, 16);
        View k = heads(2, DType.BF16, 1, 1, 270, 16);
        View v = heads(3, DType.BF16, 1, 1, 270, 16);
        q.set(Double.NaN, 0, 0, 1, 3);
        check(q, k, v, 0.25, Mask.NONE, garbage(q.shape()));
        v.set(Double.NaN, 0, 0, 269, 5);
        check(q, k, v, 0.25, Mask.NONE, garbage(q.shape()));
    }

    /** What a query does not see by its place may be anything. */
    @Test
    void laterKeysMayBeAnything() {
        View q = heads(1, DType.BF16, 1, 2, 150, 80);
        View k = heads(2, DType.BF16, 1, 1, 160, 80);
        View v = heads(3, DType.BF16, 1, 1, 160, 80);
        k.set(Double.NaN, 0, 0, 158, 3);
        v.set(Double.NaN, 0, 0, 159, 5);
        v.set(Double.POSITIVE_INFINITY, 0, 0, 100, 79);
        check(q, k, v, 0.1, Mask.CAUSAL, garbage(q.shape()));
        check(q, k, v, 0.1, new Mask(true, hidden(1, 160)), garbage(q.shape()));
    }

    /** Scores far apart: the maximum of a row moves from tile to tile, by more than the exponent could hold. */
    @Test
    void scoresFarApart() {
        View q = heads(1, DType.BF16, 1, 1, 20, 16);
        View k = heads(2, DType.BF16, 1, 1, 400, 16);
        View v = heads(3, DType.BF16, 1, 1, 400, 16);
        check(q, k, v, 20, Mask.NONE, garbage(q.shape()));
    }

    /** Whatever turns its threads have, the bits are the same. */
    @Test
    void anyOrderOfThreads() {
        double[] first = null;
        for (int seed = 1; seed <= 4; seed++) {
            try (CudaKernels kernels = new CudaKernels(
                    new EmulatorEngine(true, seed, 60), new Device(Device.Kind.CUDA, 0), Precision.BF16)) {
                View q = heads(1, DType.BF16, 1, 1, 150, 64);
                View k = heads(2, DType.BF16, 1, 1, 400, 64);
                View v = heads(3, DType.BF16, 1, 1, 400, 64);
                View out = garbage(q.shape());
                forward(kernels.cuda(), q, k, v, 0.125, new Mask(true, hidden(1, 400)), out, null);
                double[] got = out.toDoubles();
                first = first == null ? got : first;
                assertThat(got).as("order %d", seed).isEqualTo(first);
            }
        }
    }

    @Test
    void whatItDoesNotCover() {
        View q = heads(1, DType.BF16, 1, 1, 20, 16);
        View k = heads(2, DType.BF16, 1, 1, 40, 16);
        assertThat(takes(q, k)).isTrue();
        assertThat(takes(q, k.slice(2, 0, 0))).as("no keys").isFalse();
        View one = heads(2, DType.BF16, 1, 1, 1, 16).expand(1, 1, 40, 16);
        assertThat(takes(q, one)).as("one row for all").isFalse();
        assertThat(HopperAttention.of(CUDA)).as("on a device of another kind").isNull();
        assertThat(KernelCatalogue.isAskedFor(HopperAttention.variants().getFirst(), "sm_90a"))
                .isTrue();
        assertThat(KernelCatalogue.isAskedFor(HopperAttention.variants().getFirst(), "sm_100a"))
                .isFalse();
    }

    private static boolean takes(View q, View k) {
        try (AttentionCall call = new AttentionCall(CUDA, preparation(CUDA), q, k, 1, Mask.NONE)) {
            return new HopperAttention(CUDA)
                    .takes(call, call.read(q, q.dtype()), call.read(k, q.dtype()), call.read(k, q.dtype()));
        }
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
