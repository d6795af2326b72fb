package io.aegis.kernels.cuda;

import io.aegis.kernels.Activation;
import io.aegis.kernels.DType;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.View;
import java.util.Arrays;
import java.util.List;

/**
 * Pointwise work by elementwise.cu: float32 arithmetic, and copies, fills and gathers of any dtype, in any layout that comes
 * down to {@link Arguments#MAX_RANK} dimensions. The rest is computed on the host.
 */
final class CudaElementwise implements Elementwise {
    private static final Variant FILE = Variant.of("elementwise.cu");
    private static final int THREADS = 256;
    /** Elements that a thread takes one by one where there are no four side by side. */
    private static final int NARROW = 4;
    /** Below this size of either dimension a transposition does not gain by going through shared memory. */
    private static final int TILED_FROM = 16;

    private static final int TILE = 32;
    /** Calls of one launch, {@code JOBS} of elementwise.cu. */
    private static final int JOBS = 8;
    /** Bytes of the widest unit. */
    private static final int WORD = 16;

    private final Cuda cuda;
    private final Elementwise host;
    private final Entry binary;
    private final Entry affine;
    private final Entry addScaled;
    private final Entry activate;
    private final Entry activateBackward;
    private final Entry siluGate;
    private final Entry siluGateBackward;
    private final Entry dropout;
    private final Entry convert;
    private final Entry convertAny;
    private final Entry moves4;
    private final Entry moves16;
    private final Entry sums;
    private final Entry scatterCount;
    private final Entry scatterPlace;
    private final Entry scatterList;
    private final Entry scatterAdd;
    /** For units of 1, 2, 4, 8 and 16 bytes. */
    private final Entry[] move;

    private final Entry[] fill;
    private final Entry[] gather;
    private final Entry[] transpose;

    CudaElementwise(Cuda cuda, Elementwise host) {
        this.cuda = cuda;
        this.host = host;
        binary = entry("binary");
        affine = entry("affine");
        addScaled = entry("add_scaled");
        activate = entry("activation");
        activateBackward = entry("activation_backward");
        siluGate = entry("silu_gate");
        siluGateBackward = entry("silu_gate_backward");
        dropout = entry("dropout");
        convert = entry("convert");
        convertAny = entry("convert_any");
        moves4 = entry("moves4");
        moves16 = entry("moves16");
        sums = entry("sums");
        scatterCount = entry("scatter_count");
        scatterPlace = entry("scatter_place");
        scatterList = entry("scatter_list");
        scatterAdd = entry("scatter_add");
        move = bySize("move", 5);
        fill = bySize("fill", 5);
        gather = bySize("gather", 5);
        transpose = bySize("transpose", 4);
    }

    static List<Variant> variants() {
        return List.of(FILE);
    }

    private Entry entry(String name) {
        return new Entry(cuda, FILE, name);
    }

    private Entry[] bySize(String name, int sizes) {
        Entry[] out = new Entry[sizes];
        for (int i = 0; i < sizes; i++) {
            out[i] = entry(name + (1 << i));
        }
        return out;
    }

    private static Entry ofSize(Entry[] entries, int bytes) {
        return entries[Integer.numberOfTrailingZeros(bytes)];
    }

    @Override
    public void fill(View y, double value) {
        if (y.elements() == 0) {
            return;
        }
        Space space = Space.of(y);
        if (!space.fits()) {
            host.fill(y, value);
            return;
        }
        long at = cuda.write(y);
        long pattern = pattern(y.dtype(), value);
        if (isOneRun(space, 1) && pattern == (pattern & 0xff) * 0x0101010101010101L) {
            cuda.fill(at, (byte) pattern, y.bytes());
            return;
        }
        int unit = space.unite(y.dtype().bytes(), 16, at);
        Arguments a = space.begin(at);
        a.i64(pattern).i64(pattern);
        ofSize(fill, unit).launch(blocks(space, THREADS), a);
    }

