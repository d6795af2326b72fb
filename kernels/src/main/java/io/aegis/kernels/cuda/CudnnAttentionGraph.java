package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.kernels.cuda.CudnnGraph.Fold;
import io.aegis.kernels.cuda.CudnnGraph.Function;
import io.aegis.kernels.cuda.CudnnGraph.Node;
import io.aegis.kernels.cuda.CudnnGraph.Place;
import io.aegis.kernels.cuda.CudnnGraph.Tensor;
import io.aegis.kernels.cuda.CudnnGraph.Type;
import java.util.ArrayList;
import java.util.List;

/**
 * Attention as cuDNN takes it for one operation: the formulas of {@code Attention}, node by node, in the order in which
 * cudnn-frontend's composite nodes have them, which is what the library looks for. The one operation that newer versions have for all of it
 * (CUDNN_BACKEND_OPERATION_SDPA_FWD_DESCRIPTOR) has a backward twin without an engine for compute capability 9.0, as 9.24
 * says; this form serves both ways, from 9.0 on.
 */
final class CudnnAttentionGraph {
    static final long Q = 1;
    static final long K = 2;
    static final long V = 3;
    static final long O = 4;
    static final long LSE = 5;
    static final long DO = 6;
    static final long DQ = 7;
    static final long DK = 8;
    static final long DV = 9;
    /** F32 [B, Hq, N], dense: rowsum(dO * O). */
    static final long DELTA = 10;
    /** F32 [B, Hq, N, D], dense: dQ, summed in any order; cuDNN itself sets it to 0, from 9.6 on. */
    static final long SUMS = 11;
    /** On the host, F32: what scores are multiplied by. */
    static final long SCALE = 12;
    /** On the host, F32: 1. */
    static final long ONE = 13;
    /** On the host, F32: -infinity. */
    static final long UNSEEN = 14;

    private static final long FIRST_NOWHERE = 100;
    private static final int ROWS = 2;
    private static final int COLUMNS = 3;

    /** Strides of [B, H, rows, D] in elements, 1 along D; none 0. */
    record Layout(long batch, long head, long row) {}

    /**
     * All that decides how a call is computed.
     *
     * @param backward gradients; else the result
     * @param lse whether the forward pass writes it
     * @param ordered whether the gradient of queries is summed in a fixed order
     * @param layouts of q, k, v, o; backward also of dO, dQ, dK, dV
     */
    record Shape(
            boolean backward,
            DType type,
            int batch,
            int heads,
            int keyHeads,
            int n,
            int m,
            int d,
            boolean causal,
            boolean lse,
            boolean ordered,
            List<Layout> layouts) {}

    private final Shape s;
    private final List<Node> nodes = new ArrayList<>();
    private final Type type;
    private final Tensor scale = host(SCALE);
    private long next = FIRST_NOWHERE;

    private CudnnAttentionGraph(Shape shape) {
        this.s = shape;
        this.type = Type.of(shape.type());
    }

    static CudnnGraph of(Shape shape) {
        CudnnAttentionGraph graph = new CudnnAttentionGraph(shape);
        if (shape.backward()) {
            graph.backward();
        } else {
            graph.forward();
        }
        return new CudnnGraph(List.copyOf(graph.nodes));
    }

    private void forward() {
        Tensor x = masked(scaled(product(queries(Q, 0), transposed(K, 1))));
        Tensor max = rows();
        nodes.add(new CudnnGraph.Reduction(Fold.MAX, x, max));
        Tensor e = scores(Type.F32);
        exp(minus(x, max), e);
        Tensor sum = rows();
        nodes.add(new CudnnGraph.Reduction(Fold.SUM, e, sum));
        // Also where nobody wants it: no engine takes the graph without it.
        Tensor log = rows();
        pointwise(Function.LOG, sum, null, log);
        pointwise(Function.ADD, max, log, s.lse() ? dense(Place.DEVICE, LSE, 1) : rows());
        Tensor p = scores(type);
        pointwise(Function.DIVIDE, e, sum, p);
        nodes.add(new CudnnGraph.Product(p, keys(V, 2), queries(O, 3)));
    }

    private void backward() {
        Tensor q = queries(Q, 0);
        Tensor k = transposed(K, 1);
        Tensor dO = queries(DO, 4);
        Tensor products = dense(Place.NOWHERE, next++, s.d());
        pointwise(Function.MULTIPLY, dO, queries(O, 3), products);
        Tensor sum = rows();
        nodes.add(new CudnnGraph.Reduction(Fold.SUM, products, sum));
        // Where a dropout's scale would stand; a graph without it is another one, of which nobody knows whether an
        // engine takes it.
        Tensor delta = dense(Place.DEVICE, DELTA, 1);
        pointwise(Function.MULTIPLY, sum, host(ONE), delta);

        Tensor p = scores(Type.F32);
        exp(masked(minus(scaled(product(q, k)), dense(Place.DEVICE, LSE, 1))), p);
        keyGradient(p, dO, keys(DV, 7));

        Tensor dP = scores(Type.F32);
        pointwise(Function.MULTIPLY, minus(product(dO, transposed(V, 2)), delta), p, dP);
        Tensor dS = scaled(dP);
        keyGradient(dS, q, keys(DK, 6));
        queryGradient(dS, k, queries(DQ, 5));
    }

