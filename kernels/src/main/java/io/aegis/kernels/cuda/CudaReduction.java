package io.aegis.kernels.cuda;

import io.aegis.kernels.DType;
import io.aegis.kernels.Elementwise;
import io.aegis.kernels.Reduction;
import io.aegis.kernels.View;
import java.util.List;

/**
 * reduction.cu: float32 in any layout that comes down to {@link Arguments#MAX_RANK} kept and as many summed dimensions, or as
 * many leading dimensions of rows; likeliest.cu; {@link RowGreatest}. All else is the host's.
 */
final class CudaReduction implements Reduction {
    private static final Variant FILE = Variant.of("reduction.cu");
    private static final Variant LIKELIEST = Variant.of("likeliest.cu");
    /** {@code PART} of likeliest.cu. */
    private static final int PART = 4096;

    private static final int THREADS = 256;
    private static final int MOST_THREADS = 1024;
    private static final int WARP = 32;
    private static final int WARPS = THREADS / WARP;
    /** Blocks that a multiprocessor holds at once. */
    private static final int RESIDENT = 6;
    /** Steps that a thread of a sum loads before it adds. */
    private static final int BATCH = 4;
    /** Values of a row that a thread keeps, or of two rows together. */
    private static final int KEPT = 16;
    /** With fewer terms a sum is a lane's work even where they lie side by side. */
    private static final int ROWS_FROM = 16;

    private final Cuda cuda;
    private final Reduction host;
    private final Elementwise elementwise;
    private final Entry sumRows;
    private final Entry sumColumns;
    private final Entry sumFinish;
    private final Entry softmax;
    private final Entry normalize;
    private final Entry rowSlope;
    private final Entry likeliestPart;
    private final Entry likeliestWhole;
    private final RowGreatest greatest;

    /** @param elementwise for sums of one term */
    CudaReduction(Cuda cuda, Reduction host, Elementwise elementwise) {
        this.cuda = cuda;
        this.host = host;
        this.elementwise = elementwise;
        sumRows = new Entry(cuda, FILE, "sum_rows");
        sumColumns = new Entry(cuda, FILE, "sum_columns");
        sumFinish = new Entry(cuda, FILE, "sum_finish");
        softmax = new Entry(cuda, FILE, "softmax");
        normalize = new Entry(cuda, FILE, "normalize");
        rowSlope = new Entry(cuda, FILE, "row_slope");
        likeliestPart = new Entry(cuda, LIKELIEST, "likeliest_part");
        likeliestWhole = new Entry(cuda, LIKELIEST, "likeliest_whole");
        greatest = new RowGreatest(cuda);
    }

    static List<Variant> variants() {
        return List.of(FILE, LIKELIEST, RowGreatest.FILE);
    }

    static List<String> entries() {
        return List.of("sum_rows", "sum_columns", "sum_finish", "softmax", "normalize", "row_slope");
    }

    @Override
    public void sum(View x, double scale, boolean accumulate, View y) {
        if (y.elements() == 0) {
            return;
        }
        if (x.sameShape(y)) {
            if (accumulate) {
                elementwise.addScaled(x, scale, y);
            } else {
                elementwise.affine(x, scale, 0, y);
            }
            return;
        }
        long kept = 0;
        for (int d = 0; d < x.rank(); d++) {
            kept |= x.size(d) == y.size(d) ? 1L << d : 0;
        }
        Space outputs = Space.some(kept, x, y);
        Space terms = Space.some(~kept, x);
        boolean served = x.dtype() == DType.F32 && y.dtype() == DType.F32;
        if (!served || !outputs.fits() || !terms.fits()) {
            host.sum(x, scale, accumulate, y);
            return;
        }
        long from = cuda.read(x);
        long to = accumulate ? cuda.update(y) : cuda.write(y);
        boolean byRows = terms.count() >= ROWS_FROM && terms.step(0, 0) == 1;
        if (byRows && outputs.isAligned(0, 0)) {
            terms.widenWhole(from);
        } else if (!byRows && terms.isAligned(0, 0)) {
            outputs.widenWhole(from, to);
        }
        Split split = byRows ? splitRows(outputs, terms) : splitColumns(outputs, terms);
        try (Cuda.Scratch scratch = cuda.scratch()) {
            long results = outputs.count() * outputs.width();
            long partial = split.count > 1 ? scratch.take(DType.F32, results * split.count) : 0;
            Arguments a = outputs.begin(from, to);
            terms.pack(a);
            terms.packOperand(a, 0, from);
            a.pointer(partial).i32((int) split.steps).f32(scale).i32(accumulate ? 1 : 0);
            a.i32(split.outputs);
            (byRows ? sumRows : sumColumns)
                    .launch(new Engine.Grid(split.blocks(outputs), split.count, 1, THREADS, 0), a);
            if (split.count > 1) {
                a = Arguments.begin();
                outputs.pack(a);
                outputs.packOperand(a, 1, to);
                a.pointer(partial).i32((int) split.count).f32(scale).i32(accumulate ? 1 : 0);
                a.i32(0);
                sumFinish.launch(Engine.Grid.of((results + WARPS - 1) / WARPS, THREADS), a);
            }
        }
    }

    /**
     * How a sum is shared out.
     *
     * @param outputs of a block
     * @param count in how many parts the terms are summed
     * @param steps of a part
     */
    private record Split(int outputs, long count, long steps) {
        /** So many parts that the device is filled, none of which is shorter than {@code least} steps. */
        static Split of(int outputs, long blocks, long terms, long least, int multiprocessors) {
            long wanted = Math.ceilDiv((long) multiprocessors * RESIDENT, blocks);
            long count = Math.max(1, Math.min(Math.min(wanted, terms / least), 65535));
            long steps = Math.ceilDiv(terms, count);
            return new Split(outputs, steps == 0 ? 1 : Math.ceilDiv(terms, steps), steps);
        }

