package io.aegis.kernels.cuda;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import io.aegis.kernels.cuda.AttentionCall.Operand;
import io.aegis.kernels.cuda.CudnnAttentionGraph.Layout;
import io.aegis.kernels.cuda.CudnnAttentionGraph.Shape;
import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Attention by cuDNN, where somebody asks for it ({@code -Daegis.cuda.cudnn=true}, {@link Route#CUDNN}) and it takes a call. What it does
 * not take, or fails in, is left to our kernels, and said once for each reason. No card has run it yet.
 *
 * <p>Results are rounded to 16 bits on the way to float32, which ours are not.
 */
final class CudnnAttention {
    /** {@code true} takes it before our kernels. */
    static final String PROPERTY = "aegis.cuda.cudnn";

    private static final System.Logger LOG = System.getLogger(CudnnAttention.class.getName());
    /** Columns of a head are multiples of it. */
    private static final int COLUMNS = 8;
    /** Our kernels' widest head; cuDNN's own limit is higher. */
    private static final int WIDEST = 128;

    private final Cuda cuda;
    private final CudnnGraph.Compiler compiler;
    private final Map<Shape, CudnnGraph.Plan> plans = new HashMap<>();
    private final Set<Shape> refused = new HashSet<>();
    private final Set<String> said = new HashSet<>();

    CudnnAttention(Cuda cuda, CudnnGraph.Compiler compiler) {
        this.cuda = cuda;
        this.compiler = compiler;
    }

    /** For a device that has the library, when it was asked for; else null. */
    static CudnnAttention of(Cuda cuda) {
        boolean asked = cuda.route() == Route.CUDNN || cuda.route() == Route.BEST && Boolean.getBoolean(PROPERTY);
        if (!asked || !(cuda.engine() instanceof DriverEngine driver)) {
            return null;
        }
        Cudnn.Found found = driver.attention();
        if (found.library() == null) {
            LOG.log(Level.INFO, "attention is computed by our own kernels, not by cuDNN: " + found.reason());
            return null;
        }
        return new CudnnAttention(cuda, graph -> CudnnPlan.of(found.library(), graph));
    }

    /** Whether a call is one of those that are tried: the rest nobody asks cuDNN about. */
    boolean tries(AttentionCall call) {
        boolean square = !call.mask.causal() || call.n == call.m;
        boolean recording = cuda.engine() instanceof DriverEngine driver && driver.isRecording();
        return call.mask.keys() == null
                && square
                && call.n > 1
                && call.m > 0
                && call.d % COLUMNS == 0
                && call.d <= WIDEST
                && !recording;
    }

    /**
     * Queues a forward pass.
     *
     * @param q of the type that products are of, as k and v
     * @param lse null where nobody wants it
     * @return where the result is until the call is closed, then also in {@code out}; null when it was not computed
     */
    Operand forward(AttentionCall call, Operand q, Operand k, Operand v, View out, View lse) {
        if (!tries(call) || !steps(call, q, k, v) || lse != null && !fits(lse)) {
            return null;
        }
        AttentionCall.Result o = call.result(out, q.dtype());
        Shape shape = shape(call, q.dtype(), false, lse != null, List.of(q, k, v, o.at()));
        Tensors tensors = new Tensors()
                .put(CudnnAttentionGraph.Q, q.address())
                .put(CudnnAttentionGraph.K, k.address())
                .put(CudnnAttentionGraph.V, v.address())
                .put(CudnnAttentionGraph.O, o.at().address());
        if (lse != null) {
            tensors.put(CudnnAttentionGraph.LSE, cuda.write(lse));
        }
        if (!run(call, shape, tensors)) {
            return null;
        }
        call.deliver(o);
        return o.at();
    }

    /**
     * Queues a backward pass.
     *
     * @param in q, k, v, dO, and o behind them, of one type
     * @param to dq, dk, dv
     * @return false when nothing was computed
     */
    boolean backward(AttentionCall call, Operand[] in, View lse, View... to) {
        boolean stepped = steps(call, in[0], in[1], in[2])
                && steps(call, in[3], in[1], in[2])
                && steps(call, in[4], in[1], in[2]);
        if (!tries(call) || !stepped || !fits(lse) || Arrays.asList(to).contains(null)) {
            return false;
        }
        DType type = in[0].dtype();
        List<AttentionCall.Result> results =
                Arrays.stream(to).map(v -> call.result(v, type)).toList();
        List<Operand> all = new ArrayList<>(List.of(in[0], in[1], in[2], in[4], in[3]));
        results.forEach(r -> all.add(r.at()));
        Shape shape = shape(call, type, true, true, all);
        long rows = (long) call.batch * call.heads * call.n;
        Tensors tensors = new Tensors()
                .put(CudnnAttentionGraph.Q, in[0].address())
                .put(CudnnAttentionGraph.K, in[1].address())
                .put(CudnnAttentionGraph.V, in[2].address())
                .put(CudnnAttentionGraph.DO, in[3].address())
                .put(CudnnAttentionGraph.O, in[4].address())
                .put(CudnnAttentionGraph.LSE, cuda.read(lse))
                .put(CudnnAttentionGraph.DQ, results.get(0).at().address())
                .put(CudnnAttentionGraph.DK, results.get(1).at().address())
                .put(CudnnAttentionGraph.DV, results.get(2).at().address())
                .put(CudnnAttentionGraph.DELTA, call.scratch(DType.F32, rows));
        if (!shape.ordered()) {
            tensors.put(CudnnAttentionGraph.SUMS, call.scratch(DType.F32, rows * call.d));
        }
        if (!run(call, shape, tensors)) {
            return false;
        }
        results.forEach(call::deliver);
        return true;
    }

    /** Whether every head and row has a place of its own: cuDNN knows no stride of 0. */
    private static boolean steps(AttentionCall c, Operand q, Operand k, Operand v) {
        return steps(c, q, c.heads, c.n) && steps(c, k, c.keyHeads, c.m) && steps(c, v, c.keyHeads, c.m);
    }

    private static boolean steps(AttentionCall c, Operand x, int heads, int rows) {
        return (c.batch == 1 || x.batch() > 0) && (heads == 1 || x.head() > 0) && (rows == 1 || x.row() > 0);
    }

    /** Whether lse is dense and begins at a multiple of 16 bytes. */
    private static boolean fits(View lse) {
        return lse.isContiguous() && lse.offset() % 4 == 0;
    }

    private static Shape shape(AttentionCall c, DType type, boolean backward, boolean lse, List<Operand> operands) {
        List<Layout> layouts = operands.stream()
                .map(o -> layout(c.d, o.batch(), o.head(), o.row()))
                .toList();
        boolean causal = c.mask.causal();
        boolean ordered = Hopper.isOrdered();
        return new Shape(backward, type, c.batch, c.heads, c.keyHeads, c.n, c.m, c.d, causal, lse, ordered, layouts);
    }

    /** A dimension of one element is never stepped through and has 0 here, but a stride it has to have. */
    static Layout layout(long columns, long batch, long head, long row) {
        long some = Math.max(columns, Math.max(row, Math.max(head, batch)));
        return new Layout(batch > 0 ? batch : some, head > 0 ? head : some, row > 0 ? row : some);
    }

    /** Addresses by tensors. */
    private static final class Tensors {
        private final Map<Long, Long> addresses = new HashMap<>();

        Tensors put(long id, long address) {
            addresses.put(id, address);
            return this;
        }
    }

    private boolean run(AttentionCall call, Shape shape, Tensors tensors) {
        synchronized (plans) {
            if (refused.contains(shape)) {
                return false;
            }
            try (Cuda.Scratch scratch = cuda.scratch();
                    Arena arena = Arena.ofConfined()) {
                CudnnGraph.Plan plan = plans.get(shape);
                if (plan == null) {
                    plan = compiler.compile(CudnnAttentionGraph.of(shape));
                    plans.put(shape, plan);
                }
                value(tensors, arena, CudnnAttentionGraph.SCALE, call.scale);
                if (shape.causal()) {
                    value(tensors, arena, CudnnAttentionGraph.UNSEEN, Float.NEGATIVE_INFINITY);
                }
                if (shape.backward()) {
                    value(tensors, arena, CudnnAttentionGraph.ONE, 1);
                }
                long[] ids = tensors.addresses.keySet().stream()
                        .mapToLong(id -> id)
                        .sorted()
                        .toArray();
                long[] addresses =
                        Arrays.stream(ids).map(tensors.addresses::get).toArray();
                long workspace = scratch.take(Math.max(1, plan.workspaceBytes()));
                plan.run(cuda.queue(), ids, addresses, workspace);
                cuda.note(Cuda.CUDNN);
                return true;
            } catch (CudaException | OutOfMemoryError e) {
                refused.add(shape);
                plans.remove(shape);
                refuse(shape, e.getMessage());
                return false;
            }
        }
    }

    private static void value(Tensors tensors, Arena arena, long id, float x) {
        MemorySegment at = arena.allocate(16, 16);
        at.set(JAVA_FLOAT, 0, x);
        tensors.put(id, at.address());
    }

    private void refuse(Shape s, String why) {
        Level level = said.add(why) ? Level.WARNING : Level.DEBUG;
        LOG.log(
                level,
                "cuDNN does not compute attention" + (s.backward() ? " backward" : "") + " of " + s.type() + " ["
                        + s.batch() + ", " + s.heads() + ", " + s.n() + " x " + s.m() + ", " + s.d()
                        + "], our own kernels do: " + why);
    }
}
