package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;
import io.aegis.kernels.Optimizer;
import io.aegis.kernels.View;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** optimizer.cu: float32 in any layout; all else is the host's. */
final class CudaOptimizer implements Optimizer {
    private static final Variant FILE = Variant.of("optimizer.cu");
    private static final int THREADS = 256;
    /** The most blocks of a sum. */
    private static final int BLOCKS = 256;
    /** Steps that a thread of a sum takes at once. */
    private static final int PER = 4;

    private final Cuda cuda;
    private final Optimizer host;
    private final Entry adam;
    private final Entry squares;
    private final Entry dots;
    private final Entry total;
    private final Entry modulate;

    CudaOptimizer(Cuda cuda, Optimizer host) {
        this.cuda = cuda;
        this.host = host;
        adam = new Entry(cuda, FILE, "adam");
        squares = new Entry(cuda, FILE, "squares");
        dots = new Entry(cuda, FILE, "dots");
        total = new Entry(cuda, FILE, "total");
        modulate = new Entry(cuda, FILE, "modulate");
    }

    static List<Variant> variants() {
        return List.of(FILE);
    }

    static List<String> entries() {
        return List.of("adam", "squares", "dots", "total", "modulate");
    }

    @Override
    public void adam(View parameter, View gradient, View first, View second, Adam c, View step) {
        if (parameter.elements() == 0) {
            return;
        }
        Space space = floats(gradient, parameter, first, second);
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
        Arguments a = begin(space, g, p, m, v);
        a.pointer(now).f64(c.weightDecay());
        a.f32(c.beta1()).f32(1 - c.beta1()).f32(c.beta2()).f32(1 - c.beta2());
        a.f32(c.eps()).i32(c.decoupled() ? 1 : 0);
        adam.launch(each(space), a);
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
                Space space = floats(x);
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
                Arguments a = begin(space, at).pointer(sums + 8L * count);
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
    public void modulate(View base, View x, View out) {
        if (out.elements() == 0) {
            return;
        }
        Space both = floats(base, x);
        Space space = floats(base, x, out);
        if (both == null || space == null) {
            host.modulate(base, x, out);
            return;
        }
        try (Cuda.Scratch scratch = cuda.scratch()) {
            long b = cuda.read(base);
            long from = cuda.read(x);
            long to = cuda.write(out);
            long sums = scratch.take(DType.F64, 2 * BLOCKS);
            both.widen(b, from);
            int blocks = blocks(both);
            dots.launch(Engine.Grid.of(blocks, THREADS), begin(both, b, from).pointer(sums));
            space.widen(b, from, to);
            Arguments a = begin(space, b, from, to).pointer(sums).i32(blocks).i32(0);
            modulate.launch(each(space), a);
        }
    }

    /** The space of views that are all float32, or null. */
    private static Space floats(View... views) {
        for (View v : views) {
            if (v.dtype() != DType.F32) {
                return null;
            }
        }
        Space space = Space.of(views);
        return space.fits() ? space : null;
    }

    private static Arguments begin(Space space, long... addresses) {
        Arguments a = Arguments.begin();
        space.pack(a);
        for (int k = 0; k < addresses.length; k++) {
            space.packOperand(a, k, addresses[k]);
        }
        return a;
    }

    private static Engine.Grid each(Space space) {
        return Engine.Grid.of(Math.ceilDiv(space.count(), (long) THREADS), THREADS);
    }

    /** Blocks of a sum over a space. */
    private static int blocks(Space space) {
        return (int) Math.min(BLOCKS, Math.ceilDiv(space.count(), (long) PER * THREADS));
    }
}
