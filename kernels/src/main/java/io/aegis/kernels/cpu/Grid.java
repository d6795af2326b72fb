package io.aegis.kernels.cpu;

/**
 * How a product [m, k] [k, n] is cut into parts: by its shape alone, so that the parts, and with them the bits of the
 * result, are the same on any number of threads.
 */
record Grid(long m, long n, int down, int across) {
    /** A side of this length is cut: a part packs both its operands, which costs little beside a long side's work. */
    private static final long SIDE = 768;
    /** Work, in multiply-adds, that is worth a second thread, and from which four and eight parts are no burden. */
    private static final long TWO = 1 << 21;

    private static final long FOUR = 1 << 24;
    private static final long EIGHT = 1 << 27;
    /** Borders lie at multiples of it, so that no part but the last has an odd end. */
    private static final long UNIT = 16;

    /** Work on rows and columns {@code from} (inclusive) to {@code to} (exclusive). */
    @FunctionalInterface
    interface Task {
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

    /** Of a few rows, each element of b read once: waiting for memory, a multiply-add lasts as long as eight others. */
    static Grid ofRows(long n, long k) {
        return columns(8, n, k);
    }

    /** Cut along the columns only, so that every column of b belongs to one part. */
    static Grid columns(long m, long n, long k) {
        return columns(m, n, k, SIDE);
    }

    /** As above, no part wider than a side. */
    static Grid columns(long m, long n, long k, long side) {
        long across = Math.max(Math.ceilDiv(n, side), wanted(m * n * k));
        return new Grid(m, n, 1, parts(n, across));
    }

    /** Few parts where the work is small: each packs operands of its own (seen: a tenth to a third of a small product). */
    private static long wanted(long work) {
        return work >= EIGHT ? 8 : work >= FOUR ? 4 : work >= TWO ? 2 : 1;
    }

    private static int parts(long side, long wanted) {
        return (int) Math.clamp(wanted, 1, Math.max(1, Math.ceilDiv(side, UNIT)));
    }

    void run(Task task) {
        Workers.run(down * across, i -> {
            int r = i / across;
            int c = i % across;
            task.run(border(m, r, down), border(m, r + 1, down), border(n, c, across), border(n, c + 1, across));
        });
    }

    private static long border(long side, int i, int parts) {
        return Math.min(side, Math.ceilDiv(side, UNIT) * i / parts * UNIT);
    }
}
