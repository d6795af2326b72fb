package io.aegis.kernels.cuda;

import io.aegis.kernels.Convolution;
import io.aegis.kernels.DType;
import io.aegis.kernels.View;
import java.util.ArrayList;
import java.util.List;

/**
 * convolution.cu's pack: what a product cannot read where it lies is copied to scratch in the engine's element type, each pixel
 * in whole 16-byte words; sums over pixels are taken on the way.
 */
final class PixelPacking {
    private static final int THREADS = 256;
    /** Blocks whose sums over pixels are added up. */
    private static final int MOST_PARTS = 128;
    /** {@code 2 * LAYERS} of layers.cuh. */
    private static final int JOBS = 2 * LayerPointers.MOST;

    private final Cuda cuda;
    private final Tickets tickets;
    private final DType element;
    private final Entry entry;
    private final int word;

    /** @param variant of convolution.cu */
    PixelPacking(Cuda cuda, Variant variant, Tickets tickets) {
        this.cuda = cuda;
        this.tickets = tickets;
        this.element = cuda.precision().dtype();
        this.entry = new Entry(cuda, variant, "pack");
        this.word = 16 / element.bytes();
    }

    /** Elements of 16 bytes. */
    int word() {
        return word;
    }

    /** @param scratch where copies go */
    Launch begin(Cuda.Scratch scratch) {
        return new Launch(scratch);
    }

    /** Up to {@value #JOBS} views of one launch. */
    final class Launch {
        private final Cuda.Scratch scratch;
        private final List<Source> jobs = new ArrayList<>();

        private Launch(Cuda.Scratch scratch) {
            this.scratch = scratch;
        }

        /** A picture, which may stay where it is when its pixels are whole words. */
        Pixels pixels(View x) {
            long address = cuda.read(x);
            if (isReady(x, address)) {
                return new Pixels(address, x.stride(0), x.stride(1), x.stride(2), x.size(1), x.size(2), x.size(3));
            }
            return copied(x, address);
        }

        /** The same for what has to be dense; with the sums over pixels of its equal parts, each unless null. */
        Pixels dense(View x, View... sums) {
            long address = cuda.read(x);
            if (isReady(x, address) && x.isContiguous()) {
                sums(x, sums);
                return new Pixels(address, x.stride(0), x.stride(1), x.stride(2), x.size(1), x.size(2), x.size(3));
            }
            return copied(x, address, sums);
        }

        /** The sums alone. */
        void sums(View x, View... sums) {
            for (int i = 0; i < sums.length; i++) {
                if (sums[i] != null) {
                    View own = Convolution.part(x, i, sums.length);
                    add(own, cuda.read(own), 0, sums[i]);
                }
            }
        }

        private Pixels copied(View x, long address, View... sums) {
            long pitch = pitch(x);
            long line = x.size(2) * pitch;
            long to = scratch.take(element, x.size(0) * x.size(1) * line);
            if (sums.length == 0) {
                add(x, address, to, null);
            }
            for (int i = 0; i < sums.length; i++) {
                View own = Convolution.part(x, i, sums.length);
                long picture = i * own.size(0);
                add(
                        own,
                        address + picture * x.stride(0) * x.dtype().bytes(),
                        to + picture * x.size(1) * line * element.bytes(),
                        sums[i]);
            }
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

        /** Queues it, if there is anything to do. */
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
            for (int i = 0; i < JOBS; i++) {
                jobs.get(Math.min(i, jobs.size() - 1)).pack(a);
            }
            long pitch = jobs.stream().mapToLong(Source::pitch).max().orElseThrow();
            boolean sums = jobs.stream().anyMatch(job -> job.sums != 0);
            a.pointer(sums ? scratch.take(DType.F32, jobs.size() * slabs * pitch) : 0)
                    .pointer(tickets.address())
                    .i32((int) pitch)
                    .i32(0);
            entry.launch(new Engine.Grid(slabs, columns, jobs.size(), THREADS, 0), a);
        }
    }

    /**
     * The struct Source of convolution.cu: one view to be copied or summed.
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
            return THREADS / across();
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
