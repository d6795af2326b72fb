package io.aegis.kernels.cpu;

/**
 * How a product [m, k] [k, n] is cut into parts: by its shape alone, so that the parts, and with them the bits of the
 * result, are the same on any number of threads.
 */
record Grid(long m, long n, int down, int across) {
    /** A side of this length is cut: a part packs both its operands, which costs little beside a long side's work. */
    private static final long SIDE = 768;
    /** Work of a part that is worth the way to another thread, in multiply-adds. */
    private static final long GRAIN = 1 << 18;
    /** Work from which there are at least eight parts, so that a thread that is late costs an eighth. */
    private static final long LARGE = 1 << 24;
    /** Borders lie at multiples of it, so that no part but the last has an odd end. */
    private static final long UNIT = 16;

    /** Work on rows and columns {@code from} (inclusive) to {@code to} (exclusive). */
    @FunctionalInterface
    interface Part {
        void run(long row, long rowEnd, long column, long columnEnd);
    }

    /** Cut along both sides. */
    static Grid of(long m, long n, long k) {
        long down = Math.ceilDiv(m, SIDE);
        long across = Math.ceilDiv(n, SIDE);
        long wanted = wanted(m * n * k);
        while (down * across < wanted) {
            if (m / down >= n / across) {
                down *= 2;
            } else {
                across *= 2;
            }
        }
        return new Grid(m, n, parts(m, down), parts(n, across));
    }

    /** Cut along the columns only, into parts that are as wide for any m. */
    static Grid columns(long m, long n, long k) {
        long across = Math.max(Math.ceilDiv(n, SIDE), wanted(m * n * k));
        return new Grid(m, n, 1, parts(n, across));
    }

    private static long wanted(long work) {
        return work >= LARGE ? 8 : Math.clamp(work / GRAIN, 1, 4);
    }

    private static int parts(long side, long wanted) {
        return (int) Math.clamp(wanted, 1, Math.max(1, Math.ceilDiv(side, UNIT)));
    }

    void run(Part part) {
        Workers.run(down * across, i -> {
            int r = i / across;
            int c = i % across;
            part.run(border(m, r, down), border(m, r + 1, down), border(n, c, across), border(n, c + 1, across));
        });
    }

    private static long border(long side, int i, int parts) {
        return Math.min(side, Math.ceilDiv(side, UNIT) * i / parts * UNIT);
    }
}