    /** The bits of a value as {@link View#setAt} rounds it, repeated over 8 bytes. */
    private static long pattern(DType dtype, double value) {
        long bits =
                switch (dtype) {
                    case F64 -> Double.doubleToRawLongBits(value);
                    case F32 -> Float.floatToRawIntBits((float) value);
                    case F16 -> Float.floatToFloat16((float) value);
                    case BF16 -> View.bfloat16((float) value);
                    case I64, I8, U8 -> (long) value;
                    case I32 -> (int) value;
                    case I16 -> (short) value;
                    case BOOL -> value != 0 ? 1 : 0;
                };
        return switch (dtype.bytes()) {
            case 1 -> (bits & 0xff) * 0x0101010101010101L;
            case 2 -> (bits & 0xffff) * 0x0001000100010001L;
            case 4 -> (bits & 0xffffffffL) * 0x0000000100000001L;
            default -> bits;
        };
    }

    @Override
    public void copy(View x, View y) {
        if (y.elements() == 0) {
            return;
        }
        Space space = Space.of(x, y);
        if (!space.fits()) {
            host.copy(x, y);
            return;
        }
        long from = cuda.read(x);
        long to = cuda.write(y);
        if (x.dtype() == y.dtype()) {
            move(space, x.dtype().bytes(), from, to);
        } else if (isFloat(x.dtype()) && isFloat(y.dtype())) {
            convert(convert, x, y, space.widen(from, to), from, to);
        } else {
            convert(convertAny, x, y, space, from, to);
        }
    }

    @Override
    public void copies(View[] x, View[] y) {
        for (int from = 0; from < y.length; from += JOBS) {
            int to = Math.min(y.length, from + JOBS);
            if (!copied(Arrays.copyOfRange(x, from, to), Arrays.copyOfRange(y, from, to))) {
                for (int i = from; i < to; i++) {
                    copy(x[i], y[i]);
                }
            }
        }
    }

    /** In one launch, if all pairs are of 4-byte elements and there are at least two. */
    private boolean copied(View[] x, View[] y) {
        int n = y.length;
        long[] from = new long[n];
        long[] to = new long[n];
        int unit = WORD;
        boolean served = n > 1;
        for (int i = 0; served && i < n; i++) {
            Space space = Space.of(x[i], y[i]);
            served = x[i].dtype() == y[i].dtype() && y[i].dtype().bytes() == 4 && y[i].elements() > 0 && space.fits();
            if (served) {
                from[i] = cuda.read(x[i]);
                to[i] = cuda.write(y[i]);
                unit = Math.min(unit, space.unite(4, WORD, from[i], to[i]) < WORD ? 4 : WORD);
            }
        }
        if (!served) {
            return false;
        }
        Space[] spaces = new Space[n];
        long most = 0;
        for (int i = 0; i < n; i++) {
            spaces[i] = Space.of(x[i], y[i]);
            spaces[i].unite(4, unit, from[i], to[i]);
            most = Math.max(most, spaces[i].count());
        }
        Arguments a = Arguments.begin();
        for (int i = 0; i < JOBS; i++) {
            int job = Math.min(i, n - 1);
            spaces[job].pack(a);
            spaces[job].packOperand(a, 0, from[job]);
            spaces[job].packOperand(a, 1, to[job]);
        }
        int rounds = unit < WORD ? 4 : 1;
        long blocks = Math.ceilDiv(most, (long) THREADS * rounds);
        (unit < WORD ? moves4 : moves16).launch(new Engine.Grid(blocks, n, 1, THREADS, 0), a);
        return true;
    }

    @Override
    public void sums(View[] a, View[] b, View[] y) {
        for (int from = 0; from < y.length; from += JOBS) {
            int to = Math.min(y.length, from + JOBS);
            if (!summed(
                    Arrays.copyOfRange(a, from, to),
                    Arrays.copyOfRange(b, from, to),
                    Arrays.copyOfRange(y, from, to))) {
                for (int i = from; i < to; i++) {
                    binary(Binary.ADD, a[i], b[i], y[i]);
                }
            }
        }
    }

