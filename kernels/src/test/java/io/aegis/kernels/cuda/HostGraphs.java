package io.aegis.kernels.cuda;

import io.aegis.kernels.View;
import io.aegis.kernels.cuda.CudnnGraph.Node;
import io.aegis.kernels.cuda.CudnnGraph.Place;
import io.aegis.kernels.cuda.CudnnGraph.Pointwise;
import io.aegis.kernels.cuda.CudnnGraph.Product;
import io.aegis.kernels.cuda.CudnnGraph.Reduction;
import io.aegis.kernels.cuda.CudnnGraph.Reshape;
import io.aegis.kernels.cuda.CudnnGraph.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/** cuDNN's part for tests: graphs are computed on the host, node by node as {@link CudnnGraph} says, over the emulator's memory. */
final class HostGraphs implements CudnnGraph.Compiler {
    /** How many graphs were made runnable. */
    int compiled;

    /** How many runs there were. */
    int runs;

    /** Thrown by what is asked next; or null. */
    CudaException refusal;

    /** Thrown by runs; or null. */
    CudaException failure;

    @Override
    public CudnnGraph.Plan compile(CudnnGraph graph) {
        compiled++;
        if (refusal != null) {
            throw refusal;
        }
        return new CudnnGraph.Plan() {
            @Override
            public long workspaceBytes() {
                return 100;
            }

            @Override
            public void run(long stream, long[] ids, long[] addresses, long workspace) {
                runs++;
                if (failure != null) {
                    throw failure;
                }
                new Run(ids, addresses).of(graph);
            }
        };
    }

    private static final class Run {
        private final Map<Long, Long> addresses = new HashMap<>();
        /** What is nowhere, dense. */
        private final Map<Long, double[]> values = new HashMap<>();

        private final Set<Long> used = new HashSet<>();

        Run(long[] ids, long[] at) {
            for (int i = 0; i < ids.length; i++) {
                addresses.put(ids[i], at[i]);
            }
        }

        void of(CudnnGraph graph) {
            graph.nodes().forEach(this::compute);
            if (!used.equals(addresses.keySet())) {
                throw new AssertionError("addresses are given of " + addresses.keySet() + ", the graph has " + used);
            }
        }

        private void compute(Node node) {
            switch (node) {
                case Product p -> product(p);
                case Pointwise p -> pointwise(p);
                case Reduction r -> reduction(r);
                case Reshape r -> {
                    double[] x = read(r.x());
                    long[] n = r.x().sizes();
                    long[] swapped = {n[0], n[1], n[3], n[2]};
                    require(Arrays.equals(swapped, r.y().sizes()), node);
                    double[] y = new double[x.length];
                    each(n, (i, at) -> y[(int) place(swapped, i[0], i[1], i[3], i[2])] = x[at]);
                    write(r.y(), y);
                }
            }
        }

        private void product(Product p) {
            long[] a = p.a().sizes();
            long[] b = p.b().sizes();
            long[] c = p.c().sizes();
            require(a[0] == c[0] && b[0] == c[0] && a[1] == c[1] && c[1] % b[1] == 0, p);
            require(a[2] == c[2] && b[3] == c[3] && a[3] == b[2], p);
            require(p.a().type() == p.b().type() || p.a().type() == CudnnGraph.Type.F32, p);
            double[] x = read(p.a());
            double[] y = read(p.b());
            long group = c[1] / b[1];
            double[] sums = new double[(int) View.count(c)];
            each(c, (i, at) -> {
                for (long k = 0; k < a[3]; k++) {
                    sums[at] += x[(int) place(a, i[0], i[1], i[2], k)] * y[(int) place(b, i[0], i[1] / group, k, i[3])];
                }
            });
            write(p.c(), sums);
        }

        private void pointwise(Pointwise p) {
            long[] n = p.y().sizes();
            require(Arrays.equals(n, p.x().sizes()), p);
            double[] x = read(p.x());
            double[] b = p.b() == null ? null : read(p.b());
            double[] chosen = p.chosen() == null ? null : read(p.chosen());
            double[] y = new double[x.length];
            each(n, (i, at) -> {
                double other = b == null ? 0 : b[(int) repeated(p.b().sizes(), i)];
                y[at] = switch (p.function()) {
                    case ADD -> x[at] + other;
                    case MULTIPLY -> x[at] * other;
                    case DIVIDE -> x[at] / other;
                    case SUBTRACT -> x[at] - other;
                    case EXP -> Math.exp(x[at]);
                    case LOG -> Math.log(x[at]);
                    case IDENTITY -> x[at];
                    case NOT_LESS -> x[at] >= other ? 1 : 0;
                    case INDEX -> i[p.axis()];
                    case SELECT -> chosen[at] != 0 ? x[at] : other;
                };
            });
            write(p.y(), y);
        }

