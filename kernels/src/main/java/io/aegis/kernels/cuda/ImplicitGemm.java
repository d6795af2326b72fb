package io.aegis.kernels.cuda;

import io.aegis.kernels.Convolution.Geometry;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import java.util.ArrayList;
import java.util.List;

/**
 * convolution.cu: dense convolutions of any kernel, stride and padding in the engine's {@link Precision}. What is not in
 * the element type already, or not in whole 16-byte words, is copied to scratch first, the picture and the weight in one
 * launch.
 */
final class ImplicitGemm {
    private static final int SMALL = 64;
    private static final int LARGE = 128;
    private static final int STAGES = 3;
    /** Steps of a sum that are worth a block of their own. */
    private static final int FEWEST_STEPS = 4;

    private static final int MOST_SPLITS = 16;
    /** Blocks whose sums over pixels are added up. */
    private static final int MOST_PARTS = 128;

    private static final int PACK_THREADS = 256;

    private final Cuda cuda;
    private final Tickets tickets;
    private final DType element;
    private final Product forward;
    private final Product input;
    private final Entry weight;
    private final Entry pack;
    /** Elements of 16 bytes. */
    private final int word;

    ImplicitGemm(Cuda cuda) {
        this.cuda = cuda;
        this.tickets = new Tickets(cuda.engine());
        this.element = cuda.precision().dtype();
        Variant variant = variant(cuda.precision());
        this.forward = new Product(cuda, variant, "forward");
        this.input = new Product(cuda, variant, "input");
        this.weight = new Entry(cuda, variant, "weight");
        this.pack = new Entry(cuda, variant, "pack");
        this.word = 16 / element.bytes();
    }

    static Variant variant(Precision precision) {
        Variant file = Variant.of("convolution.cu");
        return switch (precision) {
            case F32 -> file.with("EXACT", 1);
            case BF16 -> file.with("ELEMENT", "bf16");
            case F16 -> file.with("ELEMENT", "f16");
        };
    }

    /** One product with tiles of either size; there are no large ones in float32. */
    private record Product(Entry small, Entry large) {
        Product(Cuda cuda, Variant variant, String entry) {
            this(new Entry(cuda, variant, entry), new Entry(cuda, variant, entry + "_large"));
        }
    }

    void forward(View x, View weight, View bias, Geometry g, View y) {
        try (Cuda.Scratch scratch = cuda.scratch()) {
            Packing packing = new Packing(scratch);
            Pixels in = packing.pixels(x);
            Pixels w = packing.dense(weight.permute(0, 2, 3, 1));
            packing.run();
            long b = cuda.readOrNull(bias);
            Arguments a = picture(Arguments.begin(), in, y, g.stride(), 1, -g.padding(), 1);
            convolve(scratch, forward, a, in, w, b, y, weight);
        }
    }

    void backwardInput(View dy, View weight, Geometry g, View dx) {
        try (Cuda.Scratch scratch = cuda.scratch()) {
            Packing packing = new Packing(scratch);
            Pixels in = packing.pixels(dy);
            Pixels w = packing.dense(weight.permute(0, 2, 3, 1));
            packing.run();
            Arguments a = picture(Arguments.begin(), in, dx, 1, -1, g.padding(), g.stride());
            convolve(scratch, input, a, in, w, 0, dx, weight);
        }
    }

    /** The struct Convolve behind its picture, and the launch. */
    private void convolve(
            Cuda.Scratch scratch, Product product, Arguments a, Pixels in, Pixels w, long bias, View to, View weight) {
        long rows = to.elements() / to.size(3);
        long columns = to.size(3);
        long depth = weight.size(2) * weight.size(3) * in.pitch();
        int device = cuda.properties().multiprocessors();
        boolean large = element != DType.F32
                && Math.ceilDiv(rows, LARGE) * Math.ceilDiv(columns, LARGE) >= device
                && shared(LARGE) < cuda.properties().sharedBytes();
        int side = large ? LARGE : SMALL;
        long across = Math.ceilDiv(columns, side);
        long tiles = Math.ceilDiv(rows, side) * across;
        long splits = splits(tiles, depth);
        long out = cuda.write(to);
        a.pointer(w.address()).pointer(bias);
        result(a, out, to.strides(), scratch, splits, tiles * side * side);
        a.i32((int) rows).i32((int) columns).i32((int) depth);
        a.i32((int) weight.size(0)).i32((int) w.pitch()).i32(isWide(out, to, 3) ? 1 : 0);
        a.divisor(in.pitch()).divisor(weight.size(3)).divisor(across);
        Engine.Grid grid = new Engine.Grid(tiles, 1, splits, large ? 256 : 128, shared(side));
        (large ? product.large : product.small).launch(grid, a);
    }

