package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.Optimizer;
import io.aegis.kernels.View;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/** optimizer.cu and regrad.cu: float32 in any layout; all else is the host's. */
final class CudaOptimizer implements Optimizer {
    private static final Variant FILE = Variant.of("optimizer.cu");
    private static final int THREADS = 256;
    /** The most blocks of a sum. */
    private static final int BLOCKS = 256;
    /** Steps that a thread of a sum takes at once. */
    private static final int PER = 4;
    /** Elements from which on a parameter is worth a launch of its own. */
    private static final long LARGE = 1 << 20;
    /** Of the struct Update. */
    private static final int UPDATE_BYTES = 56;

    private final Cuda cuda;
    private final Optimizer host;
    private final Entry adam;
    private final Entry squares;
    private final Entry adamSeveral;
    private final Entry total;
    private final Entry guard;
    private final CudaReGrad reGrad;

    CudaOptimizer(Cuda cuda, Optimizer host, Elementwise elementwise) {
        this.cuda = cuda;
        this.host = host;
        adam = new Entry(cuda, FILE, "adam");
        squares = new Entry(cuda, FILE, "squares");
        adamSeveral = new Entry(cuda, FILE, "adam_several");
        total = new Entry(cuda, FILE, "total");
        guard = new Entry(cuda, FILE, "guard");
        reGrad = new CudaReGrad(cuda, host, elementwise);
    }

    static List<Variant> variants() {
        return List.of(FILE, CudaReGrad.FILE);
    }

    static List<String> entries() {
        return List.of("adam", "adam_several", "guard", "squares", "total", "regrad_sums", "regrad");
    }

    @Override
    public void adam(View parameter, View gradient, View first, View second, Adam c, View step) {
        if (parameter.elements() == 0) {
            return;
        }
        Space space = Space.ofFloats(gradient, parameter, first, second);
        if (space == null) {
            host.adam(parameter, gradient, first, second, c, step);
            return;
        }
        long g = cuda.read(gradient);
        long p = cuda.update(parameter);
        long m = cuda.update(first);
        long v = cuda.update(second);
        long now = cuda.read(step);
        space.widen(g, p, m, v);
        Arguments a = space.begin(g, p, m, v);
        a.pointer(now).f64(c.weightDecay());
        pack(a, c);
        adam.launch(each(space), a);
    }

    @Override
    public void guard(View values, View steps, View guarded) {
        if (values.dtype() != DType.F32 || steps.elements() == 0 || steps.elements() >= 1L << 31) {
            host.guard(values, steps, guarded);
            return;
        }
        long from = cuda.read(values);
        long table = cuda.read(steps);
        Arguments a = Arguments.begin().pointer(from).pointer(table).pointer(cuda.write(guarded));
        a.i32((int) values.elements()).i32((int) steps.elements());
        guard.launch(Engine.Grid.of(Math.ceilDiv(steps.elements(), (long) THREADS), THREADS), a);
    }

    @Override
    public double squares(View x) {
        return squares(List.of(x));
    }

    @Override
    public double squares(List<View> all) {
        double elsewhere = 0;
        try (Cuda.Scratch scratch = cuda.scratch()) {
            long most = Math.multiplyExact((long) BLOCKS, all.size());
            long sums = scratch.take(DType.F64, Math.max(1, most));
            int count = 0;
            for (View x : all) {
                Space space = Space.ofFloats(x);
                if (x.elements() == 0) {
                    continue;
                }
                if (space == null) {
                    elsewhere += host.squares(x);
                    continue;
                }
                long at = cuda.read(x);
                space.widen(at);
                int blocks = blocks(space);
                Arguments a = space.begin(at).pointer(sums + 8L * count);
                squares.launch(Engine.Grid.of(blocks, THREADS), a);
                count += blocks;
            }
            return count == 0 ? elsewhere : elsewhere + total(sums, count, scratch.take(DType.F64, 1));
        }
    }

    private double total(long sums, int count, long to) {
        Arguments a = Arguments.begin().pointer(sums).pointer(to).i32(count).i32(0);
        total.launch(Engine.Grid.of(1, THREADS), a);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment result = arena.allocate(ValueLayout.JAVA_DOUBLE);
            cuda.engine().download(to, result);
            return result.get(ValueLayout.JAVA_DOUBLE, 0);
        }
    }

    @Override
    public void adam(List<Update> all) {
        all.forEach(this::makeRoom);
        List<Update> together = new ArrayList<>();
        for (Update u : all) {
            if (u.parameter().elements() >= LARGE
                    || !Runs.areDense(u.gradient(), u.parameter(), u.first(), u.second())) {
                adam(u.parameter(), u.gradient(), u.first(), u.second(), u.constants(), u.step());
            } else if (u.parameter().elements() > 0) {
                boolean full = together.size() == Runs.MOST;
                if (full || !together.isEmpty() && !alike(together.getFirst().constants(), u.constants())) {
                    several(together);
                    together.clear();
                }
                together.add(u);
            }
        }
        if (!together.isEmpty()) {
            several(together);
        }
    }

    /** Where memory is short it is so before the first of them is updated: all of them are, or none. */
    private void makeRoom(Update u) {
        if (Space.ofFloats(u.gradient(), u.parameter(), u.first(), u.second()) != null) {
            for (View v : List.of(u.gradient(), u.parameter(), u.first(), u.second(), u.step())) {
                cuda.read(v);
            }
        }
    }

    /** Whether they differ in nothing but the weight decay. */
    private static boolean alike(Adam a, Adam b) {
        return a.equals(new Adam(b.beta1(), b.beta2(), b.eps(), a.weightDecay(), b.decoupled()));
    }

    private void several(List<Update> runs) {
        long[][] addresses = new long[runs.size()][];
        for (int i = 0; i < addresses.length; i++) {
            Update u = runs.get(i);
            addresses[i] = new long[] {
                cuda.update(u.parameter()),
                cuda.read(u.gradient()),
                cuda.update(u.first()),
                cuda.update(u.second()),
                cuda.read(u.step())
            };
        }
        Arguments a = Arguments.begin();
        pack(a, runs.getFirst().constants());
        a.i32(addresses.length).i32(0);
        long blocks = 0;
        for (int i = 0; i < addresses.length; i++) {
            long count = runs.get(i).parameter().elements();
            for (long address : addresses[i]) {
                a.pointer(address);
            }
            a.f64(runs.get(i).constants().weightDecay());
            a.i32((int) count).i32((int) blocks);
            blocks += Math.ceilDiv(count, (long) Runs.STRIDE);
        }
        a.zeros((Runs.MOST - addresses.length) * UPDATE_BYTES);
        adamSeveral.launch(Engine.Grid.of(blocks, THREADS), a);
    }

    /** The struct Constants. */
    private static void pack(Arguments a, Adam c) {
        a.f32(c.beta1()).f32(1 - c.beta1()).f32(c.beta2()).f32(1 - c.beta2());
        a.f32(c.eps()).i32(c.decoupled() ? 1 : 0);
    }

    @Override
    public void regrad(List<Correction> all, View information) {
        reGrad.correct(all, information);
    }

    private static Engine.Grid each(Space space) {
        return Engine.Grid.of(Math.ceilDiv(space.count(), (long) THREADS), THREADS);
    }

    /** Blocks of a sum over a space. */
    private static int blocks(Space space) {
        return (int) Math.min(BLOCKS, Math.ceilDiv(space.count(), (long) PER * THREADS));
    }
}