        private void reduction(Reduction r) {
            long[] n = r.x().sizes();
            long[] m = r.y().sizes();
            double[] x = read(r.x());
            double[] y = new double[(int) View.count(m)];
            boolean max = r.fold() == CudnnGraph.Fold.MAX;
            Arrays.fill(y, max ? Double.NEGATIVE_INFINITY : 0);
            each(n, (i, at) -> {
                long[] to = new long[4];
                for (int d = 0; d < 4; d++) {
                    require(n[d] % m[d] == 0, r);
                    to[d] = i[d] / (n[d] / m[d]);
                }
                int k = (int) place(m, to[0], to[1], to[2], to[3]);
                y[k] = max ? Math.max(y[k], x[at]) : y[k] + x[at];
            });
            write(r.y(), y);
        }

        private double[] read(Tensor t) {
            if (t.place() == Place.NOWHERE) {
                double[] x = values.get(t.id());
                require(x != null && x.length == View.count(t.sizes()), t);
                return x;
            }
            MemorySegment memory = memory(t);
            double[] x = new double[(int) View.count(t.sizes())];
            each(t.sizes(), (i, at) -> x[at] = get(memory, t.type(), offset(t, i)));
            return x;
        }

        private void write(Tensor t, double[] x) {
            if (t.place() == Place.NOWHERE) {
                double[] rounded = new double[x.length];
                Arrays.setAll(rounded, i -> round(t.type(), x[i]));
                require(values.put(t.id(), rounded) == null, t);
                return;
            }
            MemorySegment memory = memory(t);
            each(t.sizes(), (i, at) -> put(memory, t.type(), offset(t, i), x[at]));
        }

        private MemorySegment memory(Tensor t) {
            used.add(t.id());
            Long address = addresses.get(t.id());
            require(address != null && address % 16 == 0, t);
            return MemorySegment.ofAddress(address).reinterpret(Long.MAX_VALUE - address);
        }
    }

    private static double get(MemorySegment m, CudnnGraph.Type type, long at) {
        return switch (type) {
            case F32 -> m.get(ValueLayout.JAVA_FLOAT, 4 * at);
            case F16 -> Float.float16ToFloat(m.get(ValueLayout.JAVA_SHORT, 2 * at));
            case BF16 -> Float.intBitsToFloat(m.get(ValueLayout.JAVA_SHORT, 2 * at) << 16);
            case I32, BOOL -> throw new AssertionError(type + " in memory");
        };
    }

    private static void put(MemorySegment m, CudnnGraph.Type type, long at, double x) {
        switch (type) {
            case F32 -> m.set(ValueLayout.JAVA_FLOAT, 4 * at, (float) x);
            case F16 -> m.set(ValueLayout.JAVA_SHORT, 2 * at, Float.floatToFloat16((float) x));
            case BF16 -> m.set(ValueLayout.JAVA_SHORT, 2 * at, View.bfloat16((float) x));
            case I32, BOOL -> throw new AssertionError(type + " in memory");
        }
    }

    private static double round(CudnnGraph.Type type, double x) {
        return switch (type) {
            case F32 -> (float) x;
            case F16 -> Float.float16ToFloat(Float.floatToFloat16((float) x));
            case BF16 -> Float.intBitsToFloat(View.bfloat16((float) x) << 16);
            case I32 -> (int) x;
            case BOOL -> x != 0 ? 1 : 0;
        };
    }

    private interface Visitor {
        void visit(long[] index, int at);
    }

    private static void each(long[] n, Visitor visitor) {
        long[] i = new long[4];
        int at = 0;
        for (i[0] = 0; i[0] < n[0]; i[0]++) {
            for (i[1] = 0; i[1] < n[1]; i[1]++) {
                for (i[2] = 0; i[2] < n[2]; i[2]++) {
                    for (i[3] = 0; i[3] < n[3]; i[3]++) {
                        visitor.visit(i, at++);
                    }
                }
            }
        }
    }

    private static long place(long[] n, long... i) {
        return ((i[0] * n[1] + i[1]) * n[2] + i[2]) * n[3] + i[3];
    }

    private static long repeated(long[] n, long[] i) {
        return place(n, n[0] == 1 ? 0 : i[0], n[1] == 1 ? 0 : i[1], n[2] == 1 ? 0 : i[2], n[3] == 1 ? 0 : i[3]);
    }

    private static long offset(Tensor t, long[] i) {
        long at = 0;
        for (int d = 0; d < 4; d++) {
            require(t.strides()[d] > 0, t);
            at += i[d] * t.strides()[d];
        }
        return at;
    }

    private static void require(boolean right, Object what) {
        if (!right) {
            throw new AssertionError(String.valueOf(what));
        }
    }
}
