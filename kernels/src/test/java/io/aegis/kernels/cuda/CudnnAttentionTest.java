package io.aegis.kernels.cuda;

import static io.aegis.kernels.cuda.CudaTwin.garbage;
import static io.aegis.kernels.cuda.CudaTwin.to;
import static org.assertj.core.api.Assertions.assertThat;

import io.aegis.kernels.Attention;
import io.aegis.kernels.Attention.Mask;
import io.aegis.kernels.Backends;
import io.aegis.kernels.DType;
import io.aegis.kernels.Kernels;
import io.aegis.kernels.TestViews;
import io.aegis.kernels.View;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What cuDNN is asked for, computed by {@link HostGraphs} in its place: graphs, layouts, copies of operands and results, and what is left
 * to our own kernels.
 */
class CudnnAttentionTest {
    private final HostGraphs graphs = new HostGraphs();
    private Attention attention;

    @AfterEach
    void inOrderAgain() {
        System.clearProperty("aegis.cuda.deterministic");
    }

    private Attention of(Kernels kernels) {
        if (!(kernels instanceof CudaKernels cuda)) {
            return kernels.attention();
        }
        if (attention == null) {
            attention = new CudaAttention(
                    cuda.cuda(), Backends.scalar().attention(), new CudnnAttention(cuda.cuda(), graphs));
        }
        return attention;
    }

    /** Operands of 16 bits: P is rounded, and the result; one unit in the last place each, of bfloat16 2^-8 or of half precision 2^-11. */
    private static double tolerance(DType type) {
        return type == DType.BF16 ? 0x1p-6 : 0x1p-9;
    }

    private static View heads(long seed, DType type, int b, int heads, int n, int d) {
        return TestViews.random(seed, type, b, n, heads, d).transpose(1, 2);
    }

    private void forward(View q, View k, View v, Mask mask, View out, boolean lse) {
        View sums = garbage(q.size(0), q.size(1), q.size(2));
        double scale = 1 / Math.sqrt(q.size(3));
        Precision precision = q.dtype() == DType.F16 ? Precision.F16 : Precision.BF16;
        View[] destinations = lse ? to(out, sums) : to(out);
        CudaTwin.compare("forward", precision, tolerance(precision.dtype()), destinations, (kernels, to) -> of(kernels)
                .forward(q, k, v, scale, mask, to[0], lse ? to[1] : null));
    }

    @ParameterizedTest(name = "{0} to {1}: B{2} {3} heads of {4} queries, N{5} M{6} D{7} causal {8}")
    @CsvSource({
        "BF16, F32, 1, 1, 1, 20, 20, 64, false",
        "BF16, F32, 2, 2, 2, 33, 33, 72, true",
        "BF16, BF16, 2, 1, 4, 17, 40, 128, false",
        "F16, F16, 1, 2, 1, 70, 70, 8, true",
        "F16, F32, 3, 1, 2, 19, 1, 40, false",
        "F32, F32, 2, 2, 1, 21, 21, 16, true",
    })
    void results(DType type, DType out, int b, int heads, int group, int n, int m, int d, boolean causal) {
        View q = heads(1, type, b, heads * group, n, d);
        View k = heads(2, type, b, heads, m, d);
        View v = heads(3, type, b, heads, m, d);
        View o = TestViews.garbage(out, b, n, (long) heads * group, d).transpose(1, 2);
        for (boolean lse : new boolean[] {true, false}) {
            forward(q, k, v, causal ? Mask.CAUSAL : Mask.NONE, o, lse);
        }
        forward(q, k, v, causal ? Mask.CAUSAL : Mask.NONE, o, true);
        assertThat(graphs.runs).as("runs").isEqualTo(3);
        assertThat(graphs.compiled).as("plans are kept").isEqualTo(2);
    }