    /** In one launch, if there are at least two and none is empty. */
    private boolean summed(View[] a, View[] b, View[] y) {
        int n = y.length;
        Space[] spaces = new Space[n];
        boolean served = n > 1;
        for (int i = 0; served && i < n; i++) {
            spaces[i] = y[i].elements() > 0 ? Space.ofFloats(a[i], b[i], y[i]) : null;
            served = spaces[i] != null;
        }
        if (!served) {
            return false;
        }
        long[][] addresses = new long[n][];
        long blocks = 1;
        for (int i = 0; i < n; i++) {
            addresses[i] = new long[] {cuda.read(a[i]), cuda.read(b[i]), cuda.write(y[i])};
            spaces[i].widen(addresses[i]);
            int steps = spaces[i].width() > 1 ? THREADS : THREADS * NARROW;
            blocks = Math.max(blocks, Math.ceilDiv(spaces[i].count(), (long) steps));
        }
        Arguments all = Arguments.begin();
        for (int i = 0; i < JOBS; i++) {
            int job = Math.min(i, n - 1);
            spaces[job].pack(all);
            for (int k = 0; k < addresses[job].length; k++) {
                spaces[job].packOperand(all, k, addresses[job][k]);
            }
            all.f32(0).f32(0).i32(0).i32(0);
        }
        sums.launch(new Engine.Grid(blocks, n, 1, THREADS, 0), all);
        return true;
    }

    private static boolean isFloat(DType dtype) {
        return dtype.isFloating() && dtype != DType.F64;
    }

    /** Whether all views are dense, each from its first element to its last. */
    private static boolean isOneRun(Space space, int views) {
        boolean yes = space.rank() == 1;
        for (int k = 0; k < views; k++) {
            yes &= space.step(0, k) == 1 || space.size(0) == 1;
        }
        return yes;
    }

    private void move(Space space, int bytes, long from, long to) {
        if (isOneRun(space, 2)) {
            cuda.copy(from, to, space.count() * bytes);
            return;
        }
        int across = acrossSource(space);
        if (across > 0) {
            transpose(space, across, bytes, from, to);
            return;
        }
        int unit = space.unite(bytes, 16, from, to);
        Arguments a = space.begin(from, to);
        int rounds = unit < 8 ? 4 : 16 / unit;
        ofSize(move, unit).launch(blocks(space, THREADS * rounds), a);
    }

    /** The dimension along which the source is dense when the destination is not, if a tile pays; else 0. */
    private static int acrossSource(Space space) {
        if (space.step(0, 1) == 1 && space.step(0, 0) > 1 && space.size(0) >= TILED_FROM) {
            for (int d = 1; d < space.rank(); d++) {
                if (space.step(d, 0) == 1 && space.size(d) >= TILED_FROM) {
                    return d;
                }
            }
        }
        return 0;
    }

    private void transpose(Space space, int across, int bytes, long from, long to) {
        Space batch = space.without(0, across);
        long tilesI = (space.size(0) + TILE - 1) / TILE;
        long tilesJ = (space.size(across) + TILE - 1) / TILE;
        Arguments a = batch.begin(from, to);
        a.i32((int) space.size(0)).i32((int) space.size(across));
        a.i32((int) tilesI).i32((int) tilesJ);
        a.i64(space.step(0, 0)).i64(space.step(across, 1));
        ofSize(transpose, bytes).launch(Engine.Grid.of(batch.count() * tilesI * tilesJ, THREADS), a);
    }

    private void convert(Entry entry, View x, View y, Space space, long from, long to) {
        Arguments a = space.begin(from, to);
        a.i32(x.dtype().ordinal()).i32(y.dtype().ordinal());
        entry.launch(blocks(space, THREADS), a);
    }