    void backwardWeight(View x, View dy, Geometry g, View dweight, View dbias) {
        try (Cuda.Scratch scratch = cuda.scratch()) {
            Packing packing = new Packing(scratch);
            Pixels in = packing.pixels(x);
            Pixels slope = packing.dense(dy, dbias);
            packing.run();
            long rows = dy.elements() / dy.size(3);
            long across = Math.ceilDiv(x.size(3), SMALL);
            long pairs = Math.ceilDiv(dy.size(3), SMALL) * across;
            long taps = dweight.size(2) * dweight.size(3);
            long splits = splits(pairs * taps, rows);
            long out = cuda.write(dweight);
            Arguments a = picture(Arguments.begin(), in, dy, g.stride(), 1, -g.padding(), 1)
                    .pointer(slope.address());
            result(a, out, dweight.strides(), scratch, splits, pairs * taps * SMALL * SMALL);
            a.i32((int) rows).i32((int) slope.pitch()).i32((int) dy.size(3)).i32((int) x.size(3));
            a.i32(isWide(out, dweight, 1) ? 1 : 0).i32(0);
            a.divisor(dweight.size(3)).divisor(across);
            weight.launch(new Engine.Grid(pairs, taps, splits, 128, shared(SMALL)), a);
        }
    }

    /** The sum over pixels alone; nothing for null. */
    void backwardBias(View dy, View dbias) {
        if (dbias != null) {
            try (Cuda.Scratch scratch = cuda.scratch()) {
                Packing packing = new Packing(scratch);
                packing.sum(dy, dbias);
                packing.run();
            }
        }
    }

    private int shared(int side) {
        return STAGES * 2 * side * 128;
    }

    /** Parts of a sum, none of them empty, so that few tiles keep the device busy. */
    private long splits(long tiles, long depth) {
        long steps = Math.ceilDiv(depth, 8L * word);
        int device = cuda.properties().multiprocessors();
        if (tiles >= device || tiles > Tickets.COUNT) {
            return 1;
        }
        long wanted = Math.clamp(Math.ceilDiv(2L * device, tiles), 1, MOST_SPLITS);
        long each = Math.max(FEWEST_STEPS, Math.ceilDiv(steps, wanted));
        return Math.max(1, Math.ceilDiv(steps, each));
    }

    /** Where the result goes and, when its sums are divided, where their parts go. */
    private void result(Arguments a, long out, long[] strides, Cuda.Scratch scratch, long splits, long elements) {
        a.pointer(out);
        for (long stride : strides) {
            a.i64(stride);
        }
        a.pointer(splits > 1 ? scratch.take(DType.F32, splits * elements) : 0).pointer(tickets.address());
    }

    /** Whether words of 4 can be stored along dimension {@code dim}. */
    private static boolean isWide(long address, View v, int dim) {
        boolean wide = address % 16 == 0 && v.stride(dim) == 1 && v.size(dim) % 4 == 0;
        for (int d = 0; d < v.rank(); d++) {
            wide &= d == dim || v.size(d) == 1 || v.stride(d) % 4 == 0;
        }
        return wide;
    }

    /** The struct Picture: {@code in}, as it is met from the pixels of {@code result}. */
    private static Arguments picture(Arguments a, Pixels in, View result, int times, int sign, int shift, int over) {
        a.pointer(in.address()).i64(in.batch()).i32((int) in.line()).i32((int) in.pixel());
        a.i32((int) in.height()).i32((int) in.width()).i32((int) in.pitch());
        a.i32(times).i32(sign).i32(shift);
        return a.divisor(over).divisor(result.size(1) * result.size(2)).divisor(result.size(2));
    }

    /**
     * Pixels as the kernels read them.
     *
     * @param batch strides in elements, with {@code line} and {@code pixel}
     * @param pitch channels, a multiple of a word
     */
    private record Pixels(long address, long batch, long line, long pixel, long height, long width, long pitch) {}

    /** What has to be copied, or summed, before a product: up to two views in one launch. */
    private final class Packing {
        private final Cuda.Scratch scratch;
        private final List<Source> jobs = new ArrayList<>();

        Packing(Cuda.Scratch scratch) {
            this.scratch = scratch;
        }