    @ParameterizedTest(name = "{0}: B{1} {2} heads of {3} queries, N{4} M{5} D{6} causal {7}, ordered {8}")
    @CsvSource({
        "BF16, 1, 1, 1, 20, 20, 64, false, true",
        "BF16, 2, 2, 2, 33, 33, 24, true, false",
        "BF16, 2, 1, 4, 17, 40, 72, false, false",
        "F16, 1, 2, 1, 40, 40, 8, true, true",
        "F32, 2, 1, 2, 21, 21, 16, true, true",
    })
    void gradients(DType type, int b, int heads, int group, int n, int m, int d, boolean causal, boolean ordered) {
        System.setProperty("aegis.cuda.deterministic", Boolean.toString(ordered));
        View q = heads(1, type, b, heads * group, n, d);
        View k = heads(2, type, b, heads, m, d);
        View v = heads(3, type, b, heads, m, d);
        View dout = heads(4, DType.F32, b, heads * group, n, d);
        View out = TestViews.garbage(DType.F32, q.shape());
        View lse = garbage(q.size(0), q.size(1), q.size(2));
        double scale = 1 / Math.sqrt(d);
        Mask mask = causal ? Mask.CAUSAL : Mask.NONE;
        Backends.scalar().attention().forward(q, k, v, scale, mask, out, lse);
        View dk = TestViews.garbage(type, b, m, heads, d).transpose(1, 2);
        Precision precision = type == DType.F16 ? Precision.F16 : Precision.BF16;
        View[] destinations = to(garbage(q.shape()), dk, garbage(v.shape()));
        // dS is rounded as well, and what goes in: twice as many roundings.
        double tolerance = 2 * tolerance(precision.dtype());
        CudaTwin.compare("backward", precision, tolerance, destinations, (kernels, g) -> of(kernels)
                .backward(q, k, v, scale, mask, out, lse, dout, g[0], g[1], g[2]));
        assertThat(graphs.runs).isEqualTo(1);
    }

    /** What is not tried at all, and is right all the same. */
    @Test
    void whatIsLeftToOurs() {
        View q = heads(1, DType.BF16, 1, 2, 20, 64);
        View k = heads(2, DType.BF16, 1, 2, 30, 64);
        View v = heads(3, DType.BF16, 1, 2, 30, 64);
        View seen = TestViews.zeros(DType.U8, 1, 30);
        for (int j = 0; j < 30; j += 2) {
            seen.setLongAt(j, 1);
        }
        forward(q, k, v, Mask.CAUSAL, garbage(q.shape()), true);
        forward(q, k, v, new Mask(false, seen), garbage(q.shape()), true);
        View odd = heads(4, DType.BF16, 1, 2, 20, 20);
        forward(odd, odd, odd, Mask.NONE, garbage(odd.shape()), true);
        View wide = heads(5, DType.BF16, 1, 2, 20, 136);
        forward(wide, wide, wide, Mask.NONE, garbage(wide.shape()), true);
        View shared = heads(6, DType.BF16, 1, 2, 20, 64).expand(3, 2, 20, 64);
        View queries = heads(7, DType.BF16, 3, 2, 20, 64);
        forward(queries, shared, shared, Mask.NONE, garbage(queries.shape()), true);
        View behind = garbage(1 + 40).slice(0, 1, 41).reshape(1, 2, 20);
        CudaTwin.compare("lse anywhere", Precision.BF16, tolerance(DType.BF16), to(behind), (kernels, to) -> of(kernels)
                .forward(q, q, q, 0.125, Mask.NONE, garbage(1, 2, 20, 64), to[0]));
        assertThat(graphs.compiled).isZero();
    }

    /** A refusal and a failure are one call late of nothing: ours compute it, and nobody asks again. */
    @Test
    void refusalsAndFailures() {
        View q = heads(1, DType.BF16, 1, 2, 20, 64);
        graphs.refusal = new CudaException("no engine takes it");
        forward(q, q, q, Mask.NONE, garbage(q.shape()), true);
        forward(q, q, q, Mask.NONE, garbage(q.shape()), true);
        assertThat(List.of(graphs.compiled, graphs.runs)).isEqualTo(List.of(1, 0));
        graphs.refusal = null;
        graphs.failure = new CudaException("status 5000");
        forward(q, q, q, Mask.CAUSAL, garbage(q.shape()), true);
        forward(q, q, q, Mask.CAUSAL, garbage(q.shape()), true);
        assertThat(List.of(graphs.compiled, graphs.runs)).isEqualTo(List.of(2, 1));
    }

    /** 0 times infinity behind the mask, as cuDNN would have it too: the rows are computed again. */
    @Test
    void whatTheMaskHidesMayBeInfinite() {
        View q = heads(1, DType.BF16, 1, 1, 20, 64);
        View v = heads(2, DType.BF16, 1, 1, 20, 64);
        v.setAt(v.position(19 * 64), Double.POSITIVE_INFINITY);
        forward(q, q, v, Mask.CAUSAL, garbage(q.shape()), true);
        assertThat(graphs.runs).isEqualTo(1);
    }
}