    /** dk = x^T y, summed over the heads of a group. */
    private void keyGradient(Tensor x, Tensor y, Tensor dk) {
        long[] sizes = {s.batch(), s.heads(), s.m(), s.n()};
        long[] strides = {(long) s.heads() * s.m() * s.n(), (long) s.m() * s.n(), 1, s.m()};
        Tensor turned = new Tensor(next++, type, Place.NOWHERE, sizes, strides);
        nodes.add(new CudnnGraph.Reshape(x, turned));
        if (s.heads() == s.keyHeads()) {
            nodes.add(new CudnnGraph.Product(turned, y, dk));
            return;
        }
        Tensor all = rowMajor(next++, type, Place.NOWHERE, s.batch(), s.heads(), s.m(), s.d());
        nodes.add(new CudnnGraph.Product(turned, y, all));
        nodes.add(new CudnnGraph.Reduction(Fold.SUM, all, dk));
    }

    private void queryGradient(Tensor dS, Tensor transposedKeys, Tensor dQ) {
        Tensor k = heads(next++, Place.NOWHERE, s.keyHeads(), s.m(), 1);
        nodes.add(new CudnnGraph.Reshape(transposedKeys, k));
        if (s.ordered()) {
            nodes.add(new CudnnGraph.Product(dS, k, dQ));
            return;
        }
        Tensor sums = dense(Place.DEVICE, SUMS, s.d());
        nodes.add(new CudnnGraph.Product(dS, k, sums));
        pointwise(Function.IDENTITY, sums, null, dQ);
    }

    private Tensor product(Tensor a, Tensor b) {
        Tensor y = scores(Type.F32);
        nodes.add(new CudnnGraph.Product(a, b, y));
        return y;
    }

    private Tensor scaled(Tensor x) {
        Tensor y = scores(Type.F32);
        pointwise(Function.MULTIPLY, x, scale, y);
        return y;
    }

    private Tensor minus(Tensor x, Tensor rows) {
        Tensor y = scores(Type.F32);
        pointwise(Function.SUBTRACT, x, rows, y);
        return y;
    }

    private void exp(Tensor x, Tensor y) {
        pointwise(Function.EXP, x, null, y);
    }

    /** Of as many keys as queries: a query sees what has its own place or one before it. */
    private Tensor masked(Tensor x) {
        if (!s.causal()) {
            return x;
        }
        Tensor row = scores(Type.I32);
        nodes.add(new CudnnGraph.Pointwise(Function.INDEX, x, null, null, ROWS, row));
        Tensor column = scores(Type.I32);
        nodes.add(new CudnnGraph.Pointwise(Function.INDEX, x, null, null, COLUMNS, column));
        Tensor seen = scores(Type.BOOL);
        pointwise(Function.NOT_LESS, row, column, seen);
        Tensor y = scores(Type.F32);
        nodes.add(new CudnnGraph.Pointwise(Function.SELECT, x, host(UNSEEN), seen, -1, y));
        return y;
    }

    private void pointwise(Function f, Tensor x, Tensor b, Tensor y) {
        nodes.add(new CudnnGraph.Pointwise(f, x, b, null, -1, y));
    }

    private Tensor queries(long id, int layout) {
        return heads(id, Place.DEVICE, s.heads(), s.n(), layout);
    }

    private Tensor keys(long id, int layout) {
        return heads(id, Place.DEVICE, s.keyHeads(), s.m(), layout);
    }

    /** Keys or values as [B, H, D, M]. */
    private Tensor transposed(long id, int layout) {
        Tensor x = keys(id, layout);
        long[] n = x.sizes();
        long[] by = x.strides();
        return new Tensor(
                id, type, Place.DEVICE, new long[] {n[0], n[1], n[3], n[2]}, new long[] {by[0], by[1], by[3], by[2]});
    }

    private Tensor heads(long id, Place place, int heads, int rows, int layout) {
        Layout l = s.layouts().get(layout);
        return new Tensor(
                id, type, place, new long[] {s.batch(), heads, rows, s.d()}, new long[] {l.batch, l.head, l.row, 1});
    }

    private Tensor scores(Type of) {
        return rowMajor(next++, of, Place.NOWHERE, s.batch(), s.heads(), s.n(), s.m());
    }

    /** One number a query. */
    private Tensor rows() {
        return dense(Place.NOWHERE, next++, 1);
    }

    private Tensor dense(Place place, long id, int columns) {
        return rowMajor(id, Type.F32, place, s.batch(), s.heads(), s.n(), columns);
    }

    private static Tensor host(long id) {
        return rowMajor(id, Type.F32, Place.HOST, 1, 1, 1, 1);
    }

    private static Tensor rowMajor(long id, Type type, Place place, long... sizes) {
        return new Tensor(id, type, place, sizes, View.rowMajor(sizes));
    }
}