        /** A picture, which may stay where it is when its pixels are whole words. */
        Pixels pixels(View x) {
            long address = cuda.read(x);
            if (isReady(x, address)) {
                return new Pixels(address, x.stride(0), x.stride(1), x.stride(2), x.size(1), x.size(2), x.size(3));
            }
            return copied(x, address, null);
        }

        /** The same for what has to be dense. */
        Pixels dense(View x) {
            return dense(x, null);
        }

        /** And with its sum over pixels, unless that is null. */
        Pixels dense(View x, View sums) {
            long address = cuda.read(x);
            if (isReady(x, address) && x.isContiguous()) {
                if (sums != null) {
                    sum(x, sums);
                }
                return new Pixels(address, x.stride(0), x.stride(1), x.stride(2), x.size(1), x.size(2), x.size(3));
            }
            return copied(x, address, sums);
        }

        void sum(View x, View sums) {
            add(x, cuda.read(x), 0, sums);
        }

        private Pixels copied(View x, long address, View sums) {
            long pitch = pitch(x);
            long to = scratch.take(element, x.size(0) * x.size(1) * x.size(2) * pitch);
            add(x, address, to, sums);
            long line = x.size(2) * pitch;
            return new Pixels(to, x.size(1) * line, line, pitch, x.size(1), x.size(2), pitch);
        }

        private void add(View x, long address, long to, View sums) {
            long stride = sums == null ? 0 : sums.stride(0);
            jobs.add(new Source(x, address, to, pitch(x), word, cuda.writeOrNull(sums), stride));
        }

        private boolean isReady(View x, long address) {
            boolean ready = x.dtype() == element && address % 16 == 0 && x.stride(3) == 1;
            for (int d = 0; d < 3; d++) {
                ready &= x.stride(d) % word == 0;
            }
            return ready && x.size(3) % word == 0;
        }

        private long pitch(View x) {
            return Math.ceilDiv(x.size(3), word) * word;
        }

        void run() {
            if (jobs.isEmpty()) {
                return;
            }
            long slabs = 1;
            long columns = 1;
            long most = 8L * cuda.properties().multiprocessors();
            for (Source job : jobs) {
                columns = Math.max(columns, job.columns());
                slabs = Math.max(slabs, Math.ceilDiv(job.rows(), job.lines()));
                most = job.sums == 0 ? most : Math.min(most, MOST_PARTS);
            }
            slabs = Math.min(slabs, most);
            Arguments a = Arguments.begin();
            jobs.forEach(job -> job.pack(a));
            if (jobs.size() == 1) {
                jobs.get(0).pack(a);
            }
            long pitch = jobs.stream().mapToLong(Source::pitch).max().orElseThrow();
            boolean sums = jobs.stream().anyMatch(job -> job.sums != 0);
            a.pointer(sums ? scratch.take(DType.F32, slabs * pitch) : 0).pointer(tickets.address());
            pack.launch(new Engine.Grid(slabs, columns, jobs.size(), PACK_THREADS, 0), a);
        }
    }

    /**
     * The struct Source: one view to be copied or summed.
     *
     * @param to 0 when only sums are wanted
     * @param pitch elements from pixel to pixel there
     * @param word elements of 16 bytes
     * @param sums where the sum over pixels goes, or 0
     */
    private record Source(View x, long address, long to, long pitch, int word, long sums, long sumStride) {
        long rows() {
            return x.size(0) * x.size(1) * x.size(2);
        }

        /** Words that a block has side by side. */
        private int across() {
            int across = 1;
            while (across < 32 && across < pitch / word) {
                across *= 2;
            }
            return across;
        }

        /** Pixels of a block. */
        int lines() {
            return PACK_THREADS / across();
        }

        /** Blocks side by side. */
        long columns() {
            return Math.ceilDiv(pitch / word, across());
        }

        void pack(Arguments a) {
            a.pointer(address);
            boolean wide = x.dtype() == DType.F32 && address % 16 == 0 && x.stride(3) == 1 && x.size(3) % word == 0;
            for (int d = 0; d < 4; d++) {
                a.i64(x.stride(d));
                wide &= d == 3 || x.stride(d) % 4 == 0;
            }
            a.pointer(to);
            a.pointer(sums).i64(sumStride);
            a.divisor(x.size(1) * x.size(2)).divisor(x.size(2));
            a.i32((int) rows()).i32((int) x.size(3)).i32((int) pitch);
            a.i32(x.dtype() == DType.F32 ? 0 : x.dtype() == DType.BF16 ? 1 : 2);
            a.i32(wide ? 1 : 0).i32(across());
        }
    }
}