    /** Enough blocks of {@link #THREADS} that take so many steps each. */
    private static Engine.Grid blocks(Space space, int steps) {
        return Engine.Grid.of((space.count() + steps - 1) / steps, THREADS);
    }

    /** The space and its operands. */
    @Override
    public void binary(Binary op, View a, View b, View y) {
        if (y.elements() == 0) {
            return;
        }
        Space space = Space.ofFloats(a, b, y);
        if (space == null) {
            host.binary(op, a, b, y);
            return;
        }
        long left = cuda.read(a);
        long right = cuda.read(b);
        pointwise(binary, space, 0, 0, op.ordinal(), left, right, cuda.write(y));
    }

    @Override
    public void affine(View x, double scale, double shift, View y) {
        if (y.elements() == 0) {
            return;
        }
        Space space = Space.ofFloats(x, y);
        if (space == null) {
            host.affine(x, scale, shift, y);
            return;
        }
        long from = cuda.read(x);
        pointwise(affine, space, scale, shift, 0, from, cuda.write(y));
    }

    @Override
    public void addScaled(View x, double scale, View y) {
        if (y.elements() == 0) {
            return;
        }
        Space space = Space.ofFloats(x, y, y);
        if (space == null) {
            host.addScaled(x, scale, y);
            return;
        }
        long from = cuda.read(x);
        long to = cuda.update(y);
        pointwise(addScaled, space, scale, 0, 0, from, to, to);
    }

    @Override
    public void activate(Activation f, View x, View y) {
        if (y.elements() == 0) {
            return;
        }
        Space space = Space.ofFloats(x, y);
        if (space == null) {
            host.activate(f, x, y);
            return;
        }
        long from = cuda.read(x);
        pointwise(activate, space, 0, 0, f.ordinal(), from, cuda.write(y));
    }

    @Override
    public void activateBackward(Activation f, View x, View dy, View dx) {
        if (dx.elements() == 0) {
            return;
        }
        Space space = Space.ofFloats(x, dy, dx);
        if (space == null) {
            host.activateBackward(f, x, dy, dx);
            return;
        }
        long at = cuda.read(x);
        long slope = cuda.read(dy);
        pointwise(activateBackward, space, 0, 0, f.ordinal(), at, slope, cuda.write(dx));
    }

    @Override
    public void siluGate(View gate, View up, View y) {
        if (y.elements() == 0) {
            return;
        }
        Space space = Space.ofFloats(gate, up, y);
        if (space == null) {
            host.siluGate(gate, up, y);
            return;
        }
        long g = cuda.read(gate);
        long u = cuda.read(up);
        pointwise(siluGate, space, 0, 0, 0, g, u, cuda.write(y));
    }

    @Override
    public void siluGateBackward(View gate, View up, View dy, View dgate, View dup) {
        View any = dgate != null ? dgate : dup;
        if (any == null || any.elements() == 0) {
            return;
        }
        Space space = Space.ofFloats(gate, up, dy, any, dup == null ? any : dup);
        if (space == null) {
            host.siluGateBackward(gate, up, dy, dgate, dup);
            return;
        }
        long g = cuda.read(gate);
        long u = cuda.read(up);
        long d = cuda.read(dy);
        pointwise(siluGateBackward, space, 0, 0, 0, g, u, d, cuda.writeOrNull(dgate), cuda.writeOrNull(dup));
    }

    private static void pointwise(
            Entry entry, Space space, double scale, double shift, int function, long... addresses) {
        space.widen(addresses);
        Arguments a = space.begin(addresses);
        a.f32(scale).f32(shift).i32(function).i32(0);
        int steps = space.width() > 1 ? THREADS : THREADS * NARROW;
        entry.launch(blocks(space, steps), a);
    }