        long blocks(Space space) {
            return Math.ceilDiv(space.count(), (long) outputs);
        }
    }

    /** An output a warp where there are many of them and they are short, else a block. */
    private Split splitRows(Space outputs, Space terms) {
        boolean brief = outputs.count() >= 64 && terms.count() <= BATCH * THREADS;
        int many = brief ? WARPS : 1;
        long blocks = Math.ceilDiv(outputs.count(), (long) many);
        return Split.of(many, blocks, terms.count(), BATCH * THREADS, brief ? 1 : multiprocessors());
    }

    private Split splitColumns(Space outputs, Space terms) {
        long blocks = Math.ceilDiv(outputs.count(), (long) WARP);
        return Split.of(WARP, blocks, terms.count(), BATCH * WARPS, multiprocessors());
    }

    private int multiprocessors() {
        return cuda.properties().multiprocessors();
    }

    @Override
    public void softmax(View x, View y) {
        if (!rows(softmax, KEPT, false, null, x, y)) {
            host.softmax(x, y);
        }
    }

    @Override
    public void softmaxBackward(View y, View dy, View dx) {
        if (!rows(rowSlope, KEPT / 2, false, null, y, dy, dx)) {
            host.softmaxBackward(y, dy, dx);
        }
    }

    @Override
    public void normalizeRows(View x, View y, View lengths) {
        if (!rows(normalize, KEPT, true, lengths, x, y)) {
            host.normalizeRows(x, y, lengths);
        }
    }

    @Override
    public void normalizeRowsBackward(View y, View lengths, View dy, View dx) {
        if (!rows(rowSlope, KEPT / 2, false, lengths, y, dy, dx)) {
            host.normalizeRowsBackward(y, lengths, dy, dx);
        }
    }

    /**
     * Launches work on rows, the last dimension of all views.
     *
     * @param kept values of a row in a thread's registers
     * @param writesLengths whether lengths are a result
     * @param lengths one a row, or null
     * @return whether it was this device's work
     */
    private boolean rows(Entry entry, int kept, boolean writesLengths, View lengths, View... views) {
        View last = views[views.length - 1];
        long width = last.size(-1);
        Space rows = Space.ordered(0, last.rank() - 1, views);
        boolean served = rows.fits() && width < 1L << 31 && (lengths == null || isDenseFloat(lengths));
        for (View v : views) {
            served &= v.dtype() == DType.F32;
        }
        if (!served) {
            return false;
        }
        if (rows.count() == 0 || width == 0 && !writesLengths) {
            return true;
        }
        long[] at = new long[views.length];
        for (int k = 0; k + 1 < views.length; k++) {
            at[k] = cuda.read(views[k]);
        }
        long beside = lengths == null ? 0 : writesLengths ? cuda.write(lengths) : cuda.read(lengths);
        at[views.length - 1] = cuda.write(last);
        boolean wide = width % 4 == 0;
        for (int k = 0; k < views.length; k++) {
            wide &= views[k].stride(-1) == 1 && at[k] % 16 == 0 && rows.isAligned(k, 0);
        }
        Arguments a = rows.begin(at);
        for (View v : views) {
            a.i64(v.stride(-1));
        }
        boolean alone = width > (long) WARP * kept;
        a.pointer(beside).i32((int) width).i32(wide ? 1 : 0).i32(alone ? 1 : 0).i32(0);
        long threads = Math.ceilDiv(width, (long) kept * WARP) * WARP;
        entry.launch(
                alone
                        ? Engine.Grid.of(rows.count(), (int) Math.min(MOST_THREADS, threads))
                        : Engine.Grid.of(Math.ceilDiv(rows.count(), (long) WARPS), THREADS),
                a);
        return true;
    }

    private static boolean isDenseFloat(View v) {
        return v.dtype() == DType.F32 && v.isContiguous();
    }

    @Override
    public void likeliest(View x, View index, View share) {
        long rows = x.size(0);
        long v = x.size(1);
        boolean served = x.dtype() == DType.F32
                && (v == 1 || x.stride(1) == 1)
                && v <= Integer.MAX_VALUE - PART
                && rows < 1 << 16;
        if (!served || !index.isContiguous() || !share.isContiguous()) {
            host.likeliest(x, index, share);
            return;
        }
        if (rows == 0) {
            return;
        }
        int parts = (int) Math.ceilDiv(v, (long) PART);
        try (Cuda.Scratch scratch = cuda.scratch()) {
            Arguments a = Arguments.begin();
            a.pointer(cuda.read(x)).i64(x.stride(0));
            a.pointer(cuda.write(index)).pointer(cuda.write(share));
            a.pointer(scratch.take(DType.F32, rows * parts)).pointer(scratch.take(DType.I32, rows * parts));
            a.pointer(scratch.take(DType.F64, rows * parts)).i32((int) v).i32(parts);
            likeliestPart.launch(new Engine.Grid(parts, rows, 1, THREADS, 0), a);
            likeliestWhole.launch(Engine.Grid.of(rows, WARP), a);
        }
    }

    @Override
    public void greatest(View x, View y, View index) {
        if (!greatest.forward(x, y, index)) {
            host.greatest(x, y, index);
        }
    }

    @Override
    public void greatestBackward(View index, View dy, View dx) {
        if (!greatest.backward(index, dy, dx)) {
            host.greatestBackward(index, dy, dx);
        }
    }
}