    @Override
    public void dropout(View x, double p, long seed, View step, View samples, long site, View y) {
        if (y.elements() == 0) {
            return;
        }
        boolean numbers = samples.dtype() == DType.I64 && step.dtype() == DType.I64;
        boolean served = x.dtype() == DType.F32 && y.dtype() == DType.F32 && numbers;
        Space space = Space.ofRows(x, y);
        if (!served || !space.fits()) {
            host.dropout(x, p, seed, step, samples, site, y);
            return;
        }
        long from = cuda.read(x);
        long identities = cuda.read(samples);
        long counter = cuda.read(step);
        long to = cuda.write(y);
        space.widenWhole(from, to);
        Arguments a = space.begin(from, to);
        a.pointer(identities).i64(samples.stride(0)).pointer(counter).i64(seed);
        a.i32((int) (space.count() / space.size(space.rank() - 1))).i32((int) Math.ceil(p * 0x1p24));
        a.i32((int) site).f32(1 / (1 - p));
        dropout.launch(blocks(space, THREADS), a);
    }

    @Override
    public void gather(View x, View index, View y) {
        if (y.elements() == 0) {
            return;
        }
        View still = x.size(0) == 0 ? null : x.slice(0, 0, 1).expand(y.shape());
        boolean served = still != null && x.dtype() == y.dtype() && index.dtype() == DType.I64;
        Space space = served ? Space.ofRows(still, y) : null;
        if (space == null || !space.fits()) {
            host.gather(x, index, y);
            return;
        }
        long from = cuda.read(x);
        long numbers = cuda.read(index);
        long to = cuda.write(y);
        int bytes = x.dtype().bytes();
        int unit = space.unite(bytes, mostUnit(x.stride(0) * bytes), from, to);
        Arguments a = space.begin(from, to);
        a.pointer(numbers).i64(index.stride(0));
        a.i64(x.size(0)).i64(x.stride(0) * bytes / unit);
        ofSize(gather, unit).launch(blocks(space, THREADS), a);
    }

    /** The widest unit, in bytes, of which so many bytes are a multiple. */
    private static int mostUnit(long bytes) {
        return (int) Math.min(16, Long.lowestOneBit(bytes | 16));
    }

    @Override
    public void scatterAdd(View y, View index, View x) {
        long n = index.elements();
        if (y.elements() == 0) {
            return;
        }
        boolean served = x.dtype() == DType.F32 && y.dtype() == DType.F32 && index.dtype() == DType.I64;
        Space columns = Space.some(~1L, y, x);
        long blocks = (columns.count() + THREADS - 1) / THREADS;
        if (!served || !columns.fits() || blocks > 65535 || Math.max(n, x.size(0)) >= 1L << 31) {
            host.scatterAdd(y, index, x);
            return;
        }
        long from = cuda.read(y);
        long numbers = cuda.read(index);
        long to = cuda.update(x);
        if (y.stride(0) % 4 == 0 && x.stride(0) % 4 == 0) {
            columns.widenWhole(from, to);
            blocks = (columns.count() + THREADS - 1) / THREADS;
        }
        try (Cuda.Scratch scratch = cuda.scratch()) {
            long rows = x.size(0);
            long counts = scratch.take(DType.I32, rows + 1);
            cuda.fill(counts, (byte) 0, 4 * (rows + 1));
            Arguments a = Arguments.begin();
            a.pointer(numbers).i64(index.stride(0)).i32((int) n).i32((int) rows);
            a.pointer(counts).pointer(scratch.take(DType.I32, rows));
            a.pointer(scratch.take(DType.I32, n)).pointer(scratch.take(DType.I32, n));
            columns.pack(a);
            columns.packOperand(a, 0, from);
            columns.packOperand(a, 1, to);
            a.i64(y.stride(0)).i64(x.stride(0));
            Engine.Grid each = Engine.Grid.cover(n, THREADS);
            scatterCount.launch(each, a);
            scatterPlace.launch(each, a);
            scatterList.launch(each, a);
            scatterAdd.launch(new Engine.Grid(n, blocks, 1, THREADS, 0), a);
        }
    }
}
